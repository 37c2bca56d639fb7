import { leastInfiniteHalf } from '../backend.ts';
import { activationGradNeeds } from '../ops/activationName.ts';
import { inPlaceOf } from '../ops/index.ts';
import type { OpName, TensorId } from '../ops/op.ts';
import { inputOperands } from '../ops/operands.ts';
import type { OpInstance, Plan } from '../plan/plan.ts';
import { flattenRoots } from './flatten.ts';

/**
 * Half precision storage: which tensors lie in memory as f16 where a run asks for it. They are the values that the forward pass
 * leaves for later. All arithmetic stays f32, and so does whatever a rounding to eleven bits or a range of 6e-5 to 65504 could
 * spoil: parameters, their gradients, the optimiser's state, statistics, masks, losses, and the gradients of activations, which are
 * small and short-lived (docs/webgpu.md says what that buys and costs).
 */
const halfResults: Partial<Record<OpName, 'x' | 'y'>> = {
  gatherImages: 'x',
  gatherRows: 'x',
  augmentImages: 'x',
  mixRows: 'y',
  linear: 'y',
  conv2d: 'y',
  maxPool2d: 'y',
  avgPool2d: 'y',
  globalAvgPool2d: 'y',
  flatten: 'y',
  batchNorm: 'y',
  batchNormInference: 'y',
  groupNorm: 'y',
  layerNorm: 'y',
  resize: 'y',
  dropout: 'y',
  scaleShift: 'y',
  activation: 'y',
  add: 'y',
  concat: 'y',
};

/** Ops whose inputs stay f32: the loss and the hits are computed from the very logits. */
const exactReaders: readonly OpName[] = ['softmaxCrossEntropy', 'elementwiseLoss', 'multiMarginLoss', 'countCorrect'];

/** The tensors of a plan that lie in memory in half precision; those that share memory do so together. */
export function halfTensors(plan: Plan): ReadonlySet<TensorId> {
  const roots = flattenRoots(plan);
  const chosen = new Set<TensorId>();
  const refused = new Set<TensorId>();
  for (const op of plan.segments.flatMap(({ ops }) => ops)) {
    const result = halfResultOf(op);
    for (const id of Object.values(
      op.outputs as Readonly<Record<string, TensorId | readonly TensorId[] | undefined>>,
    )) {
      for (const each of id === undefined ? [] : [id].flat()) (each === result ? chosen : refused).add(roots[each]!);
    }
    const exact = exactReaders.includes(op.op) ? inputOperands(op).map(({ tensor }) => tensor) : inPlaceOf(op);
    for (const id of exact) refused.add(roots[id]!);
  }
  const isHalf = (id: TensorId): boolean => chosen.has(roots[id]!) && !refused.has(roots[id]!);
  const own = plan.tensors.filter(({ id, role, dtype }) => role === 'activation' && dtype === 'f32' && isHalf(id));
  return new Set(own.map(({ id }) => id));
}

function halfResultOf(op: OpInstance): TensorId | undefined {
  // the way back runs through some of the same ops: a sum of gradients is an add, dropout is its own gradient
  const isForward = op.phase === 'data' || op.phase === 'forward';
  const slot = isForward ? halfResults[op.op] : undefined;
  if (slot === undefined || (op.op === 'activation' && isSaturating(op))) return undefined;
  return (op.outputs as Readonly<Record<string, TensorId>>)[slot];
}

/**
 * Whether the derivative is the distance of the value from where the function levels off, as 1 - y for the sigmoid's. Rounded to
 * eleven bits, a unit that is saturated to 2e-4 would have no gradient at all, and saturation is what people come to look at.
 */
const isSaturating = ({ attrs }: Extract<OpInstance, { op: 'activation' }>): boolean =>
  activationGradNeeds[attrs.fn] === 'y' && attrs.fn !== 'relu';

/**
 * Declares `half_of(x)`, x as it is stored. Where a device rounds toward 0, values beyond the range would become the largest one; here
 * they become infinite and what is no number stays so, so that a run finds out and stops. Bits, as compilers may take neither for
 * possible; from a variable, as a constant may be neither.
 */
export const halfOf = `
var<private> half_infinity: u32 = 0x7c00u;
fn half_of(x: f32) -> f16 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  // ${leastInfiniteHalf}
  if (size < 0x477ff000u) { return f16(x); }
  let outside = select(half_infinity, half_infinity | 0x200u, size > 0x7f800000u);
  return bitcast<vec2<f16>>(outside | ((bits >> 16u) & 0x8000u)).x;
}`;

/** Values of halves, low byte first, by IEEE 754: a sign, five bits of exponent, ten of fraction. */
export function decodeHalves(bytes: Uint8Array, into: Float32Array): void {
  for (let i = 0; i < into.length; i++) {
    const bits = bytes[2 * i]! | (bytes[2 * i + 1]! << 8);
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    const size =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 0x1f
          ? fraction === 0
            ? Infinity
            : NaN
          : (fraction + 1024) * 2 ** (exponent - 25);
    into[i] = bits >> 15 === 1 ? -size : size;
  }
}
