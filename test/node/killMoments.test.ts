import Sqlite from 'better-sqlite3';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { LrRangeRecord } from '../../lab/contract/lrRangeRecords.ts';
import type { RunRecord, Series } from '../../lab/contract/records.ts';
import { jsonHere, runHere } from './cliHere.ts';
import { Shell } from './cliProcess.ts';
import type { Kill } from './fixtures/killAt.ts';

/**
 * Processes that are killed at one moment that was chosen (fixtures/killAt.ts), not at one that came up: interruption.test.ts has those.
 */
vi.setConfig({ testTimeout: 120_000 });

let shell: Shell;
beforeEach(() => (shell = new Shell()));
afterEach(() => shell.close());

const home = (): string[] => ['--home', shell.home];
const here = <T>(...words: string[]): Promise<T> => jsonHere<T>(...words, ...home());

/** Two stages of 20 steps that differ in image and batch size; dropout, momentum and batchNorm have state or streams of their own. */
const spec = (data: object = {}) => ({
  ablate: 1,
  name: 'two stages',
  data: { dataset: 'mnist', validation: 100, trainImages: 120, ...data },
  model: {
    nodes: [
      { id: 'image', layer: 'input' },
      { id: 'conv1', layer: 'conv2d', props: { filters: 4, bias: false } },
      { id: 'bn1', layer: 'batchNorm' },
      { id: 'relu1', layer: 'relu' },
      { id: 'dropout1', layer: 'dropout', props: { p: 0.2 } },
      { id: 'pool', layer: 'globalAvgPool2d' },
      { id: 'classes', layer: 'dense', props: { units: 10 } },
    ],
  },
  training: {
    batchSize: 20,
    stages: [
      { length: { steps: 20 }, imageSize: 8 },
      { length: { steps: 20 }, imageSize: 12, batchSize: 30 },
    ],
    optimizer: { kind: 'sgd', learningRate: 0.05, momentum: 0.9 },
    evaluateEvery: { steps: 5 },
  },
  backend: { kind: 'cpu', threads: 1 },
});

async function killed(words: readonly string[], kill: Kill): Promise<void> {
  const preload = new URL('./fixtures/killAt.ts', import.meta.url);
  const started = shell.start(words, { preload, env: { ABLATE_KILL: JSON.stringify(kill) } });
  const { signal, err } = await started.finished;
  expect(signal, err).toBe('SIGKILL');
}

const folder = (): string => join(shell.home, 'checkpoints');
const files = (): string[] => readdirSync(folder()).sort();

/** What the history's tables say, asked for without the lab. */
function rows<T>(sql: string): T[] {
  const db = new Sqlite(join(shell.home, 'history.sqlite'), { readonly: true });
  try {
    return db.prepare(sql).all() as T[];
  } finally {
    db.close();
  }
}

const checkpointRows = () =>
  rows<{ role: string; step: number; file: string; hash: string; bytes: number }>('SELECT * FROM checkpoints');

/** No file that no row names, no row whose file is not there to its last byte, no row that leads nowhere. */
function expectWhole(): void {
  expect(rows('PRAGMA quick_check')).toEqual([{ quick_check: 'ok' }]);
  expect(rows('PRAGMA foreign_key_check')).toEqual([]);
  const stored = rows<{ file: string; hash: string; bytes: number }>(
    `SELECT file, hash, bytes FROM checkpoints UNION SELECT file, hash, bytes FROM stored_weights
     UNION SELECT weights_file, weights_hash, weights_bytes FROM architecture_versions WHERE weights_file IS NOT NULL`,
  );
  expect(files()).toEqual(stored.map(({ file }) => file).sort());
  for (const { file, hash, bytes } of stored) {
    expect(statSync(join(folder(), file)).size, file).toBe(bytes);
    expect(
      createHash('sha256')
        .update(readFileSync(join(folder(), file)))
        .digest('hex'),
      file,
    ).toBe(hash);
  }
}

/** All that a run's steps decide: not when it was, or how long it took. */
async function outcome(id: string, where = home()) {
  const run = await jsonHere<RunRecord & { series: Series[] }>('show', id, '--series', ...where);
  const { status, step, resultHash, metrics, series } = run;
  return {
    status,
    step,
    resultHash,
    metrics,
    series: series.map(({ name, steps, values }) => ({ name, steps, values })),
  };
}

/** What the run comes to when it is left alone. */
async function uninterrupted(data?: object) {
  const alone = new Shell();
  try {
    const own = ['--home', alone.home];
    const { runs } = await jsonHere<{ runs: RunRecord[] }>('run', alone.file('spec.json', spec(data)), ...own);
    expect(runs[0]!.status).toBe('finished');
    return await outcome(runs[0]!.id, own);
  } finally {
    alone.close();
  }
}

/** The next start finds a clean house and the run in it interrupted; the run goes on to `whole`. */
async function expectResumes(whole: Awaited<ReturnType<typeof outcome>>): Promise<void> {
  const { runs } = await here<{ runs: RunRecord[] }>('list');
  expect(runs).toHaveLength(1);
  const [interrupted] = runs as [RunRecord];
  expect(interrupted).toMatchObject({ status: 'interrupted', resultHash: null, error: null });
  expectWhole();
  const last = checkpointRows().find(({ role }) => role === 'last');
  expect(interrupted.checkpointStep).toBe(last?.step ?? null);
  await here('resume', interrupted.id);
  expect(await outcome(interrupted.id)).toEqual(whole);
  expectWhole();
}

/** Stage 2 is held before its first step, so that what stage 1 has saved is on the disk when the process dies, and no more than that. */
const holdStage = 1;

const run = (kill: Kill, data?: object): Promise<void> =>
  killed(['run', shell.file('spec.json', spec(data)), ...home()], kill);

describe('a run in two stages, killed', () => {
  let whole: Awaited<ReturnType<typeof outcome>>;
  beforeAll(async () => {
    whole = await uninterrupted();
  });
  const files20 = (): string[] => files().filter((name) => name.includes('-last-20.'));
  const lastRow = () => checkpointRows().find(({ role }) => role === 'last')!;

  it('with half of a checkpoint under its temporary name', async () => {
    await run({ at: 'half', nth: 1, file: '-last-20\\.', holdStage });
    expect(files20()).toEqual([expect.stringMatching(/\.part$/)]);
    expect(statSync(join(folder(), files20()[0]!)).size).toBeLessThan(lastRow().bytes);
    await expectResumes(whole);
  });

  it('with a checkpoint that has its name and no record', async () => {
    await run({ at: 'renamed', nth: 1, file: '-last-20\\.', holdStage });
    expect(files20()).toEqual([expect.stringMatching(/-last-20\.safetensors$/)]);
    expect(lastRow().step).toBeLessThan(20);
    await expectResumes(whole);
  });

  it('with its very first file, the best model, whole and not recorded', async () => {
    await run({ at: 'renamed', nth: 1, file: '-best-', holdStage });
    expect(files().filter((name) => name.includes('-best-'))).toHaveLength(1);
    expect(checkpointRows().filter(({ role }) => role === 'best')).toEqual([]);
    await expectResumes(whole);
  });

  it('between the stages, once the last step of the first is recorded and the file before is still there', async () => {
    await run({ at: 'replaced', nth: 1, file: '-last-20\\.', holdStage });
    expect(lastRow().step).toBe(20);
    expect(files().filter((name) => name.includes('-last-'))).toHaveLength(2);
    await expectResumes(whole);
  });

  it('between the stages, whatever of the first one has got to the disk', async () => {
    await run({ at: 'stage', nth: 2 });
    await expectResumes(whole);
  });
});

describe('a run that whitens its images, killed', () => {
  const data = { preprocessing: 'zcaWhitening' };
  /** Of a stage: 120 and 100 and 10,000 images, 250 at a time. */
  const batches = 1 + 1 + 40;
  let whole: Awaited<ReturnType<typeof outcome>>;
  beforeAll(async () => {
    whole = await uninterrupted(data);
  });

  // the transform is the first fit
  it.each([
    ['the sums over all pixels', 2],
    ['the matrix', 3],
    ['the matrix of the second stage', 4],
  ])('while it fits %s', async (_, nth) => {
    await run({ at: 'fit', nth }, data);
    if (nth < 4) expect(checkpointRows()).toEqual([]);
    await expectResumes(whole);
  });

  it('while images are whitened ahead, before the first step', async () => {
    await run({ at: 'whitening', nth: 4 }, data);
    expect(checkpointRows()).toEqual([]);
    await expectResumes(whole);
  });

  it('while they are whitened at the size of the second stage', async () => {
    await run({ at: 'whitening', nth: batches + 4 }, data);
    await expectResumes(whole);
  });

  it('while its PCA is fitted', async () => {
    const pca = { preprocessing: 'pcaWhitening' };
    await run({ at: 'fit', nth: 3 }, pca);
    await expectResumes(await uninterrupted(pca));
  });
});

describe('a learning-rate range test, killed', () => {
  it('leaves nothing behind, and the run that it starts from as it was', async () => {
    const { runs } = await here<{ runs: RunRecord[] }>('run', shell.file('spec.json', spec()));
    const before = await outcome(runs[0]!.id);
    const start = { from: `run:${runs[0]!.id}:last` };
    const words = ['lr-find', shell.file('from.json', { ...spec(), start }), '--steps', '20'];
    // a test that finds no rate ends with 1, and has a curve all the same
    const curve = async () => JSON.parse((await runHere(...words, '--json', ...home())).out) as LrRangeRecord;
    const found = await curve();
    expect(found.points.length).toBeGreaterThan(10);
    const rowsBefore = rows('SELECT * FROM runs');
    await killed([...words, ...home()], { at: 'advance', nth: 5 });
    expect((await here<{ runs: RunRecord[] }>('list')).runs).toHaveLength(1);
    expect(rows('SELECT * FROM runs')).toEqual(rowsBefore);
    expectWhole();
    expect(await outcome(runs[0]!.id)).toEqual(before);
    expect(await curve()).toEqual(found);
  });
});

describe('weights that are kept, killed before their row is written', () => {
  it('of an architecture: the next start takes the file away, and the import works', async () => {
    const net = join(shell.folder, 'net.onnx');
    expect((await runHere('export', 'lenet', '--format', 'onnx', '--out', net, ...home())).code).toBe(0);
    await killed(['import', net, '--name', 'Net', ...home()], { at: 'renamed', nth: 1, file: 'safetensors$' });
    expect(files()).toHaveLength(1);
    expect((await here<{ architectures: unknown[] }>('architecture', 'list')).architectures).toEqual([]);
    expectWhole();
    expect((await runHere('import', net, '--name', 'Net', ...home())).code).toBe(0);
    expect(files()).toHaveLength(1);
    expectWhole();
    // a start leaves alone what is named
    expect((await here<{ architectures: unknown[] }>('architecture', 'list')).architectures).toHaveLength(1);
    expectWhole();
  });

  it('of a fork: the next start takes them away, and the fork works', async () => {
    const { runs } = await here<{ runs: RunRecord[] }>('run', shell.file('spec.json', spec()));
    const stages = spec().training.stages.map((stage) => ({ ...stage, length: { steps: 25 } }));
    const fork = ['fork', runs[0]!.id, '--set', `training.stages=${JSON.stringify(stages)}`];
    await killed([...fork, ...home()], { at: 'renamed', nth: 1, file: 'weights-' });
    expect(files().filter((name) => name.startsWith('weights-'))).toHaveLength(1);
    expect((await here<{ runs: RunRecord[] }>('list')).runs).toHaveLength(1);
    expectWhole();
    expect((await here<{ runs: RunRecord[] }>(...fork)).runs[0]).toMatchObject({ status: 'finished', step: 50 });
    expectWhole();
  });
});
