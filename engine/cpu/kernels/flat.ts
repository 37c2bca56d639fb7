import type { TensorId } from '../../ops/op.ts';
import type { Expr, Func, Local } from '../asm/func.ts';
import { whole, type KernelContext, type Placed } from '../step.ts';
import { streamCost } from './kernel.ts';

/** Bytes per task: small enough to share a small model, large enough to stream. */
const block = 32_768;

/** Stretches of memory that all lists walk in step: usually one, the whole model. */
function stretches(lists: readonly (readonly Placed[])[]): { first: number; count: number; bytes: number }[] {
  const [leading = []] = lists;
  const result: { first: number; count: number; bytes: number }[] = [];
  leading.forEach((tensor, i) => {
    const last = result.at(-1);
    const follows =
      last && lists.every((list) => list[i]!.buffer.address === list[last.first]!.buffer.address + last.bytes);
    const bytes = 4 * tensor.layout.size;
    if (follows) {
      last.count++;
      last.bytes += bytes;
    } else result.push({ first: i, count: 1, bytes });
  });
  return result;
}

/** A vector of one of the lists. */
export interface Place {
  readonly address: Expr;
  readonly offset: number;
}

export interface FlatSpec {
  readonly name: string;
  /** What is read beside the lists. */
  readonly reads: readonly Placed['buffer'][];
  /** One entry per parameter each, all laid out alike. */
  readonly lists: readonly (readonly Placed[])[];
  /** Whether each list is changed. */
  readonly changes: readonly boolean[];
  /** Emits what is done once per task, and returns what is done per vector: a place in each of the lists. */
  readonly prepare: (f: Func) => (places: readonly Place[]) => void;
}

/** One pass over parallel lists, cut into blocks; addresses are known only when code is emitted. */
export function flatStep(context: KernelContext, { name, reads, lists, changes, prepare }: FlatSpec): void {
  const [leading = []] = lists;
  if (leading.length === 0) return;
  const bytes = leading.reduce((sum, tensor) => sum + 4 * tensor.layout.size, 0);
  const changed = lists.filter((_, i) => changes[i]);
  context.step({
    kind: 'tasks',
    name,
    count: Math.ceil(bytes / block),
    reads: [...reads.map((buffer) => whole(buffer)), ...lists.flat().map((tensor) => whole(tensor))],
    writes: changed.flat().map((tensor) => whole(tensor)),
    cost: streamCost(bytes * (lists.length + changed.length)),
    emit: ({ f, task }) => {
      const [from, to, low, high, at] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
      const update = prepare(f);
      f.set(from, f.i32.mul(task, block));
      f.set(to, f.i32.add(from, block));
      let start = 0;
      // Each task takes its part of every stretch that it meets.
      for (const stretch of stretches(lists)) {
        const end = start + stretch.bytes;
        const addresses = lists.map((list) => list[stretch.first]!.buffer.address - start);
        f.set(low, f.choose(f.i32.ltU(from, start), start, from));
        f.set(high, f.choose(f.i32.ltU(end, to), end, to));
        f.for(at, low, high, 16, () =>
          update(
            addresses.map((address) =>
              address >= 0 ? { address: at, offset: address } : { address: f.i32.add(at, address), offset: 0 },
            ),
          ),
        );
        start = end;
      }
    },
  });
}

export function placedList(context: KernelContext, ids: readonly TensorId[]): Placed[] {
  return ids.map((id) => context.tensor(id));
}
