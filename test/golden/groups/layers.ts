import { activationGradNeeds, activationNames } from '../../../engine/ops/activationName.ts';
import type { ConvAttrs, TensorId, Window2d } from '../../../engine/ops/op.ts';
import type { Shape } from '../../../engine/tensor.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import type { GoldenCase } from '../cases.ts';
import { GoldenDataError, Unsupported } from '../errors.ts';
import { Trial, runTrial } from '../trial.ts';
import type { Outputs } from '../trial.ts';
import { booleanOf, choiceOf, inputOf, numberOf, numbersOf, pairOf } from './adapter.ts';
import type { GroupAdapter } from './adapter.ts';
import { batchNorm, batchNormSequence } from './batchNorm.ts';
import { adaptiveAvgPool2d, groupNorm, layerNorm, resize } from './norm.ts';
import { engineOpName } from './names.ts';

/** Builds the plan of a case and says where its outputs lie. */
type CaseBuilder = (golden: GoldenCase, trial: Trial) => Outputs;

/** The shape in which the engine holds values that it treats alone: features [N, F] or images [N, C, H, W]. */
export function engineShape(shape: Shape): Shape {
  switch (shape.length) {
    case 1:
      return [1, shape[0]!];
    case 3:
      return [...shape, 1];
    default:
      return shape;
  }
}

/** Declares x and dy, and y and dx of the same shapes; `shapeOf` gives the engine's shape. */
function unary(
  golden: GoldenCase,
  trial: Trial,
  shapeOf: (shape: Shape) => Shape = (shape) => shape,
): { x: TensorId; dy: TensorId; y: TensorId; dx: TensorId; outputs: Outputs } {
  const x = inputOf(golden, 'x');
  const dy = inputOf(golden, 'dy');
  const ids = {
    x: trial.input('x', x, shapeOf(x.shape)),
    dy: trial.input('dy', dy, shapeOf(dy.shape)),
    y: trial.result('y', shapeOf(dy.shape)),
    dx: trial.result('dx', shapeOf(x.shape)),
  };
  return { ...ids, outputs: { y: { id: ids.y, shape: dy.shape }, dx: { id: ids.dx, shape: x.shape } } };
}

/** Weight and, where the case has one, bias, with results of the same shapes for their gradients. */
function weighted(
  golden: GoldenCase,
  trial: Trial,
): {
  weight: TensorId;
  bias: { bias?: TensorId };
  gradients: { dweight: TensorId; dbias?: TensorId };
} {
  const weight = inputOf(golden, 'weight');
  const ids = { weight: trial.input('weight', weight, weight.shape, 'parameter') };
  const dweight = trial.result('dweight', weight.shape);
  if (!booleanOf(golden, 'bias')) return { ...ids, bias: {}, gradients: { dweight } };
  const bias = inputOf(golden, 'bias');
  return {
    ...ids,
    bias: { bias: trial.input('bias', bias, bias.shape, 'parameter') },
    gradients: { dweight, dbias: trial.result('dbias', bias.shape) },
  };
}

const linear: CaseBuilder = (golden, trial) => {
  const { x, dy, y, dx, outputs } = unary(golden, trial);
  const { weight, bias, gradients } = weighted(golden, trial);
  trial.op('linear', {}, { x, weight, ...bias }, { y });
  trial.op('linearGradInput', {}, { dy, weight }, { dx }, 'backward');
  trial.op('linearGradWeight', {}, { x, dy }, gradients, 'backward');
  return { ...outputs, ...gradients };
};

const conv2d: CaseBuilder = (golden, trial) => {
  const { x, dy, y, dx, outputs } = unary(golden, trial);
  const { weight, bias, gradients } = weighted(golden, trial);
  const attrs: ConvAttrs = {
    stride: pairOf(golden, 'stride'),
    pads: numbersOf(golden, 'pads') as unknown as ConvAttrs['pads'],
    dilation: pairOf(golden, 'dilation'),
    groups: numberOf(golden, 'groups'),
  };
  trial.op('conv2d', attrs, { x, weight, ...bias }, { y });
  trial.op('conv2dGradInput', attrs, { dy, weight }, { dx }, 'backward');
  trial.op('conv2dGradWeight', attrs, { x, dy }, gradients, 'backward');
  return { ...outputs, ...gradients };
};

/** Whether the output is rounded up (ceil_mode) is told by its shape. */
function windowOf(golden: GoldenCase): Window2d {
  const [padH, padW] = pairOf(golden, 'pad');
  return { kernel: pairOf(golden, 'kernel'), stride: pairOf(golden, 'stride'), pads: [padH, padW, padH, padW] };
}

const maxPool2d: CaseBuilder = (golden, trial) => {
  const { x, dy, y, dx, outputs } = unary(golden, trial);
  const indices = trial.result('indices', inputOf(golden, 'dy').shape, 'i32');
  const attrs = windowOf(golden);
  trial.op('maxPool2d', attrs, { x }, { y, indices });
  trial.op('maxPool2dGrad', attrs, { x, y, dy }, { dx }, 'backward');
  return { ...outputs, indices };
};

const avgPool2d: CaseBuilder = (golden, trial) => {
  const { x, dy, y, dx, outputs } = unary(golden, trial);
  const attrs = { ...windowOf(golden), countIncludePad: booleanOf(golden, 'count_include_pad') };
  trial.op('avgPool2d', attrs, { x }, { y });
  trial.op('avgPool2dGrad', attrs, { dy }, { dx }, 'backward');
  return outputs;
};

const globalAvgPool2d: CaseBuilder = (golden, trial) => {
  const { x, dy, y, dx, outputs } = unary(golden, trial);
  trial.op('globalAvgPool2d', {}, { x }, { y });
  trial.op('globalAvgPool2dGrad', {}, { dy }, { dx }, 'backward');
  return outputs;
};

const flatten: CaseBuilder = (golden, trial) => {
  const { x, dy, y, dx, outputs } = unary(golden, trial, engineShape);
  trial.op('flatten', {}, { x }, { y });
  trial.op('flattenGrad', {}, { dy }, { dx }, 'backward');
  return outputs;
};

/** The gradient of a sum is dy for each summand, so lowering hands dy on and no op runs: both are read where dy lies. */
const add: CaseBuilder = (golden, trial) => {
  const a = trial.input('a', inputOf(golden, 'a'));
  const b = trial.input('b', inputOf(golden, 'b'));
  const dy = trial.input('dy', inputOf(golden, 'dy'));
  const y = trial.result('y', inputOf(golden, 'dy').shape);
  trial.op('add', {}, { a, b }, { y });
  return { y, da: dy, db: dy };
};

const concat: CaseBuilder = (golden, trial) => {
  const names = [...golden.inputs.keys()].filter((name) => name !== 'dy');
  const xs = names.map((name) => trial.input(name, inputOf(golden, name)));
  const dxs = names.map((name) => trial.result(`d${name}`, inputOf(golden, name).shape));
  const dy = trial.input('dy', inputOf(golden, 'dy'));
  const y = trial.result('y', inputOf(golden, 'dy').shape);
  const attrs = { axis: numberOf(golden, 'axis') };
  trial.op('concat', attrs, { xs }, { y });
  trial.op('concatGrad', attrs, { dy }, { dxs }, 'backward');
  return { y, ...Object.fromEntries(names.map((name, i) => [`d${name}`, dxs[i]!])) };
};

const dropout: CaseBuilder = (golden, trial) => {
  // Evaluation leaves dropout out of the plan: y is x and dx is dy, read where they lie.
  if (!booleanOf(golden, 'training')) {
    return { y: trial.input('x', inputOf(golden, 'x')), dx: trial.input('dy', inputOf(golden, 'dy')) };
  }
  const { x, dy, y, dx, outputs } = unary(golden, trial, engineShape);
  const stored = inputOf(golden, 'mask');
  const mask = trial.input('mask', stored, booleanOf(golden, 'channel') ? stored.shape : engineShape(stored.shape));
  const p = numberOf(golden, 'p');
  const attrs = { scale: p === 1 ? 0 : 1 / (1 - p) };
  trial.op('dropout', attrs, { x, mask }, { y });
  trial.op('dropout', attrs, { x: dy, mask }, { y: dx }, 'backward');
  return outputs;
};

const activation: CaseBuilder = (golden, trial) => {
  const fn = activationNames.find((name) => name === engineOpName(golden.op));
  if (fn === undefined) throw new Unsupported(golden.op);
  const attrs = {
    fn,
    ...('slope' in golden.attrs && { slope: numberOf(golden, 'slope') }),
    ...('alpha' in golden.attrs && { alpha: numberOf(golden, 'alpha') }),
    ...('approximate' in golden.attrs && { approximate: choiceOf(golden, 'approximate', ['none', 'tanh']) }),
  };
  const { x, dy, y, dx, outputs } = unary(golden, trial, engineShape);
  const from = activationGradNeeds[fn] === 'x' ? { x } : { y };
  trial.op('activation', attrs, { x }, { y });
  trial.op('activationGrad', attrs, { ...from, dy }, { dx }, 'backward');
  return outputs;
};

/** The axis may be counted from the end. */
const lines =
  (op: 'softmax' | 'logSoftmax'): CaseBuilder =>
  (golden, trial) => {
    const { x, dy, y, dx, outputs } = unary(golden, trial);
    const axis = numberOf(golden, 'axis');
    const attrs = { axis: axis < 0 ? axis + inputOf(golden, 'x').shape.length : axis };
    trial.op(op, attrs, { x }, { y });
    trial.op(`${op}Grad`, attrs, { y, dy }, { dx }, 'backward');
    return outputs;
  };

const builders: Readonly<Record<string, CaseBuilder>> = {
  linear,
  conv2d,
  max_pool2d: maxPool2d,
  avg_pool2d: avgPool2d,
  global_avg_pool2d: globalAvgPool2d,
  flatten,
  add,
  concat,
  batch_norm: batchNorm,
  group_norm: groupNorm,
  layer_norm: layerNorm,
  adaptive_avg_pool2d: adaptiveAvgPool2d,
  resize,
  dropout,
  softmax: lines('softmax'),
  log_softmax: lines('logSoftmax'),
};

export const layers: GroupAdapter = (golden, device) => {
  if (golden.op === 'batch_norm_sequence') return batchNormSequence(golden, device);
  const trial = new Trial();
  const build = builders[golden.op] ?? activation;
  for (const [name, tensor] of golden.inputs) {
    if (sizeOf(tensor.shape) === 0) throw new GoldenDataError(`${golden.id}: input "${name}" is empty.`);
  }
  return runTrial(trial, device, build(golden, trial));
};
