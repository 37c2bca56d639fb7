import { t, noise, type Trial, type TrialTensor } from './trial.ts';

interface Attrs {
  readonly percentiles: readonly number[];
  readonly bins: number;
  readonly range: readonly [number, number] | null;
  readonly inside: readonly [number, number] | null;
}
const usual: Attrs = { percentiles: [0, 15, 50, 85, 100], bins: 40, range: null, inside: null };

function trial(name: string, x: TrialTensor, attrs: Partial<Attrs> = {}): Trial {
  const all = { ...usual, ...attrs };
  const outputs = {
    statistics: t(9),
    ...(all.percentiles.length > 0 && { percentiles: t(all.percentiles.length) }),
    histogram: { shape: [all.bins + 2], dtype: 'i32' as const },
    ...(all.inside !== null && { inside: { shape: [x.shape[1]!], dtype: 'i32' as const } }),
  };
  return { name: `summarise ${name}`, op: 'summarise', attrs: all, inputs: { x }, outputs };
}

const of = (values: (i: number) => number, ...shape: number[]): TrialTensor => ({ shape, values });
const relu = (i: number): number => Math.max(0, noise(3)(i));
const heavy = (i: number): number => noise(5)(i) ** 9 * 1e6;

/** Distributions that are awkward: ties, padding of every kind, many tasks, values that are not finite. */
export const summariseTrials: readonly Trial[] = [
  trial('features', t(60, 33)),
  trial('one value', t(1)),
  trial('several tasks', t(7, 6, 60, 61)),
  trial('odd channels', t(3, 5, 9, 7), { inside: [-0.5, 0.25] }),
  trial('one channel', t(3, 1, 9, 7), { inside: [0, 1] }),
  trial('zeros', of(relu, 50, 21), { inside: [0, 0] }),
  trial('heavy tails', of(heavy, 70, 90)),
  trial('fixed range', of(heavy, 70, 30), { range: [-0.25, 0.5], bins: 7 }),
  trial('no percentiles', t(40, 12), { percentiles: [] }),
  trial(
    'constant',
    of(() => 3.25, 17, 5),
  ),
  trial(
    'large constant',
    of(() => 2 ** 24, 17, 5),
  ),
  trial(
    'denormal',
    of((i) => (i - 40) * 1e-42, 9, 9),
  ),
  trial(
    'not finite',
    of((i) => [Number.NaN, Infinity, -Infinity, 1, -2][i % 5]!, 6, 7),
    { inside: [-5, 5] },
  ),
  trial(
    'nothing finite',
    of(() => Number.NaN, 6, 7),
  ),
  ...[t(60, 33), t(6, 5, 9, 7), t(1), t(90, 200)].map((x, i): Trial => ({
    name: `compare ${i}`,
    op: 'compare',
    attrs: {},
    inputs: { a: x, b: x },
    outputs: { result: t(4) },
  })),
  {
    name: 'copy',
    op: 'copy',
    attrs: {},
    inputs: { from: [t(5, 3), t(5), t(130, 70)], to: [t(5, 3), t(5), t(130, 70)] },
    outputs: {},
  },
];
