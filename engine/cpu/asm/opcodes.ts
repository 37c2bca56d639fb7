/** Opcodes that the kernels use, by family; an array is a prefixed opcode. Each becomes a method `f.family.name(...args)`. */

export const i32Ops = {
  eqz: 0x45,
  eq: 0x46,
  ne: 0x47,
  ltS: 0x48,
  ltU: 0x49,
  gtS: 0x4a,
  leS: 0x4c,
  geS: 0x4e,
  geU: 0x4f,
  add: 0x6a,
  sub: 0x6b,
  mul: 0x6c,
  divU: 0x6e,
  remU: 0x70,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  shl: 0x74,
  shrS: 0x75,
  shrU: 0x76,
  wrapI64: 0xa7,
  /** Towards zero; what does not fit gives the nearest that does, NaN 0. */
  truncateF32U: [0xfc, 1],
  /** The same, signed. */
  truncateF32S: [0xfc, 0],
} as const;

export const i64Ops = { and: 0x83, or: 0x84, shrU: 0x88, fromBitsF64: 0xbd, extendU: 0xad } as const;

export const f32Ops = {
  eq: 0x5b,
  ne: 0x5c,
  lt: 0x5d,
  gt: 0x5e,
  le: 0x5f,
  abs: 0x8b,
  neg: 0x8c,
  floor: 0x8e,
  sqrt: 0x91,
  add: 0x92,
  sub: 0x93,
  mul: 0x94,
  div: 0x95,
  min: 0x96,
  max: 0x97,
  convertS: 0xb2,
  convertU: 0xb3,
  demote: 0xb6,
} as const;

export const f64Ops = {
  lt: 0x63,
  gt: 0x64,
  sqrt: 0x9f,
  add: 0xa0,
  sub: 0xa1,
  mul: 0xa2,
  div: 0xa3,
  min: 0xa4,
  max: 0xa5,
  convertS: 0xb7,
  convertU: 0xb8,
  promote: 0xbb,
  fromBitsI64: 0xbf,
} as const;

/** Four f32 lanes, and what works on the bits of any vector. */
export const f32x4Ops = {
  splat: [0xfd, 19],
  eq: [0xfd, 65],
  ne: [0xfd, 66],
  lt: [0xfd, 67],
  gt: [0xfd, 68],
  le: [0xfd, 69],
  ge: [0xfd, 70],
  not: [0xfd, 77],
  and: [0xfd, 78],
  andnot: [0xfd, 79],
  or: [0xfd, 80],
  xor: [0xfd, 81],
  /** select(a, b, mask): bits of a where mask is 1, of b elsewhere. */
  select: [0xfd, 82],
  floor: [0xfd, 104],
  abs: [0xfd, 224, 1],
  neg: [0xfd, 225, 1],
  sqrt: [0xfd, 227, 1],
  add: [0xfd, 228, 1],
  sub: [0xfd, 229, 1],
  mul: [0xfd, 230, 1],
  div: [0xfd, 231, 1],
  max: [0xfd, 233, 1],
  /** pmin(a, b) = b < a ? b : a, one instruction on x64. A NaN in a stays, one in b is dropped. */
  pmin: [0xfd, 234, 1],
  /** pmax(a, b) = a < b ? b : a. A NaN in a stays, one in b is dropped. */
  pmax: [0xfd, 235, 1],
  /** Of i32 lanes. On x64 one instruction, where unsigned ones have none of their own. */
  convertS: [0xfd, 250, 1],
  convertU: [0xfd, 251, 1],
} as const;

/** Two f64 lanes. */
export const f64x2Ops = {
  splat: [0xfd, 20],
  /** The two low f32 lanes as f64. */
  promoteLow: [0xfd, 95],
  add: [0xfd, 240, 1],
  sub: [0xfd, 241, 1],
  mul: [0xfd, 242, 1],
} as const;

export const i32x4Ops = {
  splat: [0xfd, 17],
  eq: [0xfd, 55],
  ne: [0xfd, 56],
  geS: [0xfd, 63],
  /** 1 where no lane is 0. */
  allTrue: [0xfd, 163, 1],
  /** 1 where any bit is. */
  anyTrue: [0xfd, 83],
  shl: [0xfd, 171, 1],
  shrS: [0xfd, 172, 1],
  shrU: [0xfd, 173, 1],
  add: [0xfd, 174, 1],
  sub: [0xfd, 177, 1],
  mul: [0xfd, 181, 1],
  /** Products of eight i16 lanes each, added in pairs. */
  dot: [0xfd, 186, 1],
  extmulLowU: [0xfd, 222, 1],
  extmulHighU: [0xfd, 223, 1],
  widenLowU8: [0xfd, 137, 1],
  widenLowU16: [0xfd, 169, 1],
  widenHighU16: [0xfd, 170, 1],
  /** Eight u16 lanes. */
  shrU16: [0xfd, 141, 1],
  /** Towards zero; what does not fit gives the nearest that does, NaN 0. */
  truncateF32S: [0xfd, 248, 1],
} as const;
