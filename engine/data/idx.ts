import { EngineError } from '../errors.ts';
import { formatShape } from '../tensor.ts';
import type { ImageFile } from '../worker/protocol.ts';

/**
 * IDX, the format of the MNIST files (http://yann.lecun.com/exdb/mnist/): two zero bytes, a type byte, the number of
 * axes, one big-endian 32-bit extent per axis, then the values in row-major order. Every size is checked by arithmetic
 * against the bytes that are there before anything is allocated.
 */
export interface IdxArray {
  readonly shape: readonly number[];
  /** A view of the file's own bytes, not a copy. */
  readonly values: Uint8Array;
}

/** More axes than any image file has; a broken fourth byte must not be read as 200 extents. */
const maximumAxes = 8;
const unsignedByte = 0x08;
const typeNames: Record<number, string> = {
  0x09: 'signed bytes',
  0x0b: '16-bit integers',
  0x0c: '32-bit integers',
  0x0d: '32-bit floats',
  0x0e: '64-bit floats',
};

const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;

function fail(file: string, offset: number, what: string): never {
  throw new EngineError('data', `${file}: byte ${offset}: ${what}`);
}

/** Reads a whole IDX file of unsigned bytes. Throws EngineError('data') that names file, byte offset and expectation. */
export function decodeIdx(bytes: Uint8Array, file: string): IdxArray {
  if (bytes.length < 4) {
    fail(
      file,
      bytes.length,
      `the file ends inside the 4-byte IDX signature; it has ${bytes.length} bytes. Fetch it again.`,
    );
  }
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    fail(file, 0, 'this is a gzip file; an IDX file was expected. Unpack it first.');
  }
  if (bytes[0] !== 0 || bytes[1] !== 0) {
    fail(
      file,
      0,
      `an IDX file begins with two zero bytes, found ${hex(bytes[0]!)} ${hex(bytes[1]!)}. Is this an IDX file?`,
    );
  }
  const type = bytes[2]!;
  if (type !== unsignedByte) {
    const known = typeNames[type];
    const found = known === undefined ? hex(type) : `${hex(type)} (${known})`;
    fail(file, 2, `type ${hex(unsignedByte)} (unsigned bytes) was expected, found ${found}.`);
  }
  const axes = bytes[3]!;
  if (axes < 1 || axes > maximumAxes) {
    fail(file, 3, `1 to ${maximumAxes} axes were expected, found ${axes}.`);
  }
  const header = 4 + 4 * axes;
  if (bytes.length < header) {
    fail(file, bytes.length, `the file ends inside its header of ${header} bytes (${axes} axes). Fetch it again.`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape: number[] = [];
  const present = bytes.length - header;
  let promised = 1;
  for (let axis = 0; axis < axes; axis++) {
    const extent = view.getUint32(4 + 4 * axis);
    if (extent === 0) fail(file, 4 + 4 * axis, `axis ${axis} has extent 0; at least 1 was expected.`);
    shape.push(extent);
    promised *= extent;
  }
  // a product beyond 2^53 is no longer exact, but still far beyond what any file holds
  if (promised > present) {
    fail(
      file,
      bytes.length,
      `the header promises ${formatShape(shape)} = ${promised} values, but only ${present} follow. The file is cut off or damaged; fetch it again.`,
    );
  }
  if (promised < present) {
    fail(
      file,
      header + promised,
      `the file should end here (${formatShape(shape)} = ${promised} values), but ${present - promised} more bytes follow.`,
    );
  }
  // not bytes.subarray, which gives a Buffer for Node's Buffer, where plain bytes are meant
  return { shape, values: new Uint8Array(bytes.buffer, bytes.byteOffset + header, present) };
}

export interface IdxPair {
  /** Bytes of an IDX file [count, H, W] or [count, C, H, W]. */
  readonly images: Uint8Array;
  readonly imagesName: string;
  /** Bytes of an IDX file [count]. */
  readonly labels: Uint8Array;
  readonly labelsName: string;
}

/**
 * Images with their labels. `imageShape` is [C, H, W] (C = 1 for a file of three axes). Pixels and labels are views.
 * Throws EngineError('data') when the axes or the counts do not fit together or a label is not below `classes`.
 */
export function decodeIdxImages(
  pair: IdxPair,
  classes: number,
): { readonly file: ImageFile; readonly imageShape: readonly [number, number, number] } {
  const images = decodeIdx(pair.images, pair.imagesName);
  if (images.shape.length !== 3 && images.shape.length !== 4) {
    fail(
      pair.imagesName,
      3,
      `images have 3 axes (count, height, width) or 4 (count, channels, height, width), found ${images.shape.length}.`,
    );
  }
  const labels = decodeIdx(pair.labels, pair.labelsName);
  if (labels.shape.length !== 1) {
    fail(pair.labelsName, 3, `labels have 1 axis (count), found ${labels.shape.length}.`);
  }
  const count = images.shape[0]!;
  if (labels.shape[0] !== count) {
    fail(
      pair.labelsName,
      4,
      `${count} labels were expected, one for each image of ${pair.imagesName}, found ${labels.shape[0]!}.`,
    );
  }
  for (let i = 0; i < count; i++) {
    if (labels.values[i]! >= classes) {
      fail(pair.labelsName, 8 + i, `a label from 0 to ${classes - 1} was expected, found ${labels.values[i]!}.`);
    }
  }
  const [height, width] = images.shape.slice(-2) as [number, number];
  const channels = images.shape.length === 4 ? images.shape[1]! : 1;
  return {
    file: { pixels: images.values, labels: labels.values, count },
    imageShape: [channels, height, width],
  };
}
