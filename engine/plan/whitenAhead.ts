import { inputOperands, outputOperands } from '../ops/operands.ts';
import type { TensorId } from '../ops/op.ts';
import { sizeOf } from '../tensor.ts';
import type { OpInstance, Plan, TensorSpec, TrainingPlan } from './plan.ts';

/** A training plan whose images are whitened before its steps, each once. */
export interface AheadPlan extends Plan {
  /** Segments that whiten the images named by the evaluation's indices: of the training file, and of the test file. */
  readonly ahead: { readonly train: string; readonly test: string };
}

/** Bytes that whitened images may take; of more of them a step whitens those it reads. */
const mostWhitenedBytes = 2 ** 30;

type Files = keyof AheadPlan['ahead'];
type Gather = Extract<OpInstance, { op: 'gatherImages' }>;

/** The ops that gather and whiten the images of a segment. */
interface Chain {
  readonly ops: ReadonlySet<OpInstance>;
  readonly gather: Gather;
  /** What is made of them, f32 [N, C, H, W]. */
  readonly images: TensorId;
}

/**
 * The plan with whitened images in memory, f32 as the model sees them: segments gather their rows instead of gathering, resizing and
 * multiplying, and two more segments fill the rows, with the ops that the evaluations had for it. Tensors keep their numbers, so
 * handles of `plan` are good for it. Null for a plan without whitening, one that changes images before they are whitened, and one
 * whose rows would take more than `mostBytes`.
 */
export function whitenAhead(plan: TrainingPlan, mostBytes = mostWhitenedBytes): AheadPlan | null {
  const { whitening, augmentation, trainPixels, testPixels } = plan.handles;
  if (whitening === undefined || augmentation !== undefined) return null;
  const chains = new Map(plan.segments.map(({ name, ops }) => [name, chainsOf(ops, whitening)]));
  const [train, test] = [chains.get('evaluateTrain')![0]!, chains.get('evaluateTest')![0]!];
  const image = plan.tensors[train.images]!.shape.slice(1);
  const counts = [trainPixels, testPixels].map((id) => plan.tensors[id]!.shape[0]!);
  if (4 * sizeOf(image) * (counts[0]! + counts[1]!) > mostBytes) return null;

  const tensors: TensorSpec[] = [...plan.tensors];
  const tensor = (name: string, rows: number, role: TensorSpec['role']): TensorId => {
    tensors.push({ id: tensors.length, name, shape: [rows, ...image], dtype: 'f32', role });
    return tensors.length - 1;
  };
  const rows: Record<Files, TensorId> = {
    train: tensor('data.trainRows', counts[0]!, 'buffer'),
    test: tensor('data.testRows', counts[1]!, 'buffer'),
  };
  const fetched = ({ gather, images }: Chain): OpInstance => {
    const { indices, pixels } = gather.inputs;
    const inputs = { rows: pixels === testPixels ? rows.test : rows.train, indices };
    return { op: 'gatherRows', attrs: {}, inputs, outputs: { x: images }, phase: 'data', ...nodeOf(gather) };
  };
  const segments = plan.segments.map(({ name, ops }) => {
    const own = chains.get(name)!;
    const change = (op: OpInstance): OpInstance[] => {
      const chain = own.find((each) => each.ops.has(op));
      if (chain === undefined) return [op];
      return op === chain.gather ? [fetched(chain)] : [];
    };
    return { name, ops: ops.flatMap(change) };
  });
  const ahead = { train: 'whitenTrain', test: 'whitenTest' } as const;
  for (const file of ['train', 'test'] as const) {
    const { ops, gather, images } = file === 'train' ? train : test;
    const x = tensor(`${ahead[file]}/x`, plan.tensors[images]!.shape[0]!, 'activation');
    const { indices } = gather.inputs;
    const filled: OpInstance = {
      op: 'scatterRows',
      attrs: {},
      inputs: { x, indices, rows: rows[file] },
      outputs: {},
      phase: 'data',
      ...nodeOf(gather),
    };
    segments.push({ name: ahead[file], ops: [...[...ops].map((op) => writing(op, images, x)), filled] });
  }
  return { tensors, segments, ahead };
}

const nodeOf = ({ node }: OpInstance): { readonly node?: string } => (node === undefined ? {} : { node });

/** The op with `x` in the place of `images` among its outputs. */
function writing(op: OpInstance, images: TensorId, x: TensorId): OpInstance {
  return op.op === 'flattenGrad' && op.outputs.dx === images ? { ...op, outputs: { dx: x } } : op;
}

/** What a segment does to images up to their whitening, once for each pass in it. */
function chainsOf(ops: readonly OpInstance[], whitening: TensorId): readonly Chain[] {
  return ops.flatMap((product): Chain[] => {
    if (product.op !== 'linear' || product.inputs.weight !== whitening) return [];
    const shaped = ops.find((op) => op.op === 'flattenGrad' && op.inputs.dy === product.outputs.y);
    // back from the product to the gathering: of each op, one input is what another op of the segment writes
    const back: OpInstance[] = [];
    for (let op: OpInstance | undefined = product; op !== undefined; op = writerOf(ops, op)) back.push(op);
    const gather = back.at(-1)!;
    if (shaped?.op !== 'flattenGrad' || gather.op !== 'gatherImages') return [];
    return [{ ops: new Set([...back.reverse(), shaped]), gather, images: shaped.outputs.dx }];
  });
}

function writerOf(ops: readonly OpInstance[], reader: OpInstance): OpInstance | undefined {
  const read = new Set(inputOperands(reader).map(({ tensor }) => tensor));
  return ops.find((op) => outputOperands(op).some(({ tensor }) => read.has(tensor)));
}
