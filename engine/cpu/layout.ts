import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { OpInstance, Plan, TensorSpec } from '../plan/plan.ts';
import type { DType, Shape, TensorValues } from '../tensor.ts';
import { sizeOf } from '../tensor.ts';
import { inputIds, outputIds } from './instance.ts';
import { layoutNeeds, type LayoutNeed } from './layoutNeeds.ts';

export const bytesPerElement: Record<DType, number> = { f32: 4, i32: 4, u8: 1 };

/** The next multiple of 4. */
export function pad4(n: number): number {
  return (n + 3) & ~3;
}

/**
 * How a tensor lies in memory: element (i0, i1, ...) at sum(i * strides), in elements.
 * - natural: images [N, C, spatial...] as N, spatial, C; features [N, F]; both with C or F padded to a multiple of 4
 * - plane: images of one channel without padding between pixels
 * - linearWeight: [out, in] as in, out; convWeight: [out, in, kH, kW] as kH, kW, in, out; out padded to a multiple of 4
 * - row: values of one image, [C, spatial...] or [F], as they stand in a natural tensor
 * - raw: row-major
 * What stands in padding is never read into a value.
 */
export interface Layout {
  readonly kind: 'natural' | 'plane' | 'row' | 'linearWeight' | 'convWeight' | 'raw';
  readonly strides: readonly number[];
  /** Elements, with padding. */
  readonly size: number;
  /** Independent rows: extent 0 of natural tensors of rank >= 2, else 1. */
  readonly rows: number;
  /** Elements from one row to the next, a multiple of 4. */
  readonly rowSize: number;
  /** Elements from one pixel to the next: C padded, or 1 for a plane. */
  readonly pixel: number;
}

function rowMajor(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    strides[d] = stride;
    stride *= shape[d]!;
  }
  return strides;
}

function imageLayout(shape: Shape, plane: boolean): Layout {
  const [rows = 1, channels = 1, ...spatial] = shape;
  const pixel = plane ? 1 : pad4(channels);
  const rowSize = pad4(sizeOf(spatial) * pixel);
  const strides = [rowSize, 1, ...rowMajor(spatial).map((stride) => stride * pixel)];
  return { kind: plane ? 'plane' : 'natural', strides, size: rows * rowSize, rows, rowSize, pixel };
}

function oneRow(kind: Layout['kind'], strides: readonly number[], elements: number): Layout {
  const size = pad4(elements);
  return { kind, strides, size, rows: 1, rowSize: size, pixel: 1 };
}

export function makeLayout(kind: Layout['kind'], shape: Shape): Layout {
  const [outer = 1, inner = 1, height = 1, width = 1] = shape;
  switch (kind) {
    case 'natural':
      return shape.length >= 2 ? imageLayout(shape, false) : oneRow('natural', rowMajor(shape), sizeOf(shape));
    case 'plane':
      return imageLayout(shape, true);
    case 'row': {
      const { strides, rowSize } = imageLayout([1, ...shape], false);
      return oneRow(kind, strides.slice(1), rowSize);
    }
    case 'linearWeight':
      return oneRow(kind, [1, pad4(outer)], inner * pad4(outer));
    case 'convWeight': {
      const row = pad4(outer);
      return oneRow(kind, [1, row, width * inner * row, inner * row], height * width * inner * row);
    }
    case 'raw':
      return oneRow(kind, rowMajor(shape), sizeOf(shape));
  }
}

function isRowMajor(layout: Layout, shape: Shape): boolean {
  const dense = rowMajor(shape);
  return shape.every((extent, d) => extent === 1 || layout.strides[d] === dense[d]);
}

/** Calls `visit` with (logical index, physical index, run length): runs along the last axis, which steps by the last stride. */
function eachRun(shape: Shape, layout: Layout, visit: (logical: number, physical: number, run: number) => void): void {
  const outer = shape.slice(0, -1);
  const run = shape.at(-1) ?? 1;
  const index = new Array<number>(outer.length).fill(0);
  const count = sizeOf(outer);
  for (let i = 0, physical = 0; i < count; i++) {
    visit(i * run, physical, run);
    for (let d = outer.length - 1; d >= 0; d--) {
      physical += layout.strides[d]!;
      if (++index[d]! < outer[d]!) break;
      physical -= outer[d]! * layout.strides[d]!;
      index[d] = 0;
    }
  }
}

/** Moves a tensor between its logical values and the backend's memory. */
export interface Transfer {
  write(heap: TensorValues, values: TensorValues): void;
  read(heap: TensorValues, into: TensorValues): void;
}

/** `heap` is the tensor's own part of memory, layout.size elements. A row-major tensor is moved without allocation. */
export function makeTransfer(shape: Shape, layout: Layout): Transfer {
  const size = sizeOf(shape);
  if (isRowMajor(layout, shape)) {
    return {
      write: (heap, values) => heap.set(values),
      read: (heap, into) => {
        if (into.length === heap.length) into.set(heap);
        else for (let i = 0; i < size; i++) into[i] = heap[i]!;
      },
    };
  }
  const step = layout.strides.at(-1) ?? 1;
  return {
    write: (heap, values) =>
      eachRun(shape, layout, (logical, physical, run) => {
        for (let i = 0; i < run; i++) heap[physical + i * step] = values[logical + i]!;
      }),
    read: (heap, into) =>
      eachRun(shape, layout, (logical, physical, run) => {
        for (let i = 0; i < run; i++) into[logical + i] = heap[physical + i * step]!;
      }),
  };
}

/** Tensors that must lie alike, found from what the ops ask for. */
class LayoutGroups {
  readonly #parent: number[];
  constructor(count: number) {
    this.#parent = Array.from({ length: count }, (_, i) => i);
  }
  find(id: number): number {
    let root = id;
    while (this.#parent[root] !== root) root = this.#parent[root]!;
    this.#parent[id] = root;
    return root;
  }
  join(ids: readonly number[]): void {
    for (const id of ids) this.#parent[this.find(id)] = this.find(ids[0]!);
  }
}

const strong: readonly LayoutNeed[] = ['raw', 'row', 'linearWeight', 'convWeight'];

function kindOf(needs: ReadonlySet<LayoutNeed>, spec: TensorSpec): Layout['kind'] {
  const wanted = strong.filter((need) => needs.has(need));
  if (wanted.length > 1 || (wanted.length === 1 && (needs.has('natural') || needs.has('planeOrNatural')))) {
    throw new EngineError(
      'plan',
      `The cpu backend cannot keep tensor "${spec.name}" in one memory layout: its ops ask for ${[...needs].join(' and ')}; copy it with an element-wise op for one of them.`,
    );
  }
  const [first] = wanted;
  if (first !== undefined && first !== 'natural' && first !== 'planeOrNatural' && first !== 'any') return first;
  const isPlane = spec.shape.length >= 3 && spec.shape[1] === 1;
  return isPlane && !needs.has('natural') ? 'plane' : 'natural';
}

/** The layout of every tensor of the plan. Throws EngineError('plan') where two ops contradict each other. */
export function assignLayouts(plan: Plan): Layout[] {
  const groups = new LayoutGroups(plan.tensors.length);
  const asked: { ids: readonly TensorId[]; need: LayoutNeed }[] = [];
  const each = (instance: OpInstance): void => {
    const needs = layoutNeeds(instance);
    for (const alike of needs.alike) groups.join(alike);
    for (const id of [...inputIds(instance), ...outputIds(instance)]) {
      asked.push({ ids: [id], need: needs.of.get(id) ?? 'any' });
    }
  };
  for (const segment of plan.segments) segment.ops.forEach(each);
  const byGroup = new Map<number, Set<LayoutNeed>>();
  for (const { ids, need } of asked) {
    for (const id of ids) {
      const root = groups.find(id);
      const set = byGroup.get(root) ?? new Set<LayoutNeed>();
      byGroup.set(root, set.add(need));
    }
  }
  return plan.tensors.map((spec) =>
    makeLayout(kindOf(byGroup.get(groups.find(spec.id)) ?? new Set(['raw']), spec), spec.shape),
  );
}
