import { readFile } from 'node:fs/promises';
import type { RunRecord } from '../../lab/contract/records.ts';
import type { Lab } from '../../lab/index.ts';
import { setSpecValues } from '../../lab/spec/set.ts';
import type { Group, Metric, Row } from './groups.ts';

/** What was measured of one run. One whose loss left the finite numbers counts as a guess among ten classes. */
export type Measured = {
  readonly seed: number;
  readonly resultHash: string;
  readonly diverged?: true;
} & Readonly<Record<Metric, number>>;

const guess = 0.1;

/** The spec of a row. `quick` takes a small part of it: enough to see that it runs. */
export async function specOf(group: Group, row: Row, quick: boolean): Promise<unknown> {
  const file = new URL(`../../${group.spec}`, import.meta.url);
  const shorter = quick ? ['training.length={"steps":60}', 'training.evaluateEvery={"steps":30}'] : [];
  const document = JSON.parse(await readFile(file, 'utf8')) as unknown;
  const full = setSpecValues(document, [
    ...group.set,
    ...row.set,
    `name="${group.id}: ${row.name}"`,
    'backend.threads=1',
  ]);
  return quick && !hasStages(full) ? setSpecValues(full, shorter) : full;
}

const hasStages = (spec: unknown): boolean =>
  Array.isArray((spec as { training?: { stages?: unknown } }).training?.stages);

/** Trains a row once per seed, as `lab run` does. Throws with the run's own words if one does not finish. */
export async function measureRow(
  lab: Lab,
  group: Group,
  row: Row,
  seeds: readonly number[],
  quick: boolean,
): Promise<Measured[]> {
  const spec = await specOf(group, row, quick);
  const records = new Map<string, RunRecord>();
  const ended = new Promise<void>((resolve, reject) => {
    const off = lab.on((event) => {
      if (event.name !== 'run.changed') return;
      const { run } = event.data;
      records.set(run.id, run);
      if (run.status === 'failed' && run.error?.code !== 'nonFinite') {
        off();
        reject(new Error(`${run.name}, seed ${run.seed}: ${run.error?.message ?? 'failed'}`));
        return;
      }
      const all = [...records.values()];
      if (all.length < seeds.length || all.some(({ status }) => status !== 'finished' && status !== 'failed')) return;
      off();
      resolve();
    });
  });
  const runs = await lab.call('runs.create', { spec, seeds: [...seeds], tags: ['reproduce', group.id] });
  await ended;
  return Promise.all(runs.map(({ id }) => measuredOf(lab, id)));
}

async function measuredOf(lab: Lab, id: string): Promise<Measured> {
  const { seed, status, resultHash, metrics } = await lab.call('runs.get', { id });
  if (status === 'failed') {
    return { seed, resultHash: '', diverged: true, testAccuracy: guess, earlyAccuracy: guess, trainAccuracy: guess };
  }
  const [validation] = await lab.call('runs.series', { id, names: ['validation.accuracy'] });
  const last = await lab.call('runs.series', { id, names: ['train.accuracy'], maxPoints: 1_000_000 });
  const batches = (last[0]?.values ?? []).slice(-20).filter((value) => value !== null);
  return {
    seed,
    resultHash: resultHash ?? '',
    testAccuracy: metrics.testAccuracy ?? Number.NaN,
    earlyAccuracy: validation?.values[0] ?? Number.NaN,
    trainAccuracy: batches.reduce((sum, value) => sum + value, 0) / batches.length,
  };
}
