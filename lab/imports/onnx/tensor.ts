import { sizeOf } from '../../../engine/index.ts';
import { dataType, type OnnxTensor } from '../../exports/onnx/proto.ts';

/** A constant of an ONNX graph. */
export interface Constant {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** More than any one tensor of a model here holds. */
const mostValues = 2 ** 28;

const typeNames: Readonly<Record<number, string>> = {
  3: 'int8',
  4: 'uint16',
  5: 'int16',
  8: 'string',
  12: 'uint32',
  13: 'uint64',
  14: 'complex64',
  15: 'complex128',
  16: 'bfloat16',
  17: 'float8',
};

/** Whether its values are in another file, as those of models of more than 2 GB have to be. */
export const isElsewhere = ({ dataLocation, externalData }: OnnxTensor): boolean =>
  dataLocation === 1 || externalData.length > 0;

/** The values of a tensor, or why they cannot be had. Sizes are compared with the bytes that are there before anything is made. */
export function readTensor(tensor: OnnxTensor): Constant | { readonly fault: string } {
  const { dims, dataType: type, rawData } = tensor;
  const bad = dims.find((extent) => extent < 0);
  if (bad !== undefined) return { fault: `has the extent ${bad}` };
  const size = sizeOf(dims);
  if (!(size <= mostValues)) return { fault: `promises ${dims.join('×')} values, more than ${mostValues}` };
  if (isElsewhere(tensor)) return { fault: 'has its values in another file; save the model as one file' };
  const packed = fieldOf(tensor);
  if (packed === undefined) {
    return {
      fault: `is of the type ${typeNames[type ?? 0] ?? `number ${type ?? 0}`}; float, double, float16 and integers of 32 or 64 bits are read. Save the model in float32`,
    };
  }
  if (rawData !== undefined) return fromBytes(rawData, type!, dims, size);
  if (packed.length === size) return { shape: dims, values: type === dataType.float16 ? halves(packed) : packed };
  return { fault: `promises ${dims.join('×')} values, but has ${packed.length}` };
}

function fieldOf(tensor: OnnxTensor): readonly number[] | undefined {
  switch (tensor.dataType) {
    case dataType.float:
      return tensor.floatData;
    case dataType.double:
      return tensor.doubleData;
    case dataType.int64:
      return tensor.int64Data;
    case dataType.int32:
    case dataType.uint8:
    case dataType.bool:
    case dataType.float16:
      return tensor.int32Data;
    default:
      return undefined;
  }
}

const widths: Readonly<Record<number, number>> = {
  [dataType.float]: 4,
  [dataType.double]: 8,
  [dataType.int64]: 8,
  [dataType.int32]: 4,
  [dataType.uint8]: 1,
  [dataType.bool]: 1,
  [dataType.float16]: 2,
};

function fromBytes(
  bytes: Uint8Array,
  type: number,
  shape: readonly number[],
  size: number,
): Constant | { readonly fault: string } {
  const width = widths[type]!;
  if (bytes.length !== size * width) {
    return { fault: `promises ${shape.join('×')} values of ${width} bytes, but has ${bytes.length} bytes` };
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read: Readonly<Record<number, (at: number) => number>> = {
    [dataType.float]: (at) => view.getFloat32(at, true),
    [dataType.double]: (at) => view.getFloat64(at, true),
    [dataType.int64]: (at) => Number(view.getBigInt64(at, true)),
    [dataType.int32]: (at) => view.getInt32(at, true),
    [dataType.uint8]: (at) => view.getUint8(at),
    [dataType.bool]: (at) => view.getUint8(at),
    [dataType.float16]: (at) => half(view.getUint16(at, true)),
  };
  const at = read[type]!;
  const isFloat = type === dataType.float || type === dataType.float16;
  const values = isFloat ? new Float32Array(size) : new Float64Array(size);
  for (let i = 0; i < size; i++) values[i] = at(i * width);
  return { shape, values };
}

const halves = (bits: readonly number[]): Float32Array => Float32Array.from(bits, half);

/** IEEE 754 half precision. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
