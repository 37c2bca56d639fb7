import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import { inputOperands, outputOperands } from '../ops/operands.ts';
import type { Plan, Segment, TensorRole, TensorSpec } from './plan.ts';

export interface MemoryOptions {
  /** Bytes that the backend keeps for a tensor, padding and halo included. */
  bytesOf(tensor: TensorSpec): number;
  /** Offsets are multiples of this. */
  readonly alignment: number;
  /**
   * The time at which an op runs: a number that never falls along the segment. A backend that fuses several ops into one
   * stage gives them the same time, and none of their tensors share memory. By default the op's index.
   */
  timeOf?(segment: Segment, opIndex: number): number;
  /** First byte to hand out. Default 0. */
  readonly base?: number;
}

/** First and last time at which a tensor is touched, inclusive. */
export interface Lifetime {
  readonly segment: string;
  readonly first: number;
  readonly last: number;
}

export interface MemoryPlan {
  /** Byte offset of every tensor, by number. */
  readonly offsets: readonly number[];
  /** End of the memory: base, persistent tensors and arena. */
  readonly total: number;
  /** Where the arena begins, which all segments' activations share. Before it stand the persistent tensors. */
  readonly arenaStart: number;
  readonly arenaBytes: number;
  /** The largest sum of live activations at any time: no arena can be smaller. */
  readonly peakBytes: number;
  /** Of activations, by number; undefined for tensors that keep their memory, or have none. */
  readonly lifetimes: readonly (Lifetime | undefined)[];
}

/** Persistent tensors stand in this order, each role as one block in table order, so that optimisers see flat buffers. */
const persistentOrder: readonly TensorRole[] = [
  'data',
  'input',
  'parameter',
  'gradient',
  'optimizerState',
  'buffer',
  'result',
];

/**
 * Places every tensor of a plan. An activation lives from the first to the last op that touches it and its memory is reused
 * afterwards (one that no op touches has none); everything else keeps its own. Largest tensor first, each into the smallest gap that is free during its whole
 * life (best fit). Segments never run at once, so their activations share one arena.
 */
export function planMemory(plan: Plan, options: MemoryOptions): MemoryPlan {
  const { alignment } = options;
  const round = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
  const sizes = plan.tensors.map((spec) => round(options.bytesOf(spec)));
  const lifetimes = lifetimesOf(plan, options);
  const offsets = new Array<number>(plan.tensors.length).fill(0);

  let arenaStart = round(options.base ?? 0);
  for (const role of persistentOrder) {
    for (const spec of plan.tensors) {
      if (spec.role !== role || lifetimes[spec.id] !== undefined) continue;
      offsets[spec.id] = arenaStart;
      arenaStart += sizes[spec.id]!;
    }
  }

  let arenaBytes = 0;
  let peakBytes = 0;
  for (const segment of plan.segments) {
    const blocks: Block[] = [];
    for (const [tensor, life] of lifetimes.entries()) {
      if (life?.segment === segment.name) blocks.push({ ...life, tensor, size: sizes[tensor]!, offset: 0 });
    }
    arenaBytes = Math.max(arenaBytes, place(blocks));
    peakBytes = Math.max(peakBytes, peakOf(blocks));
    for (const { tensor, offset } of blocks) offsets[tensor] = arenaStart + offset;
  }
  return { offsets, total: arenaStart + arenaBytes, arenaStart, arenaBytes, peakBytes, lifetimes };
}

interface Block {
  readonly tensor: TensorId;
  readonly first: number;
  readonly last: number;
  readonly size: number;
  offset: number;
}

function lifetimesOf(plan: Plan, options: MemoryOptions): (Lifetime | undefined)[] {
  const lifetimes = new Array<Lifetime | undefined>(plan.tensors.length).fill(undefined);
  for (const segment of plan.segments) {
    for (const [index, instance] of segment.ops.entries()) {
      const time = options.timeOf?.(segment, index) ?? index;
      for (const { tensor } of [...inputOperands(instance), ...outputOperands(instance)]) {
        const spec = plan.tensors[tensor];
        if (spec?.role !== 'activation') continue;
        const life = lifetimes[tensor];
        if (life !== undefined && life.segment !== segment.name) {
          throw new EngineError(
            'plan',
            `Activation "${spec.name}" is used in the segments ${life.segment} and ${segment.name}; an activation lives in one only.`,
          );
        }
        lifetimes[tensor] = { segment: segment.name, first: life?.first ?? time, last: time };
      }
    }
  }
  return lifetimes;
}

/** Gives every block an offset and returns the size of the arena. */
function place(blocks: readonly Block[]): number {
  const bySize = [...blocks].sort((a, b) => b.size - a.size || a.first - b.first || a.tensor - b.tensor);
  /** Sorted by offset. */
  const placed: Block[] = [];
  let total = 0;
  for (const block of bySize) {
    let end = 0;
    let best = -1;
    let bestGap = Infinity;
    for (const other of placed) {
      if (other.last < block.first || other.first > block.last) continue;
      const gap = other.offset - end;
      if (gap >= block.size && gap < bestGap) {
        best = end;
        bestGap = gap;
      }
      end = Math.max(end, other.offset + other.size);
    }
    block.offset = best === -1 ? end : best;
    total = Math.max(total, block.offset + block.size);
    insertByOffset(placed, block);
  }
  return total;
}

function insertByOffset(placed: Block[], block: Block): void {
  let low = 0;
  let high = placed.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (placed[middle]!.offset <= block.offset) low = middle + 1;
    else high = middle;
  }
  placed.splice(low, 0, block);
}

function peakOf(blocks: readonly Block[]): number {
  const changes = blocks.flatMap(({ first, last, size }) => [
    { time: first, size },
    { time: last + 0.5, size: -size },
  ]);
  changes.sort((a, b) => a.time - b.time);
  let live = 0;
  let peak = 0;
  for (const change of changes) {
    live += change.size;
    peak = Math.max(peak, live);
  }
  return peak;
}
