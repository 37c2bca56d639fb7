import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  RandomStream,
  boxMuller,
  philox4x32,
  shuffle,
  streamKind,
  streamOf,
  uniform24,
} from '../../../engine/random.ts';

function philox(counter: readonly number[], key: readonly number[]): string[] {
  const out = new Uint32Array(4);
  philox4x32(counter[0]!, counter[1]!, counter[2]!, counter[3]!, key[0]!, key[1]!, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0'));
}

describe('Philox4x32-10', () => {
  // The known-answer vectors published with Random123.
  test.each([
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [[0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ])('counter %j, key %j', (counter, key, expected) => {
    expect(philox(counter, key).join(' ')).toBe(expected);
  });

  test('agrees with products in exact integers, for any counter and key', () => {
    const word = fc.nat(0xffffffff);
    const mask = 0xffffffffn;
    const exact = (c: number[], k: number[]): string[] => {
      let [c0, c1, c2, c3] = c.map(BigInt) as [bigint, bigint, bigint, bigint];
      let [k0, k1] = k.map(BigInt) as [bigint, bigint];
      for (let round = 0; round < 10; round++) {
        const p0 = 0xd2511f53n * c0;
        const p1 = 0xcd9e8d57n * c2;
        [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask];
        k0 = (k0 + 0x9e3779b9n) & mask;
        k1 = (k1 + 0xbb67ae85n) & mask;
      }
      return [c0, c1, c2, c3].map((value) => value.toString(16).padStart(8, '0'));
    };
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
        expect(philox(counter, key)).toEqual(exact(counter, key));
      }),
    );
  });
});

describe('uniforms and normals', () => {
  test('a uniform takes the upper 24 bits and is never 1', () => {
    expect(uniform24(0)).toBe(0);
    expect(uniform24(0xff)).toBe(0);
    expect(uniform24(0x100)).toBe(2 ** -24);
    expect(uniform24(0xffffffff)).toBe(1 - 2 ** -24);
    expect(Math.fround(uniform24(0xffffffff))).toBe(uniform24(0xffffffff));
  });

  test('normals are finite for every uniform, the extremes included', () => {
    const pair = new Float64Array(2);
    for (const u1 of [0, 2 ** -24, 1 - 2 ** -24]) {
      for (const u2 of [0, 0.25, 1 - 2 ** -24]) {
        boxMuller(u1, u2, pair);
        expect(Math.hypot(pair[0]!, pair[1]!)).toBeCloseTo(Math.sqrt(-2 * Math.log(1 - u1)), 12);
      }
    }
  });

  test('moments of 200,000 normals', () => {
    const values = new Float64Array(200_000);
    new RandomStream(1, streamKind.noise).fillNormal(values);
    const moment = (power: number): number => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    // Five standard errors: 1, sqrt(2), sqrt(15) and sqrt(96) over sqrt(n).
    expect(Math.abs(moment(1))).toBeLessThan(0.0112);
    expect(Math.abs(moment(2) - 1)).toBeLessThan(0.0159);
    expect(Math.abs(moment(3))).toBeLessThan(0.0434);
    expect(Math.abs(moment(4) - 3)).toBeLessThan(0.11);
  });

  test('an odd number of normals begins like the even one', () => {
    const five = new Float32Array(5);
    const six = new Float32Array(6);
    new RandomStream(3, streamKind.init, 7).fillNormal(five);
    new RandomStream(3, streamKind.init, 7).fillNormal(six);
    expect([...five]).toEqual([...six.subarray(0, 5)]);
  });
});

describe('streams', () => {
  const words = (stream: RandomStream, count = 12): number[] => Array.from({ length: count }, (_, i) => stream.word(i));

  test('the counter is [block, step, stream, kind], the key the 64-bit seed', () => {
    const seed = 2 ** 40 + 12345;
    const stream = new RandomStream(seed, streamKind.dropout, 99, 7);
    const expected = [...philox([2, 7, 99, streamKind.dropout], [12345, 2 ** 8])].map((hex) => parseInt(hex, 16));
    expect([8, 9, 10, 11].map((i) => stream.word(i))).toEqual(expected);
  });

  test('words do not depend on the order in which they are taken', () => {
    const forwards = words(new RandomStream(5, streamKind.order));
    const stream = new RandomStream(5, streamKind.order);
    const backwards = Array.from({ length: 12 }, (_, i) => stream.word(11 - i)).reverse();
    expect(backwards).toEqual(forwards);
  });

  test('seed (both halves), kind, stream and step all make another stream', () => {
    const streams = [
      new RandomStream(1, streamKind.init),
      new RandomStream(2, streamKind.init),
      new RandomStream(1 + 2 ** 32, streamKind.init),
      new RandomStream(1, streamKind.order),
      new RandomStream(1, streamKind.init, 1),
      new RandomStream(1, streamKind.init, 0, 1),
    ].map((stream) => words(stream).join());
    expect(new Set(streams).size).toBe(streams.length);
  });

  test('streamOf is 32-bit FNV-1a over both bytes of each unit, and tells similar names apart', () => {
    expect(streamOf('')).toBe(0x811c9dc5);
    // FNV-1a of the bytes 61 00.
    const a = Math.imul(Math.imul(0x811c9dc5 ^ 0x61, 0x01000193), 0x01000193) >>> 0;
    expect(streamOf('a')).toBe(a);
    const names = Array.from({ length: 2000 }, (_, i) => [`conv${i}`, `conv${i}.weight`, `dense${i}`]).flat();
    expect(new Set(names.map(streamOf)).size).toBe(names.length);
  });
});

describe('whole numbers and permutations', () => {
  test('below(n) stays below n and hits every number about equally often', () => {
    const stream = new RandomStream(11, streamKind.split);
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[stream.below(7)]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
    expect(stream.below(1)).toBe(0);
    expect(stream.below(2 ** 32)).toBeLessThan(2 ** 32);
  });

  test('a shuffle is a permutation and the same each time', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(), (length, seed) => {
        const first = Int32Array.from({ length }, (_, i) => i);
        const second = first.slice();
        shuffle(first, new RandomStream(seed, streamKind.order));
        shuffle(second, new RandomStream(seed, streamKind.order));
        expect(first).toEqual(second);
        expect([...first].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
      }),
    );
  });

  test('every place is about equally likely', () => {
    const counts = Array.from({ length: 4 }, () => new Array<number>(4).fill(0));
    for (let step = 0; step < 20_000; step++) {
      const values = Int32Array.of(0, 1, 2, 3);
      shuffle(values, new RandomStream(1, streamKind.order, 0, step));
      values.forEach((value, place) => (counts[place]![value]! += 1));
    }
    for (const count of counts.flat()) expect(Math.abs(count - 5000)).toBeLessThan(350);
  });
});
