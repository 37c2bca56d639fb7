/** Where single numbers stand in the small tensors that host and ops exchange. */

/**
 * Where the scalars of a step stand in the `hyper` tensor (f32 [4]). An optimiser reads those that its op names; `dampening`
 * and `gradientPart` are both factors of the gradient and share a place.
 */
export const hyperSlot = { learningRate: 0, dampening: 1, gradientPart: 1, correction1: 2, correction2: 3 } as const;
export const hyperSize = 4;
/** Where each number stands in the statistics of `summarise`. */
export const statisticSlot = {
  mean: 0,
  std: 1,
  minimum: 2,
  maximum: 3,
  norm: 4,
  zeros: 5,
  nonFinite: 6,
  low: 7,
  high: 8,
} as const;
export const statisticCount = 9;
/** Where each number stands in the result of `compare`. */
export const compareSlot = { normA: 0, normB: 1, difference: 2, product: 3 } as const;
export const compareSize = 4;
/** Where in a row of `augmentImages` its numbers stand. */
export const augmentationSlot = {
  ...{ yy: 0, yx: 1, y0: 2, xy: 3, xx: 4, x0: 5 },
  ...{ gain: 6, bias: 7 },
  ...{ top: 8, left: 9, bottom: 10, right: 11 },
} as const;
export const augmentationSize = 12;
/** Where seed and step stand in the `random` tensor (i32 [3], bits of unsigned words). */
export const randomSlot = { seedLow: 0, seedHigh: 1, step: 2 } as const;
export const randomSize = 3;
