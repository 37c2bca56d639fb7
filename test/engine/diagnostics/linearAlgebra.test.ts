import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covariance } from '../../../engine/diagnostics/covariance.ts';
import { symmetricEigen } from '../../../engine/diagnostics/symmetricEigen.ts';
import { applyWhitening, fitWhitening } from '../../../engine/diagnostics/whitening.ts';

/** Largest |A v - l v| and largest distance of V V' from the unit matrix. */
function defects(matrix: ArrayLike<number>, n: number): { residual: number; orthogonality: number; trace: number } {
  const { values, vectors } = symmetricEigen(matrix, n);
  let residual = 0;
  let orthogonality = 0;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < n; i++) {
      let product = 0;
      let overlap = i === k ? -1 : 0;
      for (let j = 0; j < n; j++) {
        product += matrix[Math.min(i, j) * n + Math.max(i, j)]! * vectors[k * n + j]!;
        overlap += vectors[k * n + j]! * vectors[i * n + j]!;
      }
      residual = Math.max(residual, Math.abs(product - values[k]! * vectors[k * n + i]!));
      orthogonality = Math.max(orthogonality, Math.abs(overlap));
    }
    if (k > 0) expect(values[k]).toBeLessThanOrEqual(values[k - 1]!);
  }
  let trace = -values.reduce((sum, each) => sum + each, 0);
  for (let i = 0; i < n; i++) trace += matrix[i * n + i]!;
  return { residual, orthogonality, trace: Math.abs(trace) };
}

describe('eigenvalues of symmetric matrices', () => {
  it('solve the equation, for matrices of any size and scale', () => {
    const case_ = fc
      .integer({ min: 1, max: 12 })
      .chain((n) =>
        fc.tuple(
          fc.constant(n),
          fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: n * n, maxLength: n * n }),
          fc.constantFrom(1e-150, 1e-6, 1, 1e150),
        ),
      );
    fc.assert(
      fc.property(case_, ([n, entries, scale]) => {
        const matrix = entries.map((each) => each * scale);
        const { residual, orthogonality, trace } = defects(matrix, n);
        expect(residual).toBeLessThan(1e-14 * n * scale);
        expect(trace).toBeLessThan(1e-14 * n * scale);
        expect(orthogonality).toBeLessThan(1e-13);
      }),
      { numRuns: 200 },
    );
  });

  it('of entries whose squares are beyond the range of numbers', () => {
    const { values, vectors } = symmetricEigen([0, -1e-188, -1e-188, 0], 2);
    expect(values[0]! / 1e-188).toBeCloseTo(1, 14);
    expect(values[1]! / 1e-188).toBeCloseTo(-1, 14);
    expect(Math.abs(vectors[0]! * vectors[1]!)).toBeCloseTo(0.5, 14);
    // the lower triangle is not looked at, however much larger it is
    const mixed = symmetricEigen([0, 1e-200, 1, 0], 2);
    expect(mixed.values[0]! / 1e-200).toBeCloseTo(1, 14);
    expect(mixed.values[1]! / 1e-200).toBeCloseTo(-1, 14);
    expect(symmetricEigen([1e300, 1e300, 1e300, 1e300], 2).values[0]! / 1e300).toBeCloseTo(2, 14);
  });

  it('of matrices that are special: zero, diagonal, of rank one, repeated, graded', () => {
    const n = 6;
    const make = (entry: (i: number, j: number) => number): number[] =>
      Array.from({ length: n * n }, (_, at) => entry(Math.floor(at / n), at % n));
    expect([
      ...symmetricEigen(
        make(() => 0),
        n,
      ).values,
    ]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([
      ...symmetricEigen(
        make((i, j) => (i === j ? i : 0)),
        n,
      ).values,
    ]).toEqual([5, 4, 3, 2, 1, 0]);
    const ones = symmetricEigen(
      make(() => 1),
      n,
    );
    expect(ones.values[0]).toBeCloseTo(6, 13);
    for (let j = 0; j < n; j++) expect(ones.vectors[j]).toBeCloseTo(1 / Math.sqrt(6), 13);
    for (const matrix of [
      make(() => 1),
      make((i, j) => (i === j ? 2 : 1)),
      make((i, j) => 10 ** -(i + j)),
      make((i, j) => 10 ** (i + j - 10)),
      make((i, j) => (i === 0 || j === 0 ? 0 : i + j)),
    ]) {
      const { residual, orthogonality } = defects(matrix, n);
      expect(residual).toBeLessThan(1e-12);
      expect(orthogonality).toBeLessThan(1e-13);
    }
  });

  it('known ones: the second difference has 2 - 2 cos(k pi / (n + 1))', () => {
    const n = 40;
    const matrix = Array.from({ length: n * n }, (_, at) => {
      const distance = Math.abs(Math.floor(at / n) - (at % n));
      return distance === 0 ? 2 : distance === 1 ? -1 : 0;
    });
    const { values } = symmetricEigen(matrix, n);
    values.forEach((value, k) => expect(value).toBeCloseTo(2 - 2 * Math.cos(((n - k) * Math.PI) / (n + 1)), 13));
  });

  it('refuse what is no matrix', () => {
    expect(() => symmetricEigen([1, 2, 3], 2)).toThrow('2×2');
    expect(() => symmetricEigen([1, Number.NaN, 0, 1], 2)).toThrow('not finite');
  });
});

describe('covariance and whitening', () => {
  const features = 5;
  // a few correlated columns, one of them constant and one the double of another; 33 rows are no multiple of a block
  const values = Float32Array.from({ length: 33 * features }, (_, at) => {
    const i = Math.floor(at / features);
    return [Math.sin(i), Math.sin(i) + 0.3 * Math.cos(2.3 * i), 7, 2 * Math.sin(i), i / 10][at % features]!;
  });
  const samples = { values, features };

  it('counts the directions that carry variance', () => {
    const { mean, covariance: matrix, conditionNumber, effectiveRank, participationRatio } = covariance(samples);
    expect(mean[2]).toBe(7);
    expect(matrix[2 * features + 2]).toBe(0);
    expect(matrix[3]).toBeCloseTo(2 * matrix[0]!, 6);
    expect(conditionNumber).toBeGreaterThan(1e12);
    expect(effectiveRank).toBeGreaterThan(1);
    expect(effectiveRank).toBeLessThan(3.001);
    expect(participationRatio).toBeLessThan(effectiveRank);
    // independent features of equal variance: all directions count
    const square = { values: [1, 1, 1, -1, -1, 1, -1, -1], features: 2 };
    expect(covariance(square)).toMatchObject({ conditionNumber: 1, effectiveRank: 2, participationRatio: 2 });
  });

  it.each(['pca', 'zca'] as const)('%s makes the features uncorrelated with variance l / (l + eps)', (kind) => {
    const eps = 1e-3;
    const whitening = fitWhitening(samples, { kind, eps });
    const y = applyWhitening(whitening, samples);
    const after = covariance({ values: y, features });
    const expected = whitening.eigenvalues.map((each) => each / (each + eps));
    expect([...after.mean].every((each) => Math.abs(each) < 1e-12)).toBe(true);
    [...after.eigenvalues].forEach((each, k) => expect(each).toBeCloseTo(expected[k]!, 10));
    if (kind === 'pca') {
      after.covariance.forEach((each, at) => {
        expect(each).toBeCloseTo(at % (features + 1) === 0 ? expected[at / (features + 1)]! : 0, 10);
      });
    } else {
      const { matrix } = whitening;
      for (let i = 0; i < features; i++) {
        for (let j = 0; j < i; j++) expect(matrix[i * features + j]).toBeCloseTo(matrix[j * features + i]!, 10);
      }
    }
  });

  it('leaves nothing of a direction without variance when eps is 0, and refuses what does not fit', () => {
    const flat = { values: [1, 5, 2, 5, 4, 5], features: 2 };
    const whitening = fitWhitening(flat, { kind: 'zca', eps: 0 });
    const y = applyWhitening(whitening, flat);
    expect([y[1], y[3], y[5]]).toEqual([0, 0, 0]);
    expect([...applyWhitening(whitening, { values: whitening.mean, features: 2 })]).toEqual([0, 0]);
    expect(() => fitWhitening(flat, { kind: 'pca', eps: -1 })).toThrow('eps');
    expect(() => applyWhitening(whitening, samples)).toThrow('5 features');
  });
});
