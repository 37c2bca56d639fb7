import { EngineError } from '../errors.ts';
import { formatShape, sizeOf } from '../tensor.ts';
import type { DType, Shape, TensorValues } from '../tensor.ts';

/**
 * The safetensors file format (https://huggingface.co/docs/safetensors): 8 bytes little-endian header length, a JSON header
 * {name: {dtype, shape, data_offsets: [begin, end]}, __metadata__: {key: text}}, then the values, row-major, little-endian,
 * without holes. Types here: F32, I32, U8.
 */
export interface NamedTensor {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  readonly values: TensorValues;
}

export interface SafetensorsFile {
  /** In the order of their values. */
  readonly tensors: readonly NamedTensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

const metadataKey = '__metadata__';
/** The format's own limit for a header. */
const maximumHeader = 100_000_000;
const fileTypes = { f32: 'F32', i32: 'I32', u8: 'U8' } as const;
const arrays = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;
const bytesOf = { f32: 4, i32: 4, u8: 1 } as const;

/** The header is padded with spaces so that values start at a multiple of 8 bytes and can be viewed in place. */
const alignment = 8;

/** Bytes of a file with `tensors` in the given order. The same input gives the same bytes. */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push([metadataKey, metadata]);
  let offset = 0;
  for (const { name, dtype, shape, values } of tensors) {
    entries.push([name, { dtype: fileTypes[dtype], shape, data_offsets: [offset, offset + values.byteLength] }]);
    offset += values.byteLength;
  }
  const text = new TextEncoder().encode(headerText(entries));
  const headerLength = Math.ceil(text.length / alignment) * alignment;
  const bytes = new Uint8Array(8 + headerLength + offset);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.fill(0x20, 8, 8 + headerLength);
  bytes.set(text, 8);
  let at = 8 + headerLength;
  for (const { values } of tensors) {
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    at += values.byteLength;
  }
  return bytes;
}

/** JSON of an object in the order of `entries`; JSON.stringify alone would move names like "7" to the front. */
function headerText(entries: readonly [string, unknown][]): string {
  return `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
}

function fail(what: string): never {
  throw new EngineError(
    'checkpoint',
    `The checkpoint is damaged: ${what} Use another checkpoint or start the run again.`,
  );
}

/** Reads a file. Values are views where alignment allows. Throws EngineError('checkpoint') that names what is wrong. */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsFile {
  const { header, dataStart } = readHeader(bytes);
  const available = bytes.length - dataStart;
  const tensors: { tensor: Omit<NamedTensor, 'values'>; begin: number; end: number }[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(header)) {
    if (name === metadataKey) metadata = checkMetadata(entry);
    else tensors.push(checkEntry(name, entry, available));
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let expected = 0;
  for (const { tensor, begin, end } of tensors) {
    if (begin !== expected) {
      fail(`"${tensor.name}" begins at byte ${begin} of the values, but ${expected} was expected.`);
    }
    expected = end;
  }
  if (expected !== available) {
    fail(`the values take ${expected} bytes by its header, but ${available} follow it.`);
  }
  return {
    metadata,
    tensors: tensors.map(({ tensor, begin }) => ({ ...tensor, values: viewOf(bytes, dataStart + begin, tensor) })),
  };
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  if (bytes.length < 8) fail(`it has ${bytes.length} bytes, fewer than the 8 of its header length.`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true);
  if (length > BigInt(maximumHeader) || length > BigInt(bytes.length - 8)) {
    fail(`its header should be ${length} bytes long, but ${bytes.length - 8} bytes follow.`);
  }
  const dataStart = 8 + Number(length);
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.slice(8, dataStart));
    header = JSON.parse(text);
  } catch {
    fail(`bytes 8 to ${dataStart - 1} are not a JSON header.`);
  }
  if (!isRecord(header)) fail('its header is not a JSON object.');
  return { header, dataStart };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function checkMetadata(entry: unknown): Record<string, string> {
  if (!isRecord(entry) || Object.values(entry).some((value) => typeof value !== 'string')) {
    fail('its metadata is not a table of texts.');
  }
  return entry as Record<string, string>;
}

function checkEntry(
  name: string,
  entry: unknown,
  available: number,
): { tensor: Omit<NamedTensor, 'values'>; begin: number; end: number } {
  if (!isRecord(entry)) fail(`the header's entry "${name}" is not an object.`);
  const { dtype: fileType, shape, data_offsets: offsets } = entry;
  const dtype = (['f32', 'i32', 'u8'] as const).find((candidate) => fileTypes[candidate] === fileType);
  if (dtype === undefined) fail(`"${name}" has the type ${JSON.stringify(fileType)}; F32, I32 or U8 was expected.`);
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    fail(`"${name}" has the shape ${JSON.stringify(shape)}; a list of whole numbers was expected.`);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !isCount(offsets[0]) || !isCount(offsets[1])) {
    fail(`"${name}" has the offsets ${JSON.stringify(offsets)}; two whole numbers were expected.`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > available) {
    fail(`"${name}" lies at bytes ${begin} to ${end}, but the values have ${available} bytes.`);
  }
  const needed = sizeOf(shape) * bytesOf[dtype];
  if (needed !== end - begin) {
    fail(`"${name}" (${formatShape(shape)}) needs ${needed} bytes, but has ${end - begin}.`);
  }
  return { tensor: { name, dtype, shape }, begin, end };
}

function viewOf(bytes: Uint8Array, at: number, { dtype, shape }: Omit<NamedTensor, 'values'>): TensorValues {
  const size = sizeOf(shape);
  const width = bytesOf[dtype];
  const start = bytes.byteOffset + at;
  if (start % width === 0) return new arrays[dtype](bytes.buffer as ArrayBuffer, start, size);
  return new arrays[dtype](bytes.slice(at, at + size * width).buffer, 0, size);
}

/** SHA-256, lower-case hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
