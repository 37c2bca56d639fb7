import type { Backend, CompileOptions, Executable } from '../backend.ts';
import type { TensorId } from '../ops/op.ts';
import { forwardPlan } from '../plan/derive.ts';
import type { OpInstance, TrainingPlan } from '../plan/plan.ts';
import { sizeOf } from '../tensor.ts';
import type { OpenStage } from './openStage.ts';

/** What became of the running variance of one batch norm. */
export interface RecalibratedLayer {
  readonly node: string;
  /** Largest ratio of running to measured variance, or the other way round, over its channels: 1 where they agree. */
  readonly gap: number;
}

interface Statistics {
  readonly node: string;
  readonly mean: TensorId;
  readonly variance: TensorId;
  /** Values per channel in a batch. */
  readonly count: number;
}

/**
 * Takes the running statistics of every batch norm that moves them anew, over the batches of the first `steps` steps of the open
 * stage with the weights as they are now: mean and variance over all images of these batches together (Wu and Johnson,
 * "Rethinking 'batch' in BatchNorm", 2021, arXiv:2105.07576, section 3). Running averages lag behind the weights, and with dropout they are those of other activations than
 * evaluation sees (Li, Chen, Hu and Yang, "Understanding the disharmony between dropout and batch normalization by variance
 * shift", CVPR 2019); so dropout and noise are off here, and each batch norm still normalises with its batch. Parameters stay as
 * they are. Sums are kept in float64 in the order of the batches. `tell` hears after each batch how far it is, from 0 to 1; where it
 * throws, statistics stay as they were.
 */
export async function recalibrateBatchNorm(
  open: OpenStage,
  steps: number,
  backend: Backend,
  compile: CompileOptions,
  tell: (done: number) => Promise<void> = () => Promise.resolve(),
): Promise<readonly RecalibratedLayer[]> {
  const { executable, runner, data } = open;
  const { plan, firstStep } = open.stage;
  const batches = steps * runner.parts;
  const forward = forwardPlan(plan, { keep: new Set(), change: quiet });
  const layers = forward.segments[0]!.ops.flatMap((op): Statistics[] => {
    if (op.op !== 'batchNorm') return [];
    const shape = plan.tensors[op.inputs.x]!.shape;
    const { runningMean: mean, runningVar: variance } = op.inputs;
    return [{ node: op.node ?? '', mean, variance, count: sizeOf(shape) / shape[1]! }];
  });
  if (layers.length === 0) return [];
  const beside = await backend.compile(forward, compile);
  try {
    for (const [tensor, values] of data) beside.write(tensor, values);
    for (const id of [...plan.handles.parameters, ...plan.handles.buffers]) await copy(plan, executable, beside, id);
    const sums = layers.map(({ mean }) => {
      const size = sizeOf(plan.tensors[mean]!.shape);
      return { first: new Float64Array(size), second: new Float64Array(size) };
    });
    for (let batch = 0; batch < batches; batch++) {
      runner.prepare(firstStep + Math.floor(batch / runner.parts), batch % runner.parts);
      for (const [tensor, values] of runner.inputs) beside.write(tensor, values);
      beside.run('forward');
      for (const [i, layer] of layers.entries()) await addBatch(layer, beside, plan, sums[i]!);
      await tell((batch + 1) / batches);
    }
    const report: RecalibratedLayer[] = [];
    for (const [i, layer] of layers.entries()) report.push(await write(layer, executable, sums[i]!, batches));
    return report;
  } finally {
    await beside.dispose();
  }
}

/** Batch norm whose running statistics become those of the batch; dropout that keeps all; noise without any; images that are not mixed. */
function quiet(op: OpInstance): OpInstance {
  switch (op.op) {
    case 'batchNorm': {
      const { batchesTracked: _batchesTracked, ...inputs } = op.inputs;
      return { ...op, attrs: { ...op.attrs, momentum: 1 }, inputs };
    }
    // evaluation sees no mixed images: with no shift the row of a and that of b are one, and so is what they are mixed to
    case 'mixRows':
      return { ...op, attrs: { shift: 0 } };
    case 'dropoutMask':
      return { ...op, attrs: { ...op.attrs, p: 0 } };
    case 'dropout':
      return { ...op, attrs: { scale: 1 } };
    case 'noise': {
      const none = { meanRange: 0, largestScale: 1, meanSpread: 0, scaleSpread: 0 };
      return { ...op, attrs: { ...op.attrs, ...none } };
    }
    default:
      return op;
  }
}

interface Sums {
  /** Of the batches' means, and of their mean squares. */
  readonly first: Float64Array;
  readonly second: Float64Array;
}

async function addBatch(
  { mean, variance, count }: Statistics,
  executable: Executable,
  plan: TrainingPlan,
  { first, second }: Sums,
): Promise<void> {
  const means = new Float32Array(sizeOf(plan.tensors[mean]!.shape));
  const variances = new Float32Array(means.length);
  await executable.read(mean, means);
  await executable.read(variance, variances);
  for (let c = 0; c < means.length; c++) {
    first[c]! += means[c]!;
    // running variances are unbiased
    second[c]! += (variances[c]! * (count - 1)) / count + means[c]! * means[c]!;
  }
}

async function write(
  { node, mean, variance, count }: Statistics,
  executable: Executable,
  { first, second }: Sums,
  batches: number,
): Promise<RecalibratedLayer> {
  const old = new Float32Array(first.length);
  await executable.read(variance, old);
  const values = count * batches;
  const means = Float32Array.from(first, (sum) => sum / batches);
  const variances = Float32Array.from(second, (sum, c) => {
    const biased = Math.max(0, sum / batches - (first[c]! / batches) ** 2);
    return values > 1 ? (biased * values) / (values - 1) : biased;
  });
  executable.write(mean, means);
  executable.write(variance, variances);
  const ratio = (a: number, b: number): number => (a === b ? 1 : Math.max(a / b, b / a));
  return { node, gap: variances.reduce((worst, value, c) => Math.max(worst, ratio(value, old[c]!)), 1) };
}

const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

async function copy(plan: TrainingPlan, from: Executable, to: Executable, id: TensorId): Promise<void> {
  const { dtype, shape } = plan.tensors[id]!;
  const values = new arrays[dtype](sizeOf(shape));
  await from.read(id, values);
  to.write(id, values);
}
