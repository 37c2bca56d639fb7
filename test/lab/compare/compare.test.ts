import { describe, expect, it } from 'vitest';
import type { Arm } from '../../../lab/compare/arms.ts';
import { metricTable } from '../../../lab/compare/table.ts';
import { comparisonSchema } from '../../../lab/contract/records.ts';
import type { Comparison, RunStart } from '../../../lab/contract/records.ts';
import { studentTQuantile } from '../../../lab/stats/studentT.ts';
import { processorTime, slowness } from '../../processorTime.ts';
import { bench, smallSpec, type Bench } from '../fakes.ts';

const wide = {
  ...smallSpec,
  model: {
    nodes: [
      { id: 'in', layer: 'input' },
      { id: 'flat', layer: 'flatten' },
      { id: 'h', layer: 'dense', props: { units: 4 } },
      { id: 'act', layer: 'relu' },
      { id: 'd', layer: 'dense', props: { units: 2 } },
    ],
  },
};

/** Trains one run per seed: 20 steps, evaluated after each 5 with these accuracies, tested at the end with the last one. */
async function train(
  it: Bench,
  spec: object,
  runs: Record<number, number[]>,
): Promise<{ group: string; ids: string[] }> {
  const made = await it.lab.call('runs.create', { spec, seeds: Object.keys(runs).map(Number) });
  for (const run of made) {
    const worker = await it.worker(
      it.trainer.workers.findIndex(({ request }) => request.runId === run.id) >= 0
        ? it.trainer.workers.findIndex(({ request }) => request.runId === run.id)
        : it.trainer.workers.length,
    );
    worker.ready();
    for (const accuracy of runs[run.seed]!) {
      worker.train(5);
      worker.evaluate('validation', accuracy);
    }
    worker.evaluate('test', runs[run.seed]!.at(-1)!);
    worker.finish();
    await it.reaches(run.id, 'finished');
  }
  return { group: made[0]!.group, ids: made.map(({ id }) => id) };
}

const row = (comparison: Comparison, key: string): Comparison['table'][number]['values'] =>
  comparison.table.find((each) => each.key === key)!.values;

describe('a comparison', () => {
  it('counts each seed of a group once, however often it was run', async () => {
    const it = await bench();
    const once = { 1: [0.5, 0.7], 2: [0.4, 0.6] };
    const a = await train(it, smallSpec, once);
    const again = await train(it, smallSpec, { 1: [0.5, 0.7] });
    expect(again.group).toBe(a.group);
    const comparison = await it.lab.call('compare.get', { arms: [a.group] });
    expect(comparison.arms[0]!.runs.map(({ seed }) => seed)).toEqual([1, 2]);
    expect(row(comparison, 'testAccuracy')[0]).toMatchObject({ n: 2 });
    expect(comparison.sideEffects).toEqual([expect.stringContaining('1 more run of seeds that are counted already')]);
  });

  it('of two groups pairs by seed, shows bands, differences and side effects', async () => {
    const it = await bench();
    const a = await train(it, smallSpec, {
      1: [0.5, 0.7, 0.92, 0.8],
      2: [0.4, 0.9, 0.8, 0.7],
      3: [0.1, 0.2, 0.3, 0.3],
    });
    const b = await train(
      it,
      { ...wide, name: 'wide' },
      { 1: [0.9, 0.95, 0.95, 0.9], 2: [0.5, 0.95, 0.9, 0.85], 3: [0.91, 0.9, 0.8, 0.7] },
    );
    const comparison = await it.lab.call('compare.get', { arms: [a.group, b.group.slice(0, 6)] });
    expect(comparisonSchema.parse(comparison)).toEqual(comparison);
    expect(comparison.baseline).toBe(a.group);
    expect(comparison.arms.map(({ id, label, runs }) => [id, label, runs.length])).toEqual([
      [a.group, 'dots', 3],
      [b.group, 'wide', 3],
    ]);
    expect(comparison.specDifferences).toEqual([
      { path: 'model.nodes.h', values: [null, 'dense'] },
      { path: 'model.nodes.act', values: [null, 'relu'] },
    ]);
    expect(comparison.sideEffects).toEqual([
      'wide has 78 parameters against 34 of dots (+129 %).',
      'wide has 72 multiply-accumulates per image against 32 of dots (+125 %).',
      'wide has 6 bias terms against 2 of dots (+200 %).',
    ]);

    const [base, other] = row(comparison, 'testAccuracy');
    expect(base).toMatchObject({ mean: expect.closeTo(0.6) as number, n: 3, missing: 0, difference: null });
    // differences by seed: 0.1, 0.15, 0.4
    const differences = [0.1, 0.15, 0.4];
    const mean = 0.65 / 3;
    const sd = Math.sqrt(differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / 2);
    const reach = (studentTQuantile(0.975, 2) * sd) / Math.sqrt(3);
    expect(other!.difference).toMatchObject({
      mean: expect.closeTo(mean) as number,
      low: expect.closeTo(mean - reach) as number,
      high: expect.closeTo(mean + reach) as number,
      n: 3,
      paired: true,
      ratio: expect.closeTo(2.45 / 1.8) as number,
    });
    // seed 3 of the baseline never reaches 90 %: two pairs are left
    const [steps, otherSteps] = row(comparison, 'stepsTo:validation.accuracy:0.9');
    expect(steps).toMatchObject({ mean: 12.5, n: 2, missing: 1 });
    expect(otherSteps).toMatchObject({ mean: expect.closeTo(20 / 3) as number, n: 3, missing: 0 });
    expect(otherSteps!.difference).toMatchObject({
      n: 2,
      paired: true,
      mean: -5,
      ratio: expect.closeTo(7.5 / 12.5) as number,
    });
    expect(comparison.table.find(({ key }) => key.startsWith('stepsTo'))?.label).toBe(
      'Steps to 90 % validation accuracy',
    );

    const curve = comparison.curves[0]!.curves.find(({ name }) => name === 'validation.accuracy')!;
    expect(curve.steps).toEqual([5, 10, 15, 20]);
    expect(curve.epochs).toEqual([0.5, 1, 1.5, 2]);
    expect(curve.images).toEqual([250, 500, 750, 1000]);
    curve.seconds.forEach((seconds, i) => expect(seconds).toBeCloseTo(0.05 * (i + 1)));
    expect(curve.mean[0]).toBeCloseTo(1 / 3);
    const spread = Math.sqrt(((0.5 - 1 / 3) ** 2 + (0.4 - 1 / 3) ** 2 + (0.1 - 1 / 3) ** 2) / 2);
    expect(curve.high[0]! - curve.mean[0]!).toBeCloseTo((studentTQuantile(0.975, 2) * spread) / Math.sqrt(3));
    expect(curve.traces.map(({ seed, values }) => [seed, values[2]])).toEqual([
      [1, 0.92],
      [2, 0.8],
      [3, 0.3],
    ]);
  });

  it('of single runs, by beginnings of ids, with another baseline; the seed is a difference', async () => {
    const it = await bench();
    const { ids } = await train(it, smallSpec, { 1: [0.5, 0.6], 2: [0.6, 0.7] });
    const comparison = await it.lab.call('compare.get', {
      arms: ids,
      baseline: ids[1]!,
      reach: [{ series: 'train.loss', value: 0.25 }],
    });
    expect(comparison.baseline).toBe(ids[1]);
    expect(comparison.specDifferences).toEqual([{ path: 'seed', values: [1, 2] }]);
    expect(comparison.arms.map(({ label }) => label)).toEqual(['dots · seed 1', 'dots · seed 2']);
    const [first, second] = row(comparison, 'testAccuracy');
    expect(first!.difference).toMatchObject({
      mean: expect.closeTo(-0.1) as number,
      low: null,
      high: null,
      paired: false,
    });
    expect(second!.difference).toBeNull();
    expect(row(comparison, 'stepsTo:train.loss:0.25')[0]).toMatchObject({ mean: 4, n: 1 });
    const [curve] = comparison.curves[0]!.curves;
    expect(curve!.low).toEqual(curve!.mean);
  });

  it('bins long curves to means and keeps the grid short', async () => {
    const it = await bench();
    const { group } = await train(it, smallSpec, { 1: [0.5, 0.5, 0.5, 0.5] });
    const comparison = await it.lab.call('compare.get', { arms: [group], maxPoints: 4 });
    const loss = comparison.curves[0]!.curves.find(({ name }) => name === 'train.loss')!;
    expect(loss.steps).toEqual([5, 10, 15, 20]);
    expect(loss.mean[1]).toBeCloseTo((1 / 6 + 1 / 7 + 1 / 8 + 1 / 9 + 1 / 10) / 5);
    expect(comparison.sideEffects).toEqual([]);
  });

  it('counts epochs and images of a run in stages by their own batches', async () => {
    const it = await bench();
    const stages = [
      { length: { steps: 10 }, batchSize: 20 },
      { length: { steps: 10 }, batchSize: 100 },
    ];
    const spec = { ...smallSpec, training: { ...smallSpec.training, stages } };
    const { group } = await train(it, spec, { 1: [0.5, 0.6, 0.7, 0.8] });
    const comparison = await it.lab.call('compare.get', { arms: [group] });
    // a mean, as its 25 / 3 steps of an epoch are
    expect(comparison.arms[0]!.runs[0]!.batchSize).toBe(60);
    const curve = comparison.curves[0]!.curves.find(({ name }) => name === 'validation.accuracy')!;
    expect(curve.images).toEqual([100, 200, 700, 1200]);
    [0.2, 0.4, 1.4, 2.4].forEach((epochs, i) => expect(curve.epochs[i]).toBeCloseTo(epochs));
  });

  it('measures the speed of a fork by the steps that it made itself', async () => {
    const it = await bench();
    const { ids } = await train(it, smallSpec, { 1: [0.5, 0.6] });
    const { spec, events: _events, ...run } = await it.lab.call('runs.get', { id: ids[0]! });
    const start: RunStart = {
      weights: 'a',
      from: 'run:r1:last',
      carry: 'everything',
      run: 'r1',
      architecture: null,
      checkpoint: 'last',
      step: 6,
      firstStep: 6,
      words: 'last weights of dots (r1), step 6',
    };
    const arm = (record: typeof run): Arm => ({ id: 'r1', runs: [record], repeats: 0, spec, series: new Map() });
    const speed = (record: typeof run): number | null => {
      const own = arm(record);
      return metricTable([own], own, []).find(({ key }) => key === 'imagesPerSecond')!.values[0]!.mean;
    };
    expect(speed(run)).toBeCloseTo((10 * run.batchSize) / run.seconds);
    expect(speed({ ...run, start })).toBeCloseTo((4 * run.batchSize) / run.seconds);
  });

  it('of runs that have not begun is empty, not an error', async () => {
    const it = await bench({ start: false });
    const [run] = await it.lab.call('runs.create', { spec: smallSpec });
    const comparison = await it.lab.call('compare.get', { arms: [run!.id] });
    expect(comparison.curves[0]!.curves).toEqual([]);
    expect(row(comparison, 'testAccuracy')[0]).toMatchObject({ mean: null, sd: null, n: 0, missing: 1 });
  });

  it('refuses arms that are not there, are there twice, or a baseline that is no arm', async () => {
    const it = await bench();
    const { group, ids } = await train(it, smallSpec, { 1: [0.5], 2: [0.6] });
    await expect(it.lab.call('compare.get', { arms: ['nothing'] })).rejects.toMatchObject({ code: 'notFound' });
    await expect(it.lab.call('compare.get', { arms: ['r'] })).rejects.toMatchObject({ code: 'ambiguous' });
    await expect(it.lab.call('compare.get', { arms: [group, group] })).rejects.toMatchObject({ code: 'invalid' });
    await expect(it.lab.call('compare.get', { arms: [ids[0]!], baseline: ids[1]! })).rejects.toMatchObject({
      code: 'invalid',
    });
  });

  it('of 12 runs of 5,000 steps takes under 200 ms', async () => {
    const it = await bench();
    const { ids } = await train(it, smallSpec, Object.fromEntries(Array.from({ length: 12 }, (_, i) => [i, [0.5]])));
    const n = 5000;
    const steps = Array.from({ length: n }, (_, i) => i + 6);
    for (const id of ids) {
      const values = steps.map((step) => Math.fround(1 / step));
      for (const name of ['train.loss', 'train.accuracy', 'learningRate'] as const)
        it.store.appendSeries(id, [{ name, steps, values, seconds: steps }]);
    }
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const start = processorTime();
      await it.lab.call('compare.get', { arms: ids });
      times.push(processorTime() - start);
    }
    expect(Math.min(...times)).toBeLessThan(200 * slowness());
  });

  it('of cross-validations pairs by seed and fold, with intervals that know what folds share', async () => {
    const it = await bench();
    const validated = async (spec: object, accuracies: readonly number[]): Promise<string> => {
      const made = await it.lab.call('runs.create', { spec, seeds: [3], folds: accuracies.length });
      expect(made.map(({ fold, folds }) => [fold, folds])).toEqual(
        accuracies.map((_, i) => [i + 1, accuracies.length]),
      );
      expect(new Set(made.map(({ group }) => group)).size).toBe(1);
      expect(new Set(made.map(({ specHash }) => specHash)).size).toBe(made.length);
      for (const [i, run] of made.entries()) {
        const at = it.trainer.workers.findIndex(({ request }) => request.runId === run.id);
        const worker = await it.worker(at >= 0 ? at : it.trainer.workers.length);
        expect(worker.request.spec.data.folds).toEqual({ count: accuracies.length, fold: run.fold });
        worker.ready();
        worker.train(20);
        worker.evaluate('validation', accuracies[i]!);
        worker.evaluate('test', accuracies[i]!);
        worker.finish();
        await it.reaches(run.id, 'finished');
      }
      return made[0]!.group;
    };
    const a = await validated(smallSpec, [0.5, 0.6, 0.7]);
    const b = await validated({ ...wide, name: 'wide' }, [0.55, 0.7, 0.76]);
    const comparison = await it.lab.call('compare.get', { arms: [a, b] });
    expect(comparisonSchema.parse(comparison)).toEqual(comparison);
    expect(comparison.specDifferences.map(({ path }) => path)).not.toContain('data.folds.fold');
    const { difference } = row(comparison, 'validationAccuracy')[1]!;
    expect(difference).toMatchObject({ n: 3, paired: true, mean: expect.closeTo(0.07, 9) as number });
    // differences 0.05, 0.1, 0.06: standard deviation 0.026458; of 3 folds 1 / n + 1 / (k - 1) = 1/3 + 1/2
    const reach = studentTQuantile(0.975, 2) * 0.026457513 * Math.sqrt(1 / 3 + 1 / 2);
    expect(difference!.high! - difference!.mean).toBeCloseTo(reach, 7);
    const curve = comparison.curves[0]!.curves.find(({ name }) => name === 'validation.accuracy')!;
    expect(curve.traces.map(({ seed, fold }) => [seed, fold])).toEqual([
      [3, 1],
      [3, 2],
      [3, 3],
    ]);
    expect(curve.high[0]! - curve.mean[0]!).toBeCloseTo(studentTQuantile(0.975, 2) * 0.1 * Math.sqrt(1 / 3 + 1 / 2), 7);
    // other folds are other images
    const four = await validated(smallSpec, [0.5, 0.6, 0.7, 0.8]);
    const { sideEffects, table } = await it.lab.call('compare.get', { arms: [a, four] });
    expect(sideEffects).toContainEqual(expect.stringContaining('their validation numbers are of different images'));
    expect(table.find(({ key }) => key === 'validationAccuracy')!.values[1]!.difference).toMatchObject({
      paired: false,
    });
    await expect(it.lab.call('runs.create', { spec: smallSpec, seeds: [1, 2], folds: 501 })).rejects.toMatchObject({
      code: 'invalid',
    });
  });
});
