import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import { withOperands } from '../ops/operands.ts';
import { planMemory, type MemoryOptions } from '../plan/memory.ts';
import type { Plan, Segment, TensorRole, TensorSpec } from '../plan/plan.ts';
import { formatShape, sizeOf } from '../tensor.ts';
import { bytesOf } from './bytes.ts';
import type { GpuLimits } from './device.ts';
import type { Fusion } from './fuse.ts';
import { planStreams, type StreamPlan } from './streamPlan.ts';

/** A stretch of one of the executable's buffers. */
export interface GpuView {
  /** Number of the buffer. */
  readonly buffer: number;
  /** Bytes, a multiple of the alignment of bindings. */
  readonly offset: number;
  /** Bytes, a multiple of 4. */
  readonly bytes: number;
}

/** Rows of a data tensor that no single binding can hold as a whole. */
export interface Chunk {
  readonly view: GpuView;
  readonly firstRow: number;
  readonly rows: number;
}

/** Where every tensor lies, dense and row-major as the host sees it; u8 values four to a word, halves two. */
export interface Placement {
  /** By tensor. Of a tensor in chunks, the first one. */
  readonly views: readonly GpuView[];
  readonly chunks: ReadonlyMap<TensorId, readonly Chunk[]>;
  /** Data tensors that are not resident, with their rings, whose memory is the view of the tensor. */
  readonly streams: readonly StreamPlacement[];
  /** Tensors that lie in half precision. */
  readonly halves: ReadonlySet<TensorId>;
  /** Bytes of each buffer. */
  readonly buffers: readonly number[];
  /** Number of the buffer of small tensors that the host writes before a run. */
  readonly inputs: number;
}

export interface StreamPlacement extends StreamPlan {
  /** By the list of image numbers: the rows of the ring that they lie in, i32, in the buffer of the inputs. */
  readonly rowsOf: ReadonlyMap<TensorId, GpuView>;
}

/** Every tensor begins at a multiple of it, which no adapter asks more than. */
const alignment = 256;
const aligned = (bytes: number): number => Math.ceil(Math.max(bytes, 4) / alignment) * alignment;

/** Bytes that a kernel can see of one buffer. */
export const largestBinding = ({ maxStorageBufferBindingSize, maxBufferSize }: GpuLimits): number =>
  Math.min(maxStorageBufferBindingSize, maxBufferSize);

/** Of a tensor without memory. */
const nowhere: GpuView = { buffer: -1, offset: 0, bytes: 0 };

/** Roles that get buffers of their own, each one block in table order, so that optimisers see flat memory. */
const blockRoles: readonly TensorRole[] = ['parameter', 'gradient', 'optimizerState', 'buffer', 'result'];

/**
 * Throws EngineError('memory') that names a tensor which the adapter cannot hold.
 *
 * @param dataBytes that the data set may take on the device; of a larger one the images stay on the host and are streamed
 */
export function placeTensors(
  plan: Plan,
  fusion: Fusion,
  limits: GpuLimits,
  dataBytes = limits.maxBufferSize,
): Placement {
  const placer = new Placer(limits);
  const root = fusion.roots;
  const views = new Array<GpuView | undefined>(plan.tensors.length).fill(undefined);
  const chunks = new Map<TensorId, readonly Chunk[]>();

  const inputs = placer.block(
    plan.tensors.filter(({ role }) => role === 'input'),
    views,
  );
  const streams = planStreams(plan, dataBytes, largestBinding(limits)).map((stream): StreamPlacement => {
    views[stream.tensor] = placer.own(stream.rows * stream.rowBytes);
    const rowsOf = stream.indices.map((id) => [id, placer.extend(inputs, bytesOf(plan.tensors[id]!))] as const);
    return { ...stream, rowsOf: new Map(rowsOf) };
  });
  for (const spec of plan.tensors) {
    if (spec.role !== 'data' || views[spec.id] !== undefined) continue;
    const parts = placer.data(spec);
    views[spec.id] = parts[0]!.view;
    if (parts.length > 1) chunks.set(spec.id, parts);
  }
  for (const role of blockRoles) {
    const specs = plan.tensors.filter((spec) => spec.role === role);
    if (specs.length > 0) placer.block(specs, views);
  }
  placer.activations(plan, fusion, views);
  return {
    views: plan.tensors.map(({ id }) => (fusion.elided.has(root[id]!) ? nowhere : views[root[id]!]!)),
    chunks,
    streams,
    halves: fusion.halves,
    buffers: placer.buffers,
    inputs,
  };
}

class Placer {
  readonly buffers: number[] = [];
  readonly #limits: GpuLimits;

  constructor(limits: GpuLimits) {
    this.#limits = limits;
  }

  /** Tensors one behind the other, in as few buffers as the adapter allows. The number of the first one. */
  block(specs: readonly TensorSpec[], views: (GpuView | undefined)[]): number {
    const first = this.#open();
    let buffer = first;
    for (const spec of specs) {
      const bytes = Math.max(bytesOf(spec), 4);
      this.#require(spec, bytes);
      if (this.buffers[buffer]! + aligned(bytes) > this.#limits.maxBufferSize) buffer = this.#open();
      views[spec.id] = { buffer, offset: this.buffers[buffer]!, bytes };
      this.buffers[buffer]! += aligned(bytes);
    }
    return first;
  }

  /** A buffer of its own, or several with whole rows each where one binding cannot hold it. */
  data(spec: TensorSpec): Chunk[] {
    const rows = spec.shape[0] ?? 1;
    const bytes = Math.max(bytesOf(spec), 4);
    const limit = largestBinding(this.#limits);
    if (bytes <= limit) return [{ view: this.own(bytes), firstRow: 0, rows }];
    const rowBytes = bytes / rows;
    // a multiple of four rows begins at a whole word, whatever the size of a row
    const most = Math.floor(limit / rowBytes / 4) * 4;
    if (spec.dtype !== 'u8' || most < 4) this.#require(spec, bytes);
    const chunks: Chunk[] = [];
    for (let firstRow = 0; firstRow < rows; firstRow += most) {
      const count = Math.min(most, rows - firstRow);
      const size = Math.ceil((count * sizeOf(spec.shape.slice(1))) / 4) * 4;
      chunks.push({ view: this.own(size), firstRow, rows: count });
    }
    return chunks;
  }

  /** Activations share memory by their lifetimes, in one arena or, beyond the largest buffer, in several. */
  activations(plan: Plan, { segments, roots, elided, halves }: Fusion, views: (GpuView | undefined)[]): void {
    const bytesOn = (spec: TensorSpec): number => Math.max(bytesOf(spec, halves.has(spec.id)), 4);
    const merged: Plan = {
      tensors: plan.tensors,
      segments: segments.map(({ name, groups }) => ({
        name,
        ops: groups.flatMap(({ head, links }) => [head, ...links]).map((op) => withOperands(op, (id) => roots[id]!)),
      })),
    };
    const times = new Map(
      segments.map(({ name, groups }) => [
        name,
        groups.flatMap(({ links }, time) => new Array<number>(1 + links.length).fill(time)),
      ]),
    );
    const timeOf = (segment: Segment, op: number): number => times.get(segment.name)![op]!;
    const own = plan.tensors.filter(({ id, role }) => role === 'activation' && roots[id] === id && !elided.has(id));
    for (const spec of own) this.#require(spec, bytesOn(spec));
    for (let count = 1; ; count++) {
      const arenas = arenasOf(merged, own, count, { bytesOf: bytesOn, timeOf });
      if (arenas.some(({ bytes }) => bytes > this.#limits.maxBufferSize) && count < own.length) continue;
      for (const { tensors, offsets, bytes } of arenas) {
        if (tensors.size === 0) continue;
        const buffer = this.#open();
        this.buffers[buffer] = Math.max(bytes, alignment);
        for (const id of tensors) {
          views[id] = { buffer, offset: offsets[id]!, bytes: bytesOn(plan.tensors[id]!) };
        }
      }
      return;
    }
  }

  /** More room at the end of a buffer. */
  extend(buffer: number, bytes: number): GpuView {
    const offset = this.buffers[buffer]!;
    this.buffers[buffer]! += aligned(bytes);
    return { buffer, offset, bytes };
  }

  #open(): number {
    return this.buffers.push(0) - 1;
  }

  /** A buffer of its own. */
  own(bytes: number): GpuView {
    const buffer = this.#open();
    this.buffers[buffer] = aligned(bytes);
    return { buffer, offset: 0, bytes };
  }

  #require(spec: TensorSpec, bytes: number): void {
    if (aligned(bytes) <= this.#limits.maxBufferSize && bytes <= largestBinding(this.#limits)) return;
    const mib = (size: number): string => `${Math.ceil(size / 2 ** 20)} MiB`;
    throw new EngineError(
      'memory',
      `Tensor "${spec.name}" (${formatShape(spec.shape)}) takes ${mib(bytes)}, and this GPU can bind ${mib(largestBinding(this.#limits))} at once; use a smaller batch or model, or backend cpu.`,
    );
  }
}

interface Arena {
  readonly tensors: ReadonlySet<TensorId>;
  readonly offsets: readonly number[];
  readonly bytes: number;
}

/** Deals the activations out over `count` arenas, the largest first and each to the one with the least so far. */
function arenasOf(
  plan: Plan,
  specs: readonly TensorSpec[],
  count: number,
  { bytesOf, timeOf }: Required<Pick<MemoryOptions, 'bytesOf' | 'timeOf'>>,
): Arena[] {
  const groups = Array.from({ length: count }, () => ({ tensors: new Set<TensorId>(), sum: 0 }));
  for (const spec of [...specs].sort((a, b) => bytesOf(b) - bytesOf(a) || a.id - b.id)) {
    const least = groups.reduce((best, group) => (group.sum < best.sum ? group : best));
    least.tensors.add(spec.id);
    least.sum += bytesOf(spec);
  }
  return groups.map(({ tensors }) => {
    const memory = planMemory(plan, {
      bytesOf: (spec) => (tensors.has(spec.id) ? bytesOf(spec) : 0),
      alignment,
      timeOf,
    });
    return { tensors, offsets: memory.offsets, bytes: memory.total };
  });
}
