import type { TensorId } from '../../ops/op.ts';
import type { GpuArray, GpuContext } from '../kernel.ts';
import type { GpuView } from '../memory.ts';

/** A stretch of memory that holds several tensors of a list one behind the other, padding between them included. */
export interface Flat {
  /** Of each list, in the order given. */
  readonly arrays: readonly GpuArray[];
  readonly size: number;
  /** How many values of each `unit` belong to a tensor and are not padding; undefined where there is no padding. */
  readonly valid: GpuArray | undefined;
}

/** Values between two beginnings of tensors: offsets are multiples of 256 bytes. */
export const unit = 64;

/**
 * Lists that run in parallel, as few stretches over which one dispatch can walk: tensors that follow each other in every list
 * are taken together, as long as a binding holds them.
 */
export function flatten(context: GpuContext, lists: readonly (readonly TensorId[])[]): Flat[] {
  const count = lists[0]?.length ?? 0;
  const flats: Flat[] = [];
  const viewsAt = (i: number): GpuView[] => lists.map((list) => context.tensor(list[i]!).view);
  const limit = context.limits.maxStorageBufferBindingSize;
  for (let begin = 0; begin < count;) {
    const first = viewsAt(begin);
    let end = begin + 1;
    for (; end < count; end++) {
      const [before, next] = [viewsAt(end - 1), viewsAt(end)];
      const follows = next.every(
        (view, i) =>
          view.buffer === before[i]!.buffer &&
          view.offset === before[i]!.offset + Math.ceil(before[i]!.bytes / (unit * 4)) * unit * 4 &&
          view.offset + view.bytes - first[i]!.offset <= limit,
      );
      if (!follows) break;
    }
    flats.push(flatOf(context, lists, begin, end));
    begin = end;
  }
  return flats;
}

function flatOf(context: GpuContext, lists: readonly (readonly TensorId[])[], begin: number, end: number): Flat {
  const first = lists.map((list) => context.tensor(list[begin]!).view);
  const last = context.tensor(lists[0]![end - 1]!).view;
  const bytes = last.offset + last.bytes - first[0]!.offset;
  const size = bytes / 4;
  const sizes = lists[0]!.slice(begin, end).map((id) => context.tensor(id).size);
  const padded = sizes.slice(0, -1).some((each) => each % unit !== 0);
  return {
    arrays: first.map(({ buffer, offset }) => ({ dtype: 'f32', size, view: { buffer, offset, bytes } })),
    size,
    valid: padded ? context.constants(validOf(sizes)) : undefined,
  };
}

/** For each unit the number of its values that are not padding. */
function validOf(sizes: readonly number[]): Int32Array {
  return Int32Array.from(
    sizes.flatMap((size) => Array.from({ length: Math.ceil(size / unit) }, (_, i) => Math.min(unit, size - i * unit))),
  );
}

/** The statement that leaves padding alone: it stays 0, so that sums may run over it. */
export const skipPadding = ({ valid }: Flat): string =>
  valid ? `  if (i32(i % ${unit}u) >= valid(i / ${unit}u)) { return; }\n` : '';
