import { summarise as statisticsOf } from '../../diagnostics/summary.ts';
import { countPerUnit } from '../../diagnostics/units.ts';
import { compareSlot, statisticSlot } from '../../ops/op.ts';
import type { ReferenceKernel } from '../kernel.ts';

/** Order statistics and counts as the op says; what the measures in engine/diagnostics compute is computed by them. */
export const summarise: ReferenceKernel<'summarise'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const finite = x.filter(Number.isFinite);
  const allFinite = finite.length === x.length;
  const all = statisticsOf(x, []);
  const of = statisticsOf(finite, []);
  const [low, high] = attrs.range ?? edges(of.min, of.max);
  const into = tensors.f32(outputs.statistics);
  into[statisticSlot.mean] = allFinite ? all.mean : Number.NaN;
  into[statisticSlot.std] = allFinite ? all.std : Number.NaN;
  into[statisticSlot.norm] = allFinite ? all.l2Norm : Number.NaN;
  into[statisticSlot.minimum] = finite.length === 0 ? Infinity : of.min;
  into[statisticSlot.maximum] = finite.length === 0 ? -Infinity : of.max;
  into[statisticSlot.zeros] = all.zeroFraction;
  into[statisticSlot.nonFinite] = (x.length - finite.length) / x.length;
  into[statisticSlot.low] = low;
  into[statisticSlot.high] = high;
  if (outputs.percentiles !== undefined) {
    const sorted = Float64Array.from(finite).sort();
    const at = (p: number): number => sorted[Math.floor(((sorted.length - 1) * p) / 100)]!;
    tensors.f32(outputs.percentiles).set(attrs.percentiles.map((p) => (allFinite ? at(p) : Number.NaN)));
  }
  if (outputs.histogram !== undefined) {
    count(x, attrs.bins, into[statisticSlot.low]!, into[statisticSlot.high]!, tensors.i32(outputs.histogram));
  }
  if (outputs.inside !== undefined && attrs.inside !== null) {
    const [from, to] = attrs.inside.map(Math.fround) as [number, number];
    const counts = countPerUnit(x, tensors.shape(inputs.x), (value) => value >= from && value <= to);
    tensors.i32(outputs.inside).set(counts);
  }
};

/** Around values that do not vary the histogram is one unit wide, or wider where float32 could not tell its edges apart. */
function edges(min: number, max: number): readonly [number, number] {
  if (!(min <= max)) return [-0.5, 0.5];
  if (min < max) return [min, max];
  const reach = Math.max(0.5, Math.fround(Math.abs(min) * Math.fround(1e-6)));
  return [min - reach, min + reach];
}

/** counts [below, bins..., above], step by step in float32 so that every backend finds the same bin. */
function count(x: Float32Array, bins: number, low: number, high: number, counts: Int32Array): void {
  const perBin = Math.fround(bins / Math.fround(high - low));
  counts.fill(0);
  for (const value of x) {
    if (value < low) counts[0]!++;
    else if (value > high) counts[bins + 1]!++;
    else if (value === value) {
      const place = Math.fround(Math.fround(value - low) * perBin);
      counts[1 + Math.min(bins - 1, Math.trunc(place) || 0)]!++;
    }
  }
}

export const compare: ReferenceKernel<'compare'> = ({ inputs, outputs }, tensors) => {
  const a = tensors.f32(inputs.a);
  const b = tensors.f32(inputs.b);
  let [squaresA, squaresB, squares, product] = [0, 0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    squaresA += a[i]! * a[i]!;
    squaresB += b[i]! * b[i]!;
    squares += (a[i]! - b[i]!) ** 2;
    product += a[i]! * b[i]!;
  }
  const result = tensors.f32(outputs.result);
  result[compareSlot.normA] = Math.sqrt(squaresA);
  result[compareSlot.normB] = Math.sqrt(squaresB);
  result[compareSlot.difference] = Math.sqrt(squares);
  result[compareSlot.product] = product;
};

export const copy: ReferenceKernel<'copy'> = ({ inputs }, tensors) => {
  inputs.from.forEach((from, i) => tensors.f32(inputs.to[i]!).set(tensors.f32(from)));
};
