import { fDistribution } from './fDistribution.ts';
import { mean } from './moments.ts';

export interface AnovaEffect {
  /** Sum of squares. */
  readonly ss: number;
  readonly df: number;
  readonly f: number;
  readonly p: number;
  /** ss / (ss + ssError). */
  readonly partialEta2: number;
}

export interface Anova2 {
  readonly a: AnovaEffect;
  readonly b: AnovaEffect;
  /** Interaction: what a does depends on b. */
  readonly ab: AnovaEffect;
  readonly ssError: number;
  readonly dfError: number;
}

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

/**
 * Two-way analysis of variance of a balanced design: y[i][j] are the observations at level i of factor a and level j of factor
 * b, as many in every cell, at least two (Fisher 1925). Throws when the design is not of that form.
 */
export function anova2(y: readonly (readonly (readonly number[])[])[]): Anova2 {
  const levelsA = y.length;
  const levelsB = y[0]?.length ?? 0;
  const n = y[0]?.[0]?.length ?? 0;
  if (
    levelsA < 2 ||
    levelsB < 2 ||
    n < 2 ||
    y.some((row) => row.length !== levelsB || row.some((c) => c.length !== n))
  ) {
    throw new Error(
      'A two-way analysis needs two levels of each factor and as many observations in every cell, at least 2.',
    );
  }
  const cells = y.map((row) => row.map(mean));
  const meansA = cells.map(mean);
  const meansB = cells[0]!.map((_, j) => mean(cells.map((row) => row[j]!)));
  const grand = mean(meansA);
  const squares = (values: readonly number[]): number => total(values.map((value) => value ** 2));
  const ssError = total(
    y.flatMap((row, i) => row.map((cell, j) => squares(cell.map((value) => value - cells[i]![j]!)))),
  );
  const dfError = levelsA * levelsB * (n - 1);
  const effect = (ss: number, df: number): AnovaEffect => {
    const f = ss / df / (ssError / dfError);
    return { ss, df, f, p: fDistribution(f, df, dfError).sf, partialEta2: ss / (ss + ssError) };
  };
  const interaction = cells.flatMap((row, i) => row.map((cell, j) => cell - meansA[i]! - meansB[j]! + grand));
  return {
    a: effect(levelsB * n * squares(meansA.map((value) => value - grand)), levelsA - 1),
    b: effect(levelsA * n * squares(meansB.map((value) => value - grand)), levelsB - 1),
    ab: effect(n * squares(interaction), (levelsA - 1) * (levelsB - 1)),
    ssError,
    dfError,
  };
}
