import { readFileSync } from 'node:fs';
import type { Shape, TensorValues } from '../../engine/tensor.ts';
import { sizeOf } from '../../engine/tensor.ts';
import { GoldenDataError } from './errors.ts';

/** A tensor as a reference file stores it. */
export interface GoldenTensor {
  readonly shape: Shape;
  readonly data: TensorValues;
}

const arrayOf = { F32: Float32Array, I32: Int32Array, U8: Uint8Array } as const;
type StoredType = keyof typeof arrayOf;

const lengthBytes = 8;

/** All tensors of a safetensors file: an 8-byte little-endian header length, a JSON header, the values. */
export function readSafetensors(path: string): Map<string, GoldenTensor> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new GoldenDataError(`${path}: cannot be read (${(error as Error).message}).`);
  }
  if (bytes.length < lengthBytes) {
    throw new GoldenDataError(`${path}: has ${bytes.length} bytes, too few for a safetensors file.`);
  }
  const headerLength = bytes.readBigUInt64LE(0);
  const valuesStart = lengthBytes + Number(headerLength);
  if (headerLength > BigInt(bytes.length - lengthBytes)) {
    throw new GoldenDataError(
      `${path}: promises a header of ${headerLength} bytes, but ends after ${bytes.length}; the file is cut off or no safetensors file.`,
    );
  }
  let header: unknown;
  try {
    header = JSON.parse(bytes.toString('utf8', lengthBytes, valuesStart));
  } catch (error) {
    throw new GoldenDataError(`${path}: its header is not JSON (${(error as Error).message}).`);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw new GoldenDataError(`${path}: its header is not a table of tensors.`);
  }
  const values = bytes.subarray(valuesStart);
  const tensors = new Map<string, GoldenTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, readTensor(path, name, entry, values));
  }
  return tensors;
}

function readTensor(path: string, name: string, entry: unknown, values: Buffer): GoldenTensor {
  const where = `${path}: tensor "${name}"`;
  const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Object.hasOwn(arrayOf, dtype)) {
    throw new GoldenDataError(`${where} has dtype ${JSON.stringify(dtype)}; F32, I32 and U8 are read here.`);
  }
  if (!isListOfCounts(shape)) throw new GoldenDataError(`${where} has no valid shape.`);
  if (!isListOfCounts(offsets) || offsets.length !== 2)
    throw new GoldenDataError(`${where} has no valid data_offsets.`);
  const [from, to] = offsets as [number, number];
  const kind = arrayOf[dtype as StoredType];
  const size = sizeOf(shape);
  if (to > values.length || to - from !== size * kind.BYTES_PER_ELEMENT) {
    throw new GoldenDataError(
      `${where} needs ${size * kind.BYTES_PER_ELEMENT} bytes; its data_offsets ${from}..${to} of ${values.length} do not hold them.`,
    );
  }
  // A copy, so that values aligned to no multiple of 4 can be read as well.
  return { shape, data: new kind(new Uint8Array(values.subarray(from, to)).buffer) };
}

function isListOfCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}
