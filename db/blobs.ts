/** Numbers as little-endian bytes. Typed arrays are as the machine is, which is the same everywhere that this runs, or bytes are swapped. */
const swapped = new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1;
const width = 4;

function ordered(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (swapped) for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
  return bytes;
}

/** A copy of a list of 32-bit numbers as a blob. */
export const toBlob = (values: Float32Array | Int32Array): Uint8Array =>
  ordered(new Uint8Array(new Uint8Array(values.buffer, values.byteOffset, values.byteLength)));

// copies, because a blob need not begin at a multiple of the element's size
export const floatsOf = (blob: Uint8Array): Float32Array => new Float32Array(ordered(new Uint8Array(blob)).buffer);
export const integersOf = (blob: Uint8Array): Int32Array => new Int32Array(ordered(new Uint8Array(blob)).buffer);
