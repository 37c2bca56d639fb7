import type { Value } from './builder.ts';
import { constantAt, fault, idOf, layerAt, zeros, type Handler, type Operator } from './operator.ts';
import type { Constant } from './tensor.ts';

/** A dense layer of a weight [inputs, units] or, turned, [units, inputs]. */
function dense(operator: Operator, weight: Constant, turned: boolean, bias: Constant | undefined): Value | undefined {
  const { builder, place } = operator;
  const source = operator.inputs[0];
  const x = source?.kind === 'layer' ? source : layerAt(operator);
  if (x === undefined) return undefined;
  if (weight.shape.length !== 2)
    return fault(operator, `its weight has ${weight.shape.length} axes; a matrix was expected`);
  const [units, inputs] = turned ? [weight.shape[0]!, weight.shape[1]!] : [weight.shape[1]!, weight.shape[0]!];
  if (x.shape.length === 1 && x.shape[0] !== inputs) {
    return fault(operator, `its weight is for ${inputs} features, but ${x.id} gives ${x.shape.join('×')}`);
  }
  const id = idOf(operator, 'dense');
  const value = builder.add('dense', id, [x], { units, bias: bias !== undefined }, place);
  if (value === undefined) return undefined;
  const straight = turned
    ? weight
    : {
        shape: [units, inputs],
        values: Float32Array.from(
          { length: units * inputs },
          (_, i) => weight.values[(i % inputs) * units + Math.floor(i / inputs)]!,
        ),
      };
  builder.weight(id, 'weight', straight, [units, inputs], place);
  if (bias !== undefined) builder.weight(id, 'bias', bias, [units], place);
  return value;
}

export const gemm: Handler = (operator) => {
  const { attributes } = operator;
  if (attributes.float('alpha', 1) !== 1 || attributes.float('beta', 1) !== 1 || attributes.int('transA', 0) !== 0) {
    return fault(operator, 'only Gemm with alpha 1, beta 1 and an input that is not transposed is read');
  }
  const weight = constantAt(operator, 1, 'weight');
  const bias = operator.inputs[2] === undefined ? undefined : constantAt(operator, 2, 'bias');
  return weight && dense(operator, weight, attributes.int('transB', 0) === 1, bias);
};

export const matMul: Handler = (operator) => {
  const weight = constantAt(operator, 1, 'weight');
  return weight && dense(operator, weight, false, undefined);
};

export const batchNorm: Handler = (operator) => {
  const { attributes, builder, place } = operator;
  const x = layerAt(operator);
  const names = ['scale', 'bias', 'mean', 'variance'];
  const constants = names.map((name, i) => constantAt(operator, i + 1, name));
  if (x === undefined || constants.some((each) => each === undefined)) return undefined;
  if (attributes.int('training_mode', 0) !== 0)
    return fault(operator, 'it is in training mode; export the model in evaluation mode');
  if (attributes.int('spatial', 1) !== 1)
    return fault(operator, 'it normalises every pixel by itself (spatial 0); only whole channels are supported');
  const momentum = Number((1 - attributes.float('momentum', 0.9)).toPrecision(6));
  const id = idOf(operator, 'batchNorm');
  const value = builder.add('batchNorm', id, [x], { eps: attributes.float('epsilon', 1e-5), momentum }, place);
  if (value === undefined) return undefined;
  const channels = [x.shape[0]!];
  ['gamma', 'beta', 'runningMean', 'runningVar'].forEach((name, i) =>
    builder.weight(id, name, constants[i]!, channels, place),
  );
  return value;
};

export const layerNorm: Handler = (operator) => {
  const { attributes, builder, place } = operator;
  const x = layerAt(operator);
  const scale = constantAt(operator, 1, 'scale');
  if (x === undefined || scale === undefined) return undefined;
  const axis = attributes.int('axis', -1);
  if (axis !== 1 && axis !== -x.shape.length)
    return fault(operator, `it normalises from axis ${axis} on; only all values of an image (axis 1) are supported`);
  const id = idOf(operator, 'layerNorm');
  const value = builder.add('layerNorm', id, [x], { eps: attributes.float('epsilon', 1e-5) }, place);
  if (value === undefined) return undefined;
  const bias = operator.inputs[2] === undefined ? zeros(scale) : constantAt(operator, 2, 'bias');
  builder.weight(id, 'gamma', scale, x.shape, place);
  if (bias !== undefined) builder.weight(id, 'beta', bias, x.shape, place);
  return value;
};

export const groupNorm: Handler = (operator) => {
  const { attributes, builder, place, opset } = operator;
  const [x, scale, bias] = [layerAt(operator), constantAt(operator, 1, 'scale'), constantAt(operator, 2, 'bias')];
  if (x === undefined || scale === undefined || bias === undefined) return undefined;
  const groups = attributes.int('num_groups', 1);
  const channels = x.shape[0]!;
  // up to set 20 the factors belonged to groups
  const spread = (each: Constant): Constant =>
    opset < 21 && each.values.length === groups
      ? {
          shape: [channels],
          values: Float32Array.from({ length: channels }, (_, c) => each.values[Math.floor((c * groups) / channels)]!),
        }
      : each;
  const id = idOf(operator, 'groupNorm');
  const value = builder.add('groupNorm', id, [x], { groups, eps: attributes.float('epsilon', 1e-5) }, place);
  if (value === undefined) return undefined;
  builder.weight(id, 'gamma', spread(scale), [channels], place);
  builder.weight(id, 'beta', spread(bias), [channels], place);
  return value;
};

/** Of whole channels, or of groups that a Reshape made: the middle of a group norm as PyTorch writes it. */
export const instanceNorm: Handler = (operator) => {
  const { attributes, builder, place } = operator;
  const [scale, bias] = [constantAt(operator, 1, 'scale'), constantAt(operator, 2, 'bias')];
  const eps = attributes.float('epsilon', 1e-5);
  const source = operator.inputs[0];
  if (scale === undefined || bias === undefined) return undefined;
  if (source?.kind === 'grouped') {
    const plain =
      Array.from(scale.values).every((value) => value === 1) && Array.from(bias.values).every((value) => value === 0);
    if (!plain) return fault(operator, 'factors of groups are not supported');
    return { ...source, eps };
  }
  const x = layerAt(operator);
  if (x === undefined) return undefined;
  const id = idOf(operator, 'instanceNorm');
  const value = builder.add('groupNorm', id, [x], { groups: x.shape[0]!, eps }, place);
  if (value === undefined) return undefined;
  builder.weight(id, 'gamma', scale, [x.shape[0]!], place);
  builder.weight(id, 'beta', bias, [x.shape[0]!], place);
  return value;
};
