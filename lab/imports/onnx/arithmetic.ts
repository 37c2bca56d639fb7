import type { LayerValue, Value } from './builder.ts';
import { fault, idOf, layerAt, zeros, type Handler, type Operator } from './operator.ts';
import type { Constant } from './tensor.ts';

const sameLayer = (a: Value | undefined, b: Value | undefined): boolean =>
  a?.kind === 'layer' && b?.kind === 'layer' && a.id === b.id;

/** The one constant number among the inputs, and the other input. */
function withNumber(operator: Operator): { readonly number: number; readonly other: Value | undefined } | undefined {
  const [a, b] = operator.inputs;
  const constant = a?.kind === 'constant' ? a : b?.kind === 'constant' ? b : undefined;
  if (constant?.constant.values.length !== 1) return undefined;
  return { number: constant.constant.values[0]!, other: constant === a ? b : a };
}

const near = (a: number, b: number): boolean => Math.abs(a - b) < 1e-4 * Math.abs(b);

export const add: Handler = (operator) => {
  const { builder, place, inputs } = operator;
  const scalar = withNumber(operator);
  if (scalar?.other?.kind === 'gate' && scalar.other.step === 'erf' && near(scalar.number, 1)) {
    return { ...scalar.other, step: 'onePlus' };
  }
  const constant = inputs.find((value) => value?.kind === 'constant');
  const other = inputs.find((value) => value?.kind === 'layer');
  if (constant?.kind === 'constant' && other?.kind === 'layer') return addConstant(operator, other, constant.constant);
  const list = inputs.map((_, i) => layerAt(operator, i));
  const known = list.filter((value) => value !== undefined);
  if (known.length < 2 || known.length < list.length) return undefined;
  return builder.add('add', idOf(operator, 'add'), known, {}, place);
};

/** A bias behind a layer that has none, or the beta of a group norm. */
function addConstant(operator: Operator, x: LayerValue, constant: Constant): Value | undefined {
  const { builder, place } = operator;
  const layer = builder.layerOf(x.id)?.node;
  const perChannel = constant.values.length === x.shape[0];
  const trailing = x.shape.length === 1 || constant.shape.slice(-2).join() === '1,1';
  if (layer !== undefined && perChannel && trailing) {
    if ((layer.layer === 'dense' || layer.layer === 'conv2d') && layer.props?.['bias'] === false) {
      builder.setProps(x.id, ({ bias: _bias, ...rest }) => rest);
      builder.weight(x.id, 'bias', constant, [x.shape[0]!], place);
      return x;
    }
    if (layer.layer === 'groupNorm' && builder.weights.has(`${x.id}.gamma`)) {
      builder.weight(x.id, 'beta', constant, [x.shape[0]!], place);
      return x;
    }
  }
  return fault(operator, `it adds a constant to ${x.id}, which is no bias of a dense layer or convolution`);
}

export const multiply: Handler = (operator) => {
  const { builder, inputs, place } = operator;
  const [a, b] = inputs;
  const scalar = withNumber(operator);
  if (scalar?.other?.kind === 'gate') {
    const { other, number } = scalar;
    if (other.step === 'double' && near(number, 0.5))
      return builder.add('gelu', idOf(operator, 'gelu'), [other.of], {}, place);
  }
  if (scalar?.other?.kind === 'layer' && near(scalar.number, Math.SQRT1_2))
    return { kind: 'gate', of: scalar.other, step: 'scaled' };
  if (scalar?.other?.kind === 'layer' && near(scalar.number, 0.5))
    return { kind: 'gate', of: scalar.other, step: 'halved' };
  for (const [x, gate] of [
    [a, b],
    [b, a],
  ] as const) {
    if (gate?.kind === 'gate' && x?.kind === 'layer' && gate.of.id === x.id) {
      if (gate.step === 'onePlus') return { ...gate, step: 'double' };
      if (gate.step === 'hardSigmoid') return builder.add('hardSwish', idOf(operator, 'hardSwish'), [x], {}, place);
    }
    if (
      gate?.kind === 'gate' &&
      x?.kind === 'gate' &&
      x.step === 'halved' &&
      gate.step === 'onePlus' &&
      x.of.id === gate.of.id
    ) {
      return builder.add('gelu', idOf(operator, 'gelu'), [x.of], {}, place);
    }
    if (x?.kind !== 'layer' || gate?.kind !== 'layer') continue;
    const made = builder.layerOf(gate.id);
    if (made?.node.layer === 'sigmoid' && sameLayer(made.inputs[0], x)) {
      return builder.add('silu', idOf(operator, 'silu'), [x], {}, place);
    }
    const inner = made?.node.layer === 'tanh' && made.inputs[0] ? builder.layerOf(made.inputs[0].id) : undefined;
    if (inner?.node.layer === 'softplus' && sameLayer(inner.inputs[0], x)) {
      return builder.add('mish', idOf(operator, 'mish'), [x], {}, place);
    }
  }
  return scaleOf(operator);
};

/** The gamma of a group norm. */
function scaleOf(operator: Operator): Value | undefined {
  const { builder, inputs, place } = operator;
  const constant = inputs.find((value) => value?.kind === 'constant');
  const x = inputs.find((value) => value?.kind === 'layer');
  if (constant?.kind === 'constant' && x?.kind === 'layer') {
    const { values, shape } = constant.constant;
    const layer = builder.layerOf(x.id)?.node;
    const perChannel = values.length === x.shape[0] && shape.slice(-2).join() === '1,1';
    if (layer?.layer === 'groupNorm' && layer.props?.['affine'] === false && perChannel) {
      builder.setProps(x.id, ({ affine: _affine, ...rest }) => rest);
      builder.weight(x.id, 'gamma', constant.constant, [x.shape[0]!], place);
      builder.weight(x.id, 'beta', zeros(constant.constant), [x.shape[0]!], place);
      return x;
    }
  }
  return fault(operator, 'products are only read as part of SiLU, Mish, GELU, hard swish or group norm');
}

export const divide: Handler = (operator) => {
  const scalar = withNumber(operator);
  if (scalar?.other?.kind === 'layer' && near(scalar.number, Math.SQRT2) && operator.inputs[1]?.kind === 'constant') {
    return { kind: 'gate', of: scalar.other, step: 'scaled' };
  }
  return fault(operator, 'divisions are only read as part of GELU');
};

export const erf: Handler = (operator) => {
  const source = operator.inputs[0];
  if (source?.kind === 'gate' && source.step === 'scaled') return { ...source, step: 'erf' };
  return fault(operator, 'the error function is only read as part of GELU');
};

export const hardSigmoid: Handler = (operator) => {
  const x = layerAt(operator);
  if (x === undefined) return undefined;
  const { attributes } = operator;
  if (near(attributes.float('alpha', 0.2), 1 / 6) && near(attributes.float('beta', 0.5), 0.5)) {
    return { kind: 'gate', of: x, step: 'hardSigmoid' };
  }
  return fault(operator, 'it is only read as part of hard swish (alpha 1/6, beta 0.5)');
};
