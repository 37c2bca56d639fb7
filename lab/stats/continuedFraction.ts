const tiny = 1e-300;
const maximumTerms = 100_000;

/** Keeps a denominator away from 0, as the method asks for. */
const guarded = (value: number): number => (Math.abs(value) < tiny ? tiny : value);

/**
 * The continued fraction b0 + a1 / (b1 + a2 / (b2 + ...)) by the modified Lentz method (Thompson and Barnett 1986), to double
 * precision. `term(n)` gives [a_n, b_n] for n from 1.
 */
export function continuedFraction(b0: number, term: (n: number) => readonly [a: number, b: number]): number {
  let value = guarded(b0);
  let c = value;
  let d = 0;
  for (let n = 1; n <= maximumTerms; n++) {
    const [a, b] = term(n);
    d = 1 / guarded(b + a * d);
    c = guarded(b + a / c);
    const change = c * d;
    value *= change;
    // two terms in a row may belong together, so a change of nothing counts from the second on
    if (n > 1 && Math.abs(change - 1) < 1e-16) break;
  }
  return value;
}
