import type { OpInstance, Plan } from '../plan/plan.ts';
import { sizeOf } from '../tensor.ts';
import type { GpuLimits } from './device.ts';
import type { GpuArray, GpuContext, GpuDispatch, GpuTensor, GpuTuning, ImageSource } from './kernel.ts';
import { lowerToDispatches } from './kernels/index.ts';
import { withEpilogue } from './epilogue.ts';
import type { Fusion, Group } from './fuse.ts';
import { mergeIndependent } from './merge.ts';
import type { Placement } from './memory.ts';
import { programOf, type Program } from './wgsl.ts';

export interface LoweredPlan {
  readonly segments: ReadonlyMap<string, readonly Program[]>;
  /** Bytes of the buffer that ops use as workspace, one after the other. */
  readonly workspaceBytes: number;
  /** Contents of the buffer of constants. */
  readonly constants: Uint8Array<ArrayBuffer>;
}

const alignment = 256;

/** Buffers behind those of the placement. */
export const workspaceBuffer = (placement: Placement): number => placement.buffers.length;
export const constantsBuffer = (placement: Placement): number => placement.buffers.length + 1;

/** Turns every op of the plan into dispatches on its placed tensors. Touches no device. */
export function lowerPlan(
  plan: Plan,
  fusion: Fusion,
  placement: Placement,
  limits: GpuLimits,
  tuningOf: (op: OpInstance) => GpuTuning,
): LoweredPlan {
  const tensors = plan.tensors.map(({ id, name, shape, dtype }): GpuTensor => {
    const stored = placement.halves.has(id) ? 'f16' : dtype;
    return { id, name, shape, dtype: stored, size: sizeOf(shape), view: placement.views[id]! };
  });
  const tables = new ConstantTable(constantsBuffer(placement));
  let workspaceBytes = 0;

  const lowerGroup = ({ head, links }: Group): GpuDispatch[] => {
    const dispatches: GpuDispatch[] = [];
    let used = 0;
    const context: GpuContext = {
      limits,
      tuning: tuningOf(head),
      tensor: (id) => tensors[id]!,
      optional: (id) => (id === undefined ? undefined : tensors[id]!),
      chunks: (tensor) => chunksOf(tensor, placement),
      images: (pixels, indices) => imagesOf(pixels, indices, placement),
      workspace(size) {
        const view = { buffer: workspaceBuffer(placement), offset: used, bytes: Math.max(size, 1) * 4 };
        used += Math.ceil(view.bytes / alignment) * alignment;
        workspaceBytes = Math.max(workspaceBytes, used);
        return { dtype: 'f32', size, view };
      },
      constants: (values) => tables.add(values),
      dispatch(dispatch) {
        if (dispatch.groups === 0) return;
        const whole = withEpilogue(dispatch, { links, roots: fusion.roots, elided: fusion.elided, context });
        dispatches.push({ ...whole, label: head.node === undefined ? whole.label : `${whole.label} (${head.node})` });
      },
    };
    lowerToDispatches(head, context);
    return dispatches;
  };
  const segments = new Map(
    fusion.segments.map(({ name, groups }) => {
      const all = groups.flatMap(lowerGroup);
      const dispatches = fusion.fuses ? mergeIndependent(all, limits) : all;
      return [name, dispatches.map((each) => programOf(each, limits.maxComputeWorkgroupsPerDimension))] as const;
    }),
  );
  return { segments, workspaceBytes, constants: tables.bytes() };
}

function chunksOf(tensor: GpuTensor, placement: Placement): ReturnType<GpuContext['chunks']> {
  const parts = placement.chunks.get(tensor.id);
  const rows = tensor.shape[0] ?? 1;
  if (parts === undefined) return [{ view: tensor.view, firstRow: 0, rows, array: tensor }];
  const rowSize = tensor.size / rows;
  return parts.map((part) => ({
    ...part,
    array: { dtype: tensor.dtype, size: part.rows * rowSize, view: part.view },
  }));
}

function imagesOf(pixels: GpuTensor, indices: GpuTensor, placement: Placement): readonly ImageSource[] {
  const stream = placement.streams.find(({ tensor }) => tensor === pixels.id);
  if (stream === undefined) {
    const stride = pixels.size / pixels.shape[0]!;
    return chunksOf(pixels, placement).map(({ array, firstRow, rows }) => {
      return { pixels: array, rows: indices, stride, firstRow, count: rows };
    });
  }
  const { rows, rowBytes, rowsOf } = stream;
  return [
    {
      pixels: { dtype: pixels.dtype, size: rows * rowBytes, view: pixels.view },
      rows: { dtype: 'i32', size: indices.size, view: rowsOf.get(indices.id)! },
      stride: rowBytes,
      firstRow: 0,
      count: rows,
    },
  ];
}

/** All tables of a plan in one buffer; equal ones are kept once. */
class ConstantTable {
  readonly #buffer: number;
  readonly #arrays = new Map<string, GpuArray>();
  readonly #parts: { readonly offset: number; readonly values: Float32Array | Int32Array }[] = [];
  #end = 0;

  constructor(buffer: number) {
    this.#buffer = buffer;
  }

  add(values: Float32Array | Int32Array): GpuArray {
    const dtype = values instanceof Float32Array ? 'f32' : 'i32';
    const key = `${dtype} ${values.join()}`;
    let array = this.#arrays.get(key);
    if (array === undefined) {
      const view = { buffer: this.#buffer, offset: this.#end, bytes: Math.max(values.byteLength, 4) };
      array = { dtype, size: values.length, view };
      this.#arrays.set(key, array);
      this.#parts.push({ offset: this.#end, values });
      this.#end += Math.ceil(view.bytes / alignment) * alignment;
    }
    return array;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#end);
    for (const { offset, values } of this.#parts) {
      bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), offset);
    }
    return bytes;
  }
}
