import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../engine/errors.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../engine/train/safetensors.ts';
import type { NamedTensor } from '../../../engine/train/safetensors.ts';

/** A file with any header and so many bytes of values. */
function file(header: unknown, values: number, length?: bigint): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + values);
  new DataView(bytes.buffer).setBigUint64(0, length ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const anyTensors: fc.Arbitrary<NamedTensor[]> = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { maxLength: 6 })
  .chain((names) =>
    fc.tuple(
      ...names
        .filter((name) => name !== '__metadata__')
        .map((name) =>
          fc
            .tuple(
              fc.constantFrom('f32', 'i32', 'u8'),
              fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
              fc.nat(),
            )
            .map(([dtype, shape, salt]): NamedTensor => {
              const size = shape.reduce((a, b) => a * b, 1);
              const values = Array.from({ length: size }, (_, i) => (salt + i * 37) % 251);
              const kinds = { f32: Float32Array, i32: Int32Array, u8: Uint8Array };
              return { name, dtype, shape, values: kinds[dtype].from(values) };
            }),
        ),
    ),
  );

describe('safetensors', () => {
  it('reads what it wrote, at any alignment of the bytes', () => {
    fc.assert(
      fc.property(
        anyTensors,
        fc.dictionary(fc.string(), fc.string()),
        fc.integer({ min: 0, max: 7 }),
        (tensors, metadata, shift) => {
          const bytes = encodeSafetensors(tensors, metadata);
          const moved = new Uint8Array(bytes.length + shift).subarray(shift);
          moved.set(bytes);
          const decoded = decodeSafetensors(moved);
          const byName = (list: readonly NamedTensor[]): NamedTensor[] =>
            [...list].sort((a, b) => (a.name < b.name ? -1 : 1));
          expect(byName(decoded.tensors)).toEqual(byName(tensors));
          expect(Object.entries(decoded.metadata)).toEqual(Object.entries(metadata));
        },
      ),
    );
  });

  it('keeps infinities, NaN, negative zero and denormals bit by bit', () => {
    const values = Float32Array.of(NaN, Infinity, -Infinity, -0, 1e-45);
    const bytes = encodeSafetensors([{ name: 'x', dtype: 'f32', shape: [5], values }]);
    const back = decodeSafetensors(bytes).tensors[0]!.values;
    expect(new Uint32Array(back.buffer, back.byteOffset, 5)).toEqual(new Uint32Array(values.buffer));
  });

  const x = (entry: object): object => ({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...entry } });
  it.each([
    ['nothing', new Uint8Array(3), /it has 3 bytes, fewer than the 8/],
    ['header longer than the file', file({}, 0, 5000n), /header should be 5000 bytes long, but 2 bytes follow/],
    ['header of 2^63 bytes', file({}, 0, 2n ** 63n), /header should be 9223372036854775808 bytes/],
    ['no JSON', file('{"x":', 0), /bytes 8 to 12 are not a JSON header/],
    ['not UTF-8', file('"\u00ff"', 0).fill(0xff, 9, 10), /not a JSON header/],
    ['no object', file('[1]', 0), /header is not a JSON object/],
    ['metadata', file({ __metadata__: { a: 1 } }, 0), /metadata is not a table of texts/],
    ['entry', file({ x: 3 }, 0), /entry "x" is not an object/],
    ['type', file(x({ dtype: 'BF16' }), 8), /"x" has the type "BF16"; F32, I32 or U8 was expected/],
    ['negative extent', file(x({ shape: [-2] }), 8), /"x" has the shape \[-2\]/],
    ['fraction', file(x({ shape: [1.5] }), 8), /"x" has the shape \[1\.5\]/],
    ['offsets', file(x({ data_offsets: [0] }), 8), /"x" has the offsets \[0\]/],
    ['backwards', file(x({ data_offsets: [8, 0] }), 8), /lies at bytes 8 to 0/],
    ['behind the end', file(x({ data_offsets: [4, 12] }), 8), /lies at bytes 4 to 12, but the values have 8/],
    ['too small', file(x({ shape: [3] }), 8), /"x" \(3\) needs 12 bytes, but has 8/],
    ['10^12 images', file(x({ shape: [1e12, 784] }), 8), /needs 3136000000000000 bytes, but has 8/],
    ['cut off', file(x({}), 5), /lies at bytes 0 to 8, but the values have 5/],
    ['bytes left over', file(x({}), 9), /take 8 bytes by its header, but 9 follow/],
    ['hole', file(x({ data_offsets: [4, 12] }), 12), /"x" begins at byte 4 of the values, but 0 was expected/],
    [
      'overlap',
      file({ ...x({}), y: { dtype: 'U8', shape: [8], data_offsets: [4, 12] } }, 12),
      /"y" begins at byte 4 of the values, but 8 was expected/,
    ],
  ])('refuses: %s', (_name, bytes, expected) => {
    expect(() => decodeSafetensors(bytes)).toThrow(EngineError);
    expect(() => decodeSafetensors(bytes)).toThrow(expected);
  });

  it('answers any damage of a good file with a file or an EngineError', () => {
    const good = encodeSafetensors(
      [
        { name: 'a', dtype: 'f32', shape: [3], values: Float32Array.of(1, 2, 3) },
        { name: 'b', dtype: 'u8', shape: [2], values: Uint8Array.of(1, 2) },
      ],
      { format: 'x' },
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 }),
        fc.nat(good.length),
        fc.boolean(),
        (changes, length, cut) => {
          const bad = good.slice(0, cut ? length : good.length);
          for (const [at, value] of changes) bad[at] = value;
          try {
            decodeSafetensors(bad);
          } catch (error) {
            expect(error).toBeInstanceOf(EngineError);
            expect((error as EngineError).code).toBe('checkpoint');
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
