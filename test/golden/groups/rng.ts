import { boxMuller, philox4x32, uniform24 } from '../../../engine/random.ts';
import type { GoldenCase } from '../cases.ts';
import { Unsupported } from '../errors.ts';
import { inputOf, numberOf } from './adapter.ts';
import type { GroupAdapter } from './adapter.ts';

/** Words of `blocks` consecutive counters; the counter is one 128-bit number, word 0 the lowest, and wraps around. */
function philoxWords(golden: GoldenCase, blocks: number): Int32Array {
  const counter = Uint32Array.from(inputOf(golden, 'counter').data);
  const key = Uint32Array.from(inputOf(golden, 'key').data);
  const words = new Uint32Array(4 * blocks);
  const block = new Uint32Array(4);
  for (let b = 0; b < blocks; b++) {
    philox4x32(counter[0]!, counter[1]!, counter[2]!, counter[3]!, key[0]!, key[1]!, block);
    words.set(block, 4 * b);
    for (let i = 0; i < 4; i++) {
      counter[i]! += 1;
      if (counter[i] !== 0) break;
    }
  }
  return new Int32Array(words.buffer);
}

function normals(u: ArrayLike<number>): Float32Array {
  const z = new Float32Array(u.length);
  const pair = new Float64Array(2);
  for (let i = 0; i + 1 < u.length; i += 2) {
    boxMuller(u[i]!, u[i + 1]!, pair);
    z.set(pair, i);
  }
  return z;
}

export const rng: GroupAdapter = (golden) => {
  switch (golden.op) {
    case 'philox4x32_10': {
      const words = philoxWords(golden, 1);
      return Promise.resolve(new Map([['words', { shape: [words.length], data: words }]]));
    }
    case 'philox_stream': {
      const words = philoxWords(golden, numberOf(golden, 'blocks'));
      return Promise.resolve(new Map([['words', { shape: [words.length], data: words }]]));
    }
    case 'uniform24': {
      const u = Float32Array.from(inputOf(golden, 'words').data, (word) => uniform24(word >>> 0));
      return Promise.resolve(new Map([['u', { shape: [u.length], data: u }]]));
    }
    case 'box_muller': {
      const z = normals(inputOf(golden, 'u').data);
      return Promise.resolve(new Map([['z', { shape: [z.length], data: z }]]));
    }
    default:
      return Promise.reject(new Unsupported(golden.op));
  }
};
