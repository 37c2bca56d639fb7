import type { Expr, Func, Local } from '../asm/func.ts';

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;

/** i32 values of a draw: the first of four consecutive counters, and what they share. */
export interface PhiloxCounter {
  readonly index: Expr;
  readonly step: Expr;
  readonly stream: number;
  readonly kind: number;
  readonly keyLow: Expr;
  readonly keyHigh: Expr;
}

/** Philox4x32-10 for four counters at a time: afterwards lane k of words[w] is word w of counter index + k. */
export function philox(f: Func, counter: PhiloxCounter): { readonly words: readonly Local[]; draw(): void } {
  const words = f.locals('v128', 4) as [Local, Local, Local, Local];
  const [low0, high0, low1, high1, even, odd, k0, k1] = f.locals('v128', 8) as [
    ...[Local, Local, Local, Local, Local, Local, Local, Local],
  ];
  const multiply = (a: Expr, multiplier: number, low: Local, high: Local): void => {
    f.set(even, f.vi.extmulLowU(a, f.ivec(multiplier | 0)));
    f.set(odd, f.vi.extmulHighU(a, f.ivec(multiplier | 0)));
    f.set(low, f.shuffle(even, odd, [0, 2, 4, 6]));
    f.set(high, f.shuffle(even, odd, [1, 3, 5, 7]));
  };
  const draw = (): void => {
    f.set(words[0], f.vi.add(f.vi.splat(counter.index), f.ivec([0, 1, 2, 3])));
    f.set(words[1], f.vi.splat(counter.step));
    f.set(words[2], f.ivec(counter.stream | 0));
    f.set(words[3], f.ivec(counter.kind));
    f.set(k0, f.vi.splat(counter.keyLow));
    f.set(k1, f.vi.splat(counter.keyHigh));
    for (let round = 0; round < rounds; round++) {
      multiply(words[0], multiplier0, low0, high0);
      multiply(words[2], multiplier1, low1, high1);
      f.set(words[0], f.v.xor(f.v.xor(high1, words[1]), k0));
      f.set(words[2], f.v.xor(f.v.xor(high0, words[3]), k1));
      f.set(words[1], low1);
      f.set(words[3], low0);
      f.set(k0, f.vi.add(k0, f.ivec(weyl0 | 0)));
      f.set(k1, f.vi.add(k1, f.ivec(weyl1 | 0)));
    }
  };
  return { words, draw };
}
