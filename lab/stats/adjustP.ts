/** Positions of p in ascending order. */
const ascending = (p: readonly number[]): number[] => p.map((_, i) => i).sort((a, b) => p[a]! - p[b]!);

/**
 * P-values adjusted for several tests so that the chance of any false alarm stays at its level, in the order they were given
 * (Holm 1979).
 */
export function holm(p: readonly number[]): number[] {
  const adjusted = new Array<number>(p.length).fill(1);
  let largest = 0;
  ascending(p).forEach((at, i) => {
    largest = Math.max(largest, p[at]! * (p.length - i));
    adjusted[at] = Math.min(1, largest);
  });
  return adjusted;
}

/**
 * P-values adjusted for several tests so that the expected share of false alarms among the findings stays at its level, in the
 * order they were given (Benjamini and Hochberg 1995).
 */
export function benjaminiHochberg(p: readonly number[]): number[] {
  const adjusted = new Array<number>(p.length).fill(1);
  let smallest = 1;
  const order = ascending(p);
  for (let i = order.length - 1; i >= 0; i--) {
    const at = order[i]!;
    smallest = Math.min(smallest, (p[at]! * p.length) / (i + 1));
    adjusted[at] = smallest;
  }
  return adjusted;
}
