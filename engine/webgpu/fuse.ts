import { activationGradNeeds } from '../ops/activationName.ts';
import { inPlaceOf } from '../ops/index.ts';
import type { OpName, TensorId } from '../ops/op.ts';
import { inputOperands, outputOperands } from '../ops/operands.ts';
import type { OpInstance, Plan } from '../plan/plan.ts';
import { sizeOf } from '../tensor.ts';
import { flattenRoots } from './flatten.ts';

/** An op, and those that are computed element by element from its result where that is written. */
export interface Group {
  readonly head: OpInstance;
  /** In order: each reads the head's result or that of a link before it. */
  readonly links: readonly OpInstance[];
}

/** A plan as it is run. */
export interface Fusion {
  readonly fuses: boolean;
  readonly segments: readonly { readonly name: string; readonly groups: readonly Group[] }[];
  /** By tensor: the one whose memory it has. A flatten moves nothing. */
  readonly roots: readonly TensorId[];
  /** Results that nobody reads outside their group; they have no memory. */
  readonly elided: ReadonlySet<TensorId>;
  /** Tensors that lie in memory in half precision (half.ts). */
  readonly halves: ReadonlySet<TensorId>;
}

/** Bindings of the dispatch that writes the result of an op others may be linked to; the result is the first output. */
const headBindings: Partial<Record<OpName, number>> = {
  linear: 4,
  linearGradInput: 3,
  conv2d: 4,
  conv2dGradInput: 3,
  maxPool2d: 3,
  maxPool2dGrad: 3,
  avgPool2d: 2,
  avgPool2dGrad: 2,
  globalAvgPool2d: 2,
  globalAvgPool2dGrad: 2,
  batchNorm: 6,
  batchNormGrad: 7,
  batchNormInference: 6,
  batchNormInferenceGrad: 4,
  dropout: 3,
  scaleShift: 4,
  activation: 2,
  activationGrad: 3,
  add: 3,
};

/** Inputs of the ops that can be links: those read at the element that is written. */
function elementInputs(op: OpInstance): TensorId[] | undefined {
  switch (op.op) {
    case 'activation':
    case 'dropout':
    case 'scaleShift':
    case 'batchNormInference':
      return [op.inputs.x];
    case 'activationGrad':
      return [op.inputs[activationGradNeeds[op.attrs.fn]]!, op.inputs.dy];
    case 'add':
      return [op.inputs.a, op.inputs.b];
    case 'batchNormInferenceGrad':
      return op.outputs.dgamma === undefined && op.outputs.dbeta === undefined ? [op.inputs.dy] : undefined;
    default:
      return undefined;
  }
}

const inputsOf = (op: OpInstance): TensorId[] => inputOperands(op).map(({ tensor }) => tensor);
const outputsOf = (op: OpInstance): TensorId[] => outputOperands(op).map(({ tensor }) => tensor);
/** The result that `emit` writes: the first output that is declared. */
export const resultOf = (op: OpInstance): TensorId => {
  const { y, dx } = op.outputs as { readonly y?: TensorId; readonly dx?: TensorId };
  return (y ?? dx)!;
};

/**
 * Finds chains: an op moves up to the one whose result it reads, if nothing that it reads besides is written in between. A
 * group stays within `mostBindings`. With `fuses` false every op stays by itself.
 */
export function fusePlan(
  plan: Plan,
  mostBindings: number,
  { fuses = true, halves = new Set() }: Partial<Pick<Fusion, 'fuses' | 'halves'>> = {},
): Fusion {
  const roots = flattenRoots(plan);
  const root = (id: TensorId): TensorId => roots[id]!;
  const segments = plan.segments.map(({ name, ops }) => {
    const moving = drawsFirst(ops.filter((op) => !isAlias(op, roots)));
    return {
      name,
      groups: fuses ? groupsOf(plan, moving, root, mostBindings) : moving.map((head) => ({ head, links: [] })),
    };
  });
  return { fuses, segments, roots, elided: elidedIn(plan, segments, root), halves };
}

/** Random draws depend on the step alone: they come first, so that they keep no chain from being one. */
function drawsFirst(ops: readonly OpInstance[]): OpInstance[] {
  const draws = ops.filter(({ op }) => op === 'dropoutMask' || op === 'noise');
  return [...draws, ...ops.filter((op) => !draws.includes(op))];
}

const isAlias = (op: OpInstance, roots: readonly TensorId[]): boolean =>
  (op.op === 'flatten' && roots[op.inputs.x] === roots[op.outputs.y]) ||
  (op.op === 'flattenGrad' && roots[op.inputs.dy] === roots[op.outputs.dx]);

interface Segment {
  readonly plan: Plan;
  readonly root: (id: TensorId) => TensorId;
  /** By root. */
  readonly readers: ReadonlyMap<TensorId, readonly OpInstance[]>;
  readonly mostBindings: number;
}

function groupsOf(
  plan: Plan,
  ops: readonly OpInstance[],
  root: (id: TensorId) => TensorId,
  mostBindings: number,
): Group[] {
  const segment = { plan, root, readers: readersOf(ops, root), mostBindings };
  const taken = new Set<OpInstance>();
  return ops.flatMap((head, at) => {
    if (taken.has(head)) return [];
    const later = ops.slice(at + 1).filter((op) => !taken.has(op));
    const links = headBindings[head.op] === undefined ? [] : linksOf(segment, head, later);
    for (const link of links) taken.add(link);
    return [{ head, links }];
  });
}

function readersOf(ops: readonly OpInstance[], root: (id: TensorId) => TensorId): Map<TensorId, OpInstance[]> {
  const readers = new Map<TensorId, OpInstance[]>();
  for (const op of ops)
    for (const id of new Set(inputsOf(op).map(root))) readers.set(id, [...(readers.get(id) ?? []), op]);
  return readers;
}

function linksOf(segment: Segment, head: OpInstance, later: readonly OpInstance[]): OpInstance[] {
  const { plan, root, mostBindings } = segment;
  const size = sizeOf(plan.tensors[resultOf(head)]!.shape);
  /** Values that the group has at hand. */
  const values = new Set([root(resultOf(head))]);
  /** What the ops that stay behind write: it is not there yet when the group runs. */
  const others = [...outputsOf(head), ...inPlaceOf(head)].filter((id) => id !== resultOf(head));
  const writtenBetween = new Set<TensorId>(others.map(root));
  /** What they read: it may not be written before. */
  const readBetween = new Set<TensorId>();
  const links: OpInstance[] = [];
  for (const op of later) {
    const at = elementInputs(op);
    const result = at && resultOf(op);
    const joins =
      at !== undefined &&
      at.some((id) => values.has(root(id))) &&
      inputsOf(op).every((id) => (values.has(root(id)) ? at.includes(id) : !writtenBetween.has(root(id)))) &&
      sizeOf(plan.tensors[result!]!.shape) === size &&
      plan.tensors[result!]!.role === 'activation' &&
      !readBetween.has(root(result!)) &&
      !writtenBetween.has(root(result!)) &&
      bindingsOf(segment, head, [...links, op]) <= mostBindings;
    if (joins) {
      links.push(op);
      values.add(root(result!));
      continue;
    }
    for (const id of [...outputsOf(op), ...inPlaceOf(op)]) writtenBetween.add(root(id));
    for (const id of inputsOf(op)) readBetween.add(root(id));
  }
  return links;
}

/** Buffers that the last dispatch of a group binds. */
function bindingsOf({ plan, root, readers }: Segment, head: OpInstance, links: readonly OpInstance[]): number {
  const group = [head, ...links];
  const results = group.map((op) => root(resultOf(op)));
  const read = new Set(links.flatMap((op) => inputsOf(op).map(root)).filter((id) => !results.includes(id)));
  const kept = results.filter((id) => !isInner(plan, id, readers.get(id) ?? [], group));
  return headBindings[head.op]! - 1 + read.size + kept.length;
}

/** Whether a result of a group never goes to memory: somebody reads it, and all who do are links of the group. */
const isInner = (plan: Plan, id: TensorId, readers: readonly OpInstance[], group: readonly OpInstance[]): boolean =>
  plan.tensors[id]!.role === 'activation' && readers.length > 0 && readers.every((op) => group.indexOf(op) > 0);

function elidedIn(plan: Plan, segments: Fusion['segments'], root: (id: TensorId) => TensorId): Set<TensorId> {
  const elided = new Set<TensorId>();
  for (const { groups } of segments) {
    const readers = readersOf(
      groups.flatMap(({ head, links }) => [head, ...links]),
      root,
    );
    for (const { head, links } of groups) {
      if (links.length === 0) continue;
      const group = [head, ...links];
      for (const id of group.map((op) => root(resultOf(op)))) {
        if (isInner(plan, id, readers.get(id) ?? [], group)) elided.add(id);
      }
    }
  }
  return elided;
}
