import { expect, test } from 'vitest';
import { erfc, normalCdf } from '../../../engine/ops/erf.ts';

// Values of the C library's erfc.
test.each([
  [0, 1],
  [0.5, 0.4795001221869535],
  [1, 0.15729920705028513],
  [2, 0.004677734981047266],
  [2.4, 0.0006885138966450786],
  [2.6, 0.00023603441652934923],
  [3, 2.209049699858544e-5],
  [5, 1.5374597944280349e-12],
  [10, 2.088487583762545e-45],
  [-0.5, 1.5204998778130465],
  [-3, 1.9999779095030015],
])('erfc(%f)', (x, expected) => {
  expect(Math.abs(erfc(x) / expected - 1)).toBeLessThan(2e-13);
});

test('limits, and no jump where the formula changes', () => {
  expect(erfc(100)).toBe(0);
  expect(erfc(-100)).toBe(2);
  expect(erfc(Infinity)).toBe(0);
  expect(erfc(NaN)).toBeNaN();
  expect(normalCdf(0)).toBe(0.5);
  const below = erfc(2.5 - 1e-13);
  const above = erfc(2.5);
  expect(Math.abs(below / above - 1)).toBeLessThan(1e-12);
});
