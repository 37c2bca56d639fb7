import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeIdx, decodeIdxImages } from '../../../engine/data/idx.ts';
import { EngineError } from '../../../engine/errors.ts';

function idx(shape: readonly number[], values: ArrayLike<number>, type = 8): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  bytes[2] = type;
  bytes[3] = shape.length;
  const view = new DataView(bytes.buffer);
  shape.forEach((extent, axis) => view.setUint32(4 + 4 * axis, extent));
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}

function messageOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe('data');
    return (error as EngineError).message;
  }
  throw new Error('an EngineError was expected');
}

describe('decodeIdx', () => {
  it('gives shape and values as a view', () => {
    const bytes = idx([2, 3], [1, 2, 3, 4, 5, 6]);
    const { shape, values } = decodeIdx(bytes, 'a');
    expect(shape).toEqual([2, 3]);
    expect([...values]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(values.buffer).toBe(bytes.buffer);
  });

  it.each([
    ['empty file', new Uint8Array(0), /^f: byte 0: .*4-byte IDX signature; it has 0 bytes/],
    ['gzip', Uint8Array.of(0x1f, 0x8b, 8, 0), /^f: byte 0: this is a gzip file/],
    ['not IDX', Uint8Array.of(0x50, 0x4b, 3, 4), /^f: byte 0: .*two zero bytes, found 0x50 0x4b/],
    ['floats', idx([1], [0], 0x0d), /^f: byte 2: type 0x08 .*found 0x0d \(32-bit floats\)/],
    ['unknown type', idx([1], [0], 0x33), /^f: byte 2: .*found 0x33\./],
    ['no axes', idx([], []), /^f: byte 3: 1 to 8 axes were expected, found 0/],
    ['cut header', idx([2, 2], [0, 0, 0, 0]).slice(0, 9), /^f: byte 9: .*header of 12 bytes \(2 axes\)/],
    ['zero extent', idx([2, 0], []), /^f: byte 8: axis 1 has extent 0/],
    ['cut values', idx([2, 2], [0, 0, 0]), /^f: byte 15: the header promises 2×2 = 4 values, but only 3 follow/],
    ['more values', idx([2, 2], [0, 0, 0, 0, 9]), /^f: byte 16: the file should end here .* 1 more bytes follow/],
  ])('refuses: %s', (_name, bytes, expected) => {
    expect(messageOf(() => decodeIdx(bytes, 'f'))).toMatch(expected);
  });

  it('refuses a header that promises 10^28 values by arithmetic', () => {
    const huge = idx([4_000_000_000, 4_000_000_000, 4_000_000_000], [1]);
    const before = process.memoryUsage().arrayBuffers;
    expect(messageOf(() => decodeIdx(huge, 'f'))).toMatch(/only 1 follow/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  it('answers any bytes with an array or an EngineError', () => {
    const plausible = fc
      .tuple(fc.constantFrom(8, 9, 0x0d), fc.integer({ min: 0, max: 4 }), fc.uint8Array({ maxLength: 40 }))
      .map(([type, axes, rest]) => Uint8Array.of(0, 0, type, axes, ...rest));
    fc.assert(
      fc.property(fc.oneof(plausible, fc.uint8Array({ maxLength: 30 })), (bytes) => {
        try {
          const { shape, values } = decodeIdx(bytes, 'f');
          expect(values.length).toBe(shape.reduce((a, b) => a * b, 1));
        } catch (error) {
          expect(error).toBeInstanceOf(EngineError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('decodeIdxImages', () => {
  const images = idx([2, 1, 2], [1, 2, 3, 4]);
  const names = { imagesName: 'images', labelsName: 'labels' };

  it('joins images and labels', () => {
    const { file, imageShape } = decodeIdxImages({ images, labels: idx([2], [0, 9]), ...names }, 10);
    expect(imageShape).toEqual([1, 1, 2]);
    expect(file.count).toBe(2);
    expect([...file.labels]).toEqual([0, 9]);
  });

  it('takes channels from a fourth axis', () => {
    const colour = idx([1, 3, 1, 2], [1, 2, 3, 4, 5, 6]);
    expect(decodeIdxImages({ images: colour, labels: idx([1], [0]), ...names }, 10).imageShape).toEqual([3, 1, 2]);
  });

  it.each([
    ['other counts', images, idx([3], [0, 1, 2]), /^labels: byte 4: 2 labels were expected.*found 3/],
    ['label too large', images, idx([2], [0, 10]), /^labels: byte 9: a label from 0 to 9 was expected, found 10/],
    ['swapped files', idx([2], [0, 1]), images, /^images: byte 3: images have 3 axes .* found 1/],
    ['images as labels', images, images, /^labels: byte 3: labels have 1 axis .* found 3/],
  ])('refuses: %s', (_name, first, labels, expected) => {
    expect(messageOf(() => decodeIdxImages({ images: first, labels, ...names }, 10))).toMatch(expected);
  });

  it('reads the real MNIST test file', async () => {
    const folder = new URL('../../../resources/datasets/mnist/', import.meta.url);
    const [pixels, labels] = await Promise.all(
      ['t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'].map(async (name) =>
        gunzipSync(await readFile(new URL(name, folder))),
      ),
    );
    const { file, imageShape } = decodeIdxImages({ images: pixels!, labels: labels!, ...names }, 10);
    expect(imageShape).toEqual([1, 28, 28]);
    expect(file.count).toBe(10000);
    expect([...file.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
  });
});
