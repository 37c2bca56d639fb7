import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import { inputOperands } from '../ops/operands.ts';
import type { OpInstance, OpInstanceOf, Plan } from '../plan/plan.ts';
import { sizeOf } from '../tensor.ts';
import { bytesOf } from './bytes.ts';
import type { RingSize } from './stream.ts';

/** A data tensor that is streamed: the size of its ring, and the lists of image numbers that segments read it by. */
export interface StreamPlan extends RingSize {
  readonly tensor: TensorId;
  readonly indices: readonly TensorId[];
}

type Gather = OpInstanceOf<'gatherImages'> | OpInstanceOf<'augmentImages'>;
const isGather = (op: OpInstance): op is Gather => op.op === 'gatherImages' || op.op === 'augmentImages';

/** Lists of image numbers that an op of the segments reads the tensor by, of each segment. */
const listsOf = (plan: Plan, tensor: TensorId): TensorId[][] =>
  plan.segments.map(({ ops }) => [
    ...new Set(ops.filter(isGather).flatMap(({ inputs }) => (inputs.pixels === tensor ? [inputs.indices] : []))),
  ]);

/** Names of the segments that read images of the tensor by this list. */
export function segmentsThatRead(plan: Plan, tensor: TensorId, indices: TensorId): Set<string> {
  const reading = plan.segments.filter((_, i) => listsOf(plan, tensor)[i]!.includes(indices));
  return new Set(reading.map(({ name }) => name));
}

/** Runs whose images a ring has room for at least: of one that is queued, of the next, and of one to be uploaded. */
const leastRuns = 3;

/**
 * Which data tensors stay on the host so that the others and the rings take no more than `budget` bytes: the largest sets of
 * images first. Throws EngineError('memory') where a ring as large as one binding does not hold the images of one run.
 */
export function planStreams(plan: Plan, budget: number, largestBinding: number): StreamPlan[] {
  const data = plan.tensors.filter(({ role }) => role === 'data');
  const readByOthers = new Set(
    plan.segments.flatMap(({ ops }) =>
      ops.filter((op) => !isGather(op)).flatMap((op) => inputOperands(op).map(({ tensor }) => tensor)),
    ),
  );
  const candidates = data
    .filter(({ id, dtype, shape }) => dtype === 'u8' && shape.length > 1 && !readByOthers.has(id))
    .sort((a, b) => bytesOf(b) - bytesOf(a) || a.id - b.id);
  const chosen: typeof candidates = [];
  let resident = data.reduce((sum, spec) => sum + bytesOf(spec), 0);
  for (const spec of candidates) {
    if (resident <= budget) break;
    resident -= bytesOf(spec);
    chosen.push(spec);
  }
  return chosen.map(({ id, name, shape }) => {
    const images = shape[0]!;
    const rowBytes = Math.ceil(sizeOf(shape.slice(1)) / 4) * 4;
    const lists = listsOf(plan, id);
    const reads = lists.map((of) => of.reduce((sum, indices) => sum + sizeOf(plan.tensors[indices]!.shape), 0));
    const most = Math.min(images, Math.max(1, ...reads));
    const room = Math.floor(Math.min((budget - resident) / chosen.length, largestBinding) / rowBytes);
    const rows = Math.min(images, Math.max(room, leastRuns * most), Math.floor(largestBinding / rowBytes));
    if (rows < most) {
      throw new EngineError(
        'memory',
        `The ${most} images of "${name}" that one step reads take more than this GPU can bind at once; use a smaller batch or backend cpu.`,
      );
    }
    return { tensor: id, rows, rowBytes, most, indices: [...new Set(lists.flat())] };
  });
}
