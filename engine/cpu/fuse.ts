import type { OpName, TensorId } from '../ops/op.ts';
import type { OpInstance, OpInstanceOf, Plan, Segment } from '../plan/plan.ts';
import { inputIds, outputIds } from './instance.ts';

/** Batch norm, ReLU and, where windows tile the image, max pooling in one pass over an image: y = pool(relu(bn(x))). */
export interface RectifiedNorm {
  readonly kind: 'rectifiedNorm';
  readonly norm: OpInstanceOf<'batchNorm'> | OpInstanceOf<'batchNormInference'>;
  readonly activation: OpInstanceOf<'activation'>;
  readonly pool: OpInstanceOf<'maxPool2d'> | undefined;
  /** Whether an op outside the group reads the rectified image, so that a pass that pools must keep it. */
  readonly keepsRectified: boolean;
}

/** The way back through such a group: what ReLU let through and what the pool chose is computed again from x, not kept. */
export interface RectifiedNormGrad {
  readonly kind: 'rectifiedNormGrad';
  readonly forward: RectifiedNorm;
  readonly pool: OpInstanceOf<'maxPool2dGrad'> | undefined;
  readonly activation: OpInstanceOf<'activationGrad'>;
  readonly norm: OpInstanceOf<'batchNormGrad'>;
}

export type FusedGroup = RectifiedNorm | RectifiedNormGrad;

/** What is lowered as one: an op of the plan, or a group of ops that became one. */
export type Work = { readonly kind: 'op'; readonly instance: OpInstance } | FusedGroup;

/** Who writes and who reads each tensor, in all segments. */
class Uses {
  readonly #readers = new Map<TensorId, OpInstance[]>();
  readonly #writers = new Map<TensorId, OpInstance>();

  readonly #plan: Plan;

  constructor(plan: Plan) {
    this.#plan = plan;
    for (const instance of plan.segments.flatMap(({ ops }) => ops)) {
      for (const id of inputIds(instance)) this.#readers.set(id, [...this.readers(id), instance]);
      for (const id of outputIds(instance)) this.#writers.set(id, instance);
    }
  }

  readers(id: TensorId): readonly OpInstance[] {
    return this.#readers.get(id) ?? [];
  }

  /** The op of that name that writes the tensor, if it is an activation that nobody else but `only` reads. */
  soleSource<N extends OpName>(id: TensorId, name: N, only: OpInstance): OpInstanceOf<N> | undefined {
    const writer = this.#writers.get(id);
    if (writer?.op !== name || this.#plan.tensors[id]!.role !== 'activation') return undefined;
    return this.readers(id).every((reader) => reader === only) ? (writer as OpInstanceOf<N>) : undefined;
  }
}

function isImage(plan: Plan, id: TensorId): boolean {
  const [, , height = 1, width = 1, ...more] = plan.tensors[id]!.shape;
  return plan.tensors[id]!.shape.length === 4 && more.length === 0 && height * width > 1;
}

/** Windows of the op cover every pixel of x exactly once. */
function isTiled(plan: Plan, { attrs, inputs, outputs }: OpInstanceOf<'maxPool2d'>): boolean {
  const { kernel, stride, pads } = attrs;
  const large = plan.tensors[inputs.x]!.shape;
  const small = plan.tensors[outputs.y]!.shape;
  return (
    outputs.indices === undefined &&
    pads.every((pad) => pad === 0) &&
    kernel[0] * kernel[1] <= 16 &&
    [0, 1].every((axis) => kernel[axis] === stride[axis] && small[axis + 2]! * stride[axis]! === large[axis + 2])
  );
}

const isRelu = (instance: OpInstance): instance is OpInstanceOf<'activation'> =>
  instance.op === 'activation' && instance.attrs.fn === 'relu';

/** Ops of the segment in groups that run as one, in an order that keeps every value written before it is read. */
export function fuse(plan: Plan, segment: Segment): Work[] {
  const uses = new Uses(plan);
  const forward = segment.ops.filter(isRelu).flatMap((activation) => forwardGroup(plan, uses, activation));
  const backward = segment.ops.flatMap((instance) =>
    instance.op === 'batchNormGrad' ? gradGroup(uses, instance, forward) : [],
  );
  const groups = forward.map((group) => withoutNeedlessImage(uses, group, backward));
  const grads = backward.map((grad) => ({ ...grad, forward: groups[forward.indexOf(grad.forward)]! }));
  // A group stands where its rectifier stood (its other forward ops depend on nothing else), or at its end on the way back.
  const at = new Map<OpInstance, Work | null>();
  for (const group of groups) {
    at.set(group.norm, null).set(group.activation, group);
    if (group.pool) at.set(group.pool, null);
  }
  for (const group of grads) {
    at.set(group.activation, null).set(group.norm, group);
    if (group.pool) at.set(group.pool, null);
  }
  return segment.ops.flatMap((instance) => {
    const group = at.get(instance);
    if (group === null) return [];
    return [group ?? { kind: 'op', instance }];
  });
}

function forwardGroup(plan: Plan, uses: Uses, activation: OpInstanceOf<'activation'>): RectifiedNorm[] {
  const norm =
    uses.soleSource(activation.inputs.x, 'batchNorm', activation) ??
    uses.soleSource(activation.inputs.x, 'batchNormInference', activation);
  if (!norm || !isImage(plan, norm.inputs.x)) return [];
  const { y } = activation.outputs;
  const pools = uses.readers(y).filter((reader) => reader.op === 'maxPool2d');
  const [pool] = pools.length === 1 && plan.tensors[y]!.role === 'activation' ? pools : [];
  const tiled = pool && isTiled(plan, pool) ? pool : undefined;
  return [{ kind: 'rectifiedNorm', norm, activation, pool: tiled, keepsRectified: true }];
}

function gradGroup(
  uses: Uses,
  norm: OpInstanceOf<'batchNormGrad'>,
  forward: readonly RectifiedNorm[],
): RectifiedNormGrad[] {
  const group = forward.find(
    (each) => each.norm.op === 'batchNorm' && each.norm.outputs.batchMean === norm.inputs.batchMean,
  );
  const activation = uses.soleSource(norm.inputs.dy, 'activationGrad', norm);
  if (!group || activation?.inputs.y !== group.activation.outputs.y) return [];
  if (!group.pool) return [{ kind: 'rectifiedNormGrad', forward: group, pool: undefined, activation, norm }];
  const pool = uses.soleSource(activation.inputs.dy, 'maxPool2dGrad', activation);
  // The gradient may come by other ways as well: then only ReLU and batch norm run as one.
  const isWhole = pool?.inputs.y === group.pool.outputs.y;
  return [{ kind: 'rectifiedNormGrad', forward: group, pool: isWhole ? pool : undefined, activation, norm }];
}

function withoutNeedlessImage(uses: Uses, group: RectifiedNorm, backward: readonly RectifiedNormGrad[]): RectifiedNorm {
  if (!group.pool) return group;
  const inside = new Set<OpInstance>([group.pool]);
  for (const grad of backward) {
    if (grad.forward !== group) continue;
    inside.add(grad.activation);
    if (grad.pool) inside.add(grad.pool);
  }
  const keepsRectified = uses.readers(group.activation.outputs.y).some((reader) => !inside.has(reader));
  return { ...group, keepsRectified };
}
