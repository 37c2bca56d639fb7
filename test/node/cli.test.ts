import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { openStore } from '../../db/open.node.ts';
import {
  comparisonSchema,
  runDetailsSchema,
  runRecordSchema,
  verificationSchema,
  type RunRecord,
  type Verification,
} from '../../lab/contract/records.ts';
import { recalibrationSchema } from '../../lab/contract/recalibrationRecords.ts';
import { jsonHere, runHere } from './cliHere.ts';
import { Shell, tinySpec } from './cliProcess.ts';

// processes of their own on a busy machine
vi.setConfig({ testTimeout: 120_000 });

const shell = new Shell();
afterAll(() => shell.close());
/** In this process, on the same history as the shell's processes. */
const here = (...words: string[]) => runHere(...words, '--home', shell.home);
const json = <T>(...words: string[]) => jsonHere<T>(...words, '--home', shell.home);

describe('run, list, show, compare', () => {
  const spec = shell.file('tiny.json', tinySpec);
  let plain: RunRecord[];
  let normalised: RunRecord[];

  it('trains once per seed and prints nothing but JSON on stdout', async () => {
    const { code, out, err } = await shell.run(
      'run',
      spec,
      '--seeds',
      '1,2',
      '--json',
      '--tag',
      'base',
      '--tag',
      'quick',
    );
    expect(err).toContain('finished after 40 steps');
    expect(code).toBe(0);
    plain = (JSON.parse(out) as { runs: RunRecord[] }).runs.map((run) => runRecordSchema.parse(run));
    expect(plain.map((run) => [run.seed, run.status, run.step, run.tags])).toEqual([
      [1, 'finished', 40, ['base', 'quick']],
      [2, 'finished', 40, ['base', 'quick']],
    ]);
    expect(plain[0]!.group).toBe(plain[1]!.group);
    expect(plain[0]!.resultHash).toMatch(/^[0-9a-f]{64}$/);
    expect(plain[0]!.resultHash).not.toBe(plain[1]!.resultHash);
    expect(plain[0]!.metrics.testAccuracy).toBeGreaterThan(0.2);
  });

  it('changes the spec with --set and closes with a table, the hashes and the next command', async () => {
    const words = ['--set', 'model.batchNorm=before', '--name', 'with BatchNorm', '--seeds', '1-2'];
    const { code, out, err } = await shell.run('run', spec, ...words);
    expect(code).toBe(0);
    const { runs } = await json<{ runs: RunRecord[] }>('list', '--search', 'BatchNorm');
    normalised = runs;
    expect(runs.map((run) => run.name)).toEqual(['with BatchNorm', 'with BatchNorm']);
    for (const run of runs) {
      const line = out.split('\n').find((each) => each.includes(run.id));
      expect(line).toContain(run.group);
      expect(line).toContain(run.resultHash!.slice(0, 16));
      expect(line).toMatch(/\d\d\.\d\d %/);
    }
    expect(err).toContain(`compare ${plain[0]!.group} ${runs[0]!.group}`);
    expect(out + err).not.toContain('\u001b');
  });

  it('gives the same result for the same spec and seed, with one thread and with two', async () => {
    const { runs } = await shell.json<{ runs: RunRecord[] }>('run', spec, '--seeds', '1', '--threads', '1');
    expect(runs[0]!.resultHash).toBe(plain[0]!.resultHash);
    const { runs: two } = await json<{ runs: RunRecord[] }>('run', spec, '--seeds', '1', '--threads', '2');
    expect(two[0]!.threads).toBe(2);
    expect(two[0]!.resultHash).toBe(plain[0]!.resultHash);
  });

  it('lists the runs, newest first, as a table and by status', async () => {
    const { out } = await shell.run('list');
    const lines = out.trim().split('\n');
    expect(lines[0]).toMatch(/^run\s+group\s+status\s+name/);
    expect(lines).toHaveLength(7);
    expect(lines[6]).toContain(plain[0]!.id);
    expect((await json<{ total: number }>('list', '--status', 'failed')).total).toBe(0);
    const wrong = await here('list', '--status', 'finishd');
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('Did you mean finished?');
  });

  it('shows one run by the beginning of its id', async () => {
    const { out, code } = await here('show', plain[0]!.id.slice(0, 9));
    expect(code).toBe(0);
    for (const text of [plain[0]!.resultHash!, plain[0]!.specHash, 'mnist', '40 of 40', 'base, quick'])
      expect(out).toContain(text);
    const record = await json<{ series: { name: string; steps: number[] }[] }>('show', plain[0]!.id, '--series');
    runDetailsSchema.parse(record);
    expect(record.series.find((each) => each.name === 'validation.accuracy')?.steps).toEqual([10, 20, 30, 40]);
    const again = await here('show', plain[0]!.id, '--spec');
    expect((await shell.start(['spec', 'check', '-'], { input: again.out }).finished).code).toBe(0);
  });

  it('replays a run and states whether it is identical', async () => {
    const { id, resultHash } = plain[0]!;
    const { out, code } = await here('verify', id);
    expect(code).toBe(0);
    expect(out).toMatch(/^✓ identical .*whole run\n\s+40 steps replayed/);
    expect(out.split(resultHash!)).toHaveLength(3);
    const first = await json<Verification>('verify', id, '--steps', '15');
    expect(verificationSchema.parse(first)).toMatchObject({ run: id, identical: true, whole: false, steps: 15 });
    expect(first.compared).toBeGreaterThanOrEqual(45);
    expect((await here('show', id)).out).toContain('The whole run replayed');
    expect((await here('verify', id, '--steps', '41')).err).toContain('made 40 steps');
    expect((await here('verify')).code).toBe(2);
    // a history that says something else than what the spec leads to
    const store = openStore(shell.home);
    store.updateRun(id, { resultHash: resultHash!.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) });
    store.close();
    try {
      const differing = await here('verify', id);
      expect(differing.code).toBe(1);
      expect(differing.out).toMatch(/^✗ differs/);
    } finally {
      const again = openStore(shell.home);
      again.updateRun(id, { resultHash });
      again.close();
    }
  });

  it('compares groups: what was changed, what differs along with it, and numbers with intervals in words', async () => {
    const arms = [plain[0]!.group, normalised[0]!.group];
    const { out, code } = await here('compare', ...arms, '--reach', 'validation.accuracy=0.2');
    expect(code).toBe(0);
    expect(out).toMatch(/model\.batchNorm\s+asDrawn\s+before/);
    expect(out).toContain('parameters against');
    expect(out).toMatch(/Steps to 20 % validation accuracy\s+\d+/);
    expect(out).toMatch(/with BatchNorm reached 20 % validation accuracy after [\d ±,]+ steps, tiny after/);
    expect(out).toMatch(/with BatchNorm ended at \d+\.\d\d % test accuracy, tiny at/);
    const comparison = comparisonSchema.parse(await json('compare', ...arms, '--baseline', arms[1]!));
    expect(comparison.baseline).toBe(arms[1]);
    // the first group also holds repeats of its seeds, which other tests here ran
    expect(comparison.arms.map((arm) => arm.runs.map(({ seed }) => seed))).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });

  it('names what is not in the history', async () => {
    for (const words of [
      ['show', 'zzz'],
      ['compare', 'zzz'],
      ['resume', 'zzz'],
    ]) {
      const { code, err, out } = await here(...words);
      expect(code).toBe(4);
      expect(err).toContain('"zzz"');
      expect(out).toBe('');
    }
    // every id begins with the same letter
    const { code, err } = await here('show', plain[0]!.id[0]!);
    expect(code).toBe(4);
    expect(err).toMatch(/6 runs begin with/);
  });

  it('measures a finished run with statistics of batch norm that are taken anew', async () => {
    const id = normalised[0]!.id;
    const { code, out, err } = await here('recalibrate', id, '--batches', '5');
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(out).toMatch(/as trained +\d+\.\d\d % +\d+\.\d\d %/);
    expect(out).toMatch(/taken anew +\d+\.\d\d % +\d+\.\d\d %/);
    expect(out).toMatch(/statistics over 5 batches, \d+ images/);
    expect(out).toMatch(/off by a factor of up to [\d.]+ \(/);
    const found = recalibrationSchema.parse(await json('recalibrate', id, '--batches', '5'));
    expect(found.run).toBe(id);
    // as trained it is what the run said itself, and the run still says it
    expect(found.before.test.accuracy).toBeCloseTo(normalised[0]!.metrics.testAccuracy!, 6);
    const { code: shown, out: after } = await here('show', id);
    expect(shown).toBe(0);
    expect(after).toContain(normalised[0]!.resultHash!.slice(0, 16));
    expect(after).toContain('Statistics of batch norm taken anew');
    const refused = await here('recalibrate', plain[0]!.id);
    expect(refused.code).not.toBe(0);
    expect(refused.err).toContain('no batch norm');
  });

  it('trains once per fold and speaks of folds', async () => {
    const { code, out, err } = await here('run', spec, '--folds', '3', '--set', 'data.split=stratified');
    expect({ code, err }).toMatchObject({ code: 0 });
    for (const fold of [1, 2, 3]) expect(out).toContain(`${fold} of 3`);
    expect(out).toMatch(
      /Validation accuracy over 3 folds: \d+\.\d\d % on average, standard deviation \d+\.\d\d points/,
    );
    expect(err).toMatch(/Compare with the arm before|Look at the folds together/);
    const { runs } = await json<{ runs: RunRecord[] }>('list');
    const folds = runs.filter((run) => run.fold !== null);
    expect(folds.map(({ fold }) => fold).sort()).toEqual([1, 2, 3]);
    expect(new Set(folds.map(({ group }) => group)).size).toBe(1);
    const compared = await here('compare', folds[0]!.group);
    expect(compared.out).toContain('1: folds 1, 2, 3 of 3');
    const wrong = await here('run', spec, '--folds', '1');
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('--folds');
  });
});

describe('a run that fails', () => {
  it('ends the command with 1 and says where it went wrong; the others go on', async () => {
    const home = join(shell.folder, 'failing');
    const path = shell.file('failing.json', tinySpec);
    const words = ['--set', 'training.optimizer.learningRate=1e30', '--seeds', '1,2', '--home', home];
    const { code, out, err } = await runHere('run', path, ...words, '--json');
    expect(code).toBe(1);
    const { runs } = JSON.parse(out) as { runs: RunRecord[] };
    expect(runs.map((run) => [run.status, run.error?.code])).toEqual([
      ['failed', 'nonFinite'],
      ['failed', 'nonFinite'],
    ]);
    for (const run of runs) {
      expect(err).toContain(run.error!.message);
      expect(run.error!.message).toMatch(/step \d+/);
      expect(err).toContain(`show ${run.id}`);
    }
    expect((await runHere('show', runs[0]!.id, '--home', home)).out).toContain(runs[0]!.error!.message.split('\n')[0]);
  });
});

describe('bad input', () => {
  it('of JSON: file, line and column', async () => {
    const path = shell.file('broken.json', '{\n  "ablate": 1,\n  "name": \'x\'\n}\n');
    for (const command of [['run'], ['spec', 'check'], ['model', 'describe']]) {
      const { code, err, out } = await here(...command, path);
      expect(code).toBe(3);
      expect(err).toContain(
        `${path}:3:11: line 3, column 11: expected a value, found '''; JSON puts text in double quotes`,
      );
      expect(out).toBe('');
    }
  });

  it('of a spec: every fault at once with its path; nothing is stored', async () => {
    const faulty = {
      ...tinySpec,
      data: { dataset: 'mnst' },
      training: { ...tinySpec.training, batchSize: 0, optimizer: { kind: 'sgd', learningRat: 1 } },
    };
    const path = shell.file('faulty.json', faulty);
    const other = new Shell();
    try {
      const { code, err } = await runHere('run', path, '--home', other.home);
      expect(code).toBe(3);
      expect(err).toMatch(/data\.dataset: there is no data set "mnst".*mnist/);
      expect(err).toContain('training.batchSize');
      expect(err).toContain('training.optimizer.learningRat: unknown name. Did you mean learningRate');
      expect((await jsonHere<{ total: number }>('list', '--home', other.home)).total).toBe(0);
    } finally {
      other.close();
    }
  });

  it('of a graph: all faults, each naming its node', async () => {
    const nodes = [
      { id: 'image', layer: 'input' },
      { id: 'conv1', layer: 'conv2d', props: { channels: 4, kernel: 60 } },
      { id: 'dense1', layer: 'dense', inputs: ['image'] },
      { id: 'odd', layer: 'denze' },
    ];
    const path = shell.file('graph.json', { ...tinySpec, model: { nodes } });
    const { code, err } = await here('spec', 'check', path);
    expect(code).toBe(3);
    for (const text of ['dense1', 'odd', 'denze']) expect(err).toContain(text);
    const checked = await here('spec', 'check', path, '--json');
    expect(checked.code).toBe(3);
    expect((JSON.parse(checked.out) as { faults: unknown[] }).faults.length).toBeGreaterThanOrEqual(2);
  });

  it('of files: missing, a folder, much too large', async () => {
    const cases = [
      [join(shell.folder, 'nowhere.json'), /There is no file .*nowhere\.json/],
      [shell.folder, /is a folder/],
      [shell.file('large.json', ' '.repeat(17 * 2 ** 20)), /larger than 16 MiB/],
    ] as const;
    for (const [path, message] of cases) {
      const { code, err } = await here('spec', 'check', path);
      expect(code).toBe(3);
      expect(err).toMatch(message);
    }
  });

  it('of words: unknown commands and options name the near one', async () => {
    const cases: [string[], string][] = [
      [['rnu'], 'Did you mean run?'],
      [['run', 'x.json', '--seed', '1'], 'Did you mean --seeds or --set?'],
      [['list', '--jsn'], 'Did you mean --json?'],
      [['run'], 'needs the file of a spec'],
      [['data'], 'data needs one word more: data list'],
      [['list', 'extra'], '"extra"'],
      [['run', 'x.json', '--seeds'], '--seeds needs a value'],
      [['run', 'x.json', '--seeds', '1,one'], 'not "1,one"'],
      [['run', 'x.json', '--seeds', '1,1'], 'seed 1 twice'],
      [['run', 'x.json', '--threads', 'many'], 'not "many"'],
      [['list', '--json=yes'], 'takes no value'],
      [['compare', 'a', '--reach', 'validation.acc=0.9'], 'Did you mean'],
    ];
    for (const [words, message] of cases) {
      const { code, err, out } = await runHere(...words);
      expect([words.join(' '), code, out]).toEqual([words.join(' '), 2, '']);
      expect(err).toContain(message);
      expect(err).toContain('help');
    }
  });

  it('of --set: the path that no spec has', async () => {
    const path = shell.file('set.json', tinySpec);
    const { code, err } = await here('spec', 'check', path, '--set', 'training.batchsize=3');
    expect(code).toBe(3);
    expect(err).toMatch(/training\.batchsize.*Did you mean batchSize/s);
  });

  it('of a home that is a file, or a history that is none', async () => {
    const file = shell.file('home-file', 'x');
    const blocked = await runHere('list', '--home', file);
    expect(blocked.code).toBe(6);
    expect(blocked.err).toContain(`${file} is a file, not a folder`);

    const home = join(shell.folder, 'damaged');
    mkdirSync(home);
    writeFileSync(
      join(home, 'history.sqlite'),
      'this is no database, but it is long enough to be looked at as one '.repeat(80),
    );
    const before = readFileSync(join(home, 'history.sqlite'));
    const damaged = await runHere('list', '--home', home);
    expect(damaged.code).toBe(7);
    expect(damaged.err).toMatch(/history\.sqlite is damaged.*Nothing was changed/s);
    expect(readFileSync(join(home, 'history.sqlite'))).toEqual(before);
  });
});

describe('what needs no history', () => {
  it('describes models and lists data sets without touching the home', async () => {
    const home = join(shell.folder, 'untouched');
    const words = ['--home', home];
    const { datasets } = await jsonHere<{ datasets: { id: string; trainImages: number }[] }>('data', 'list', ...words);
    expect(datasets.map((each) => [each.id, each.trainImages])).toEqual([
      ['fashion-mnist', 60000],
      ['mnist', 60000],
    ]);
    const path = shell.file('tiny.json', tinySpec);
    const model = await jsonHere<{ layers: { id: string; parameters: number }[]; cost: { parameters: number } }>(
      'model',
      'describe',
      path,
    );
    expect(model.layers.find((layer) => layer.id === 'dense1')?.parameters).toBe(784 * 16 + 16);
    expect(model.cost.parameters).toBe(784 * 16 + 16 + 16 * 10 + 10);
    const { out } = await runHere('model', 'describe', path, '--plan', ...words);
    expect(out).toMatch(/segment train: \d+ ops/);
    expect(out).toContain('sgdUpdate');
    expect(out).toContain('activations share');
    expect(existsSync(home)).toBe(false);
  });

  it('prints the schema of specs', async () => {
    const { out, code } = await here('spec', 'schema');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' });
  });
});
