import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunRecord } from '../../lab/contract/records.ts';
import { Shell, tinySpec, type Started } from './cliProcess.ts';

vi.setConfig({ testTimeout: 180_000 });

let shell: Shell;
beforeEach(() => (shell = new Shell()));
afterEach(() => shell.close());

/** Dropout, momentum and batchNorm, so that random streams, optimiser state and running statistics all have to come back. */
const spec = {
  ...tinySpec,
  name: 'long',
  data: { dataset: 'mnist', validation: 500, trainImages: 6000 },
  model: {
    nodes: [
      { id: 'image', layer: 'input' },
      { id: 'flatten', layer: 'flatten' },
      { id: 'dense1', layer: 'dense', props: { units: 64 } },
      { id: 'bn1', layer: 'batchNorm' },
      { id: 'relu1', layer: 'relu' },
      { id: 'dropout1', layer: 'dropout', props: { p: 0.2 } },
      { id: 'classes', layer: 'dense', props: { units: 10 } },
    ],
  },
  training: {
    batchSize: 60,
    length: { steps: 600 },
    optimizer: { kind: 'sgd', learningRate: 0.05, momentum: 0.9 },
    schedule: { kind: 'cosine' },
    evaluateEvery: { steps: 100 },
  },
};

const short = ['--checkpoint-seconds', '0.1'];

async function until(what: string, test: () => boolean, started: Started): Promise<void> {
  const end = Date.now() + 90_000;
  while (!test()) {
    if (started.child.exitCode !== null) throw new Error(`ended before ${what}: ${started.text()}`);
    if (Date.now() > end) throw new Error(`${what} did not come: ${started.text()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A run that stays at a step, with a checkpoint after each one before it (fixtures/holdAt.ts): it is not over when it is killed. */
const heldAt = (step: number, saves = true) => ({
  preload: new URL('./fixtures/holdAt.ts', import.meta.url),
  env: { ABLATE_HOLD: String(step), ...(saves && { ABLATE_HOLD_SAVES: '1' }) },
});

/**
 * The file of a step of the run that is held there. It is not the run's first one, and one file is recorded before the next is written,
 * so there is a record by then.
 */
const untilHeld = (step: number, started: Started): Promise<void> =>
  until(`a checkpoint of step ${step}`, () => checkpoints().some((name) => name.includes(`-last-${step}.`)), started);

/** A file is written before it is recorded, so the second one proves that the first is. */
async function untilCheckpoint(started: Started): Promise<void> {
  const seen = new Set<string>();
  await until(
    'a second checkpoint',
    () => {
      for (const name of checkpoints()) seen.add(name);
      return seen.size > 1;
    },
    started,
  );
}

/** File names hold the step: `<run>-last-<step>.safetensors`. */
function checkpoints(role: 'last' | 'best' = 'last'): string[] {
  const folder = join(shell.home, 'checkpoints');
  const isOne = new RegExp(`-${role}-\\d+\\.safetensors$`);
  return existsSync(folder) ? readdirSync(folder).filter((name) => isOne.test(name)) : [];
}

const one = async (...words: string[]): Promise<RunRecord> => {
  const { runs } = await shell.json<{ runs: RunRecord[] }>(...words);
  expect(runs).toHaveLength(1);
  return runs[0]!;
};

describe('a run whose process is killed', () => {
  it('is interrupted at the next start and resumes to the very same weights, with one thread and with two', async () => {
    const path = shell.file('long.json', spec);
    const whole = await one('run', path, '--threads', '1');
    expect(whole.status).toBe('finished');
    for (const [threads, held] of [
      ['1', 301],
      ['2', 450],
    ] as const) {
      const started = shell.start(['run', path, '--threads', threads], heldAt(held));
      await untilHeld(held, started);
      started.child.kill('SIGKILL');
      expect((await started.finished).signal).toBe('SIGKILL');

      const interrupted = await one('list', '--status', 'interrupted');
      expect(interrupted.checkpointStep).toBeGreaterThan(0);
      expect(interrupted.checkpointStep).toBeLessThanOrEqual(held);
      expect(interrupted.resultHash).toBeNull();

      const resumed = await one('resume', interrupted.id.slice(0, 8));
      expect(resumed.id).toBe(interrupted.id);
      expect(resumed.status).toBe('finished');
      expect(resumed.step).toBe(600);
      expect(resumed.threads).toBe(Number(threads));
      expect(resumed.resultHash).toBe(whole.resultHash);
      expect(resumed.metrics).toEqual(whole.metrics);
    }
  });

  it('is refused clearly when its checkpoint was damaged meanwhile', async () => {
    const started = shell.start(['run', shell.file('long.json', spec)], heldAt(50));
    await untilHeld(50, started);
    started.child.kill('SIGKILL');
    await started.finished;
    const interrupted = await one('list', '--status', 'interrupted');
    const file = join(shell.home, 'checkpoints', `${interrupted.id}-last-${interrupted.checkpointStep}.safetensors`);
    writeFileSync(file, 'no checkpoint');
    const { code, err } = await shell.run('resume', interrupted.id);
    expect(code).toBe(7);
    expect(err).toContain(file.split('/').at(-1));
    expect((await one('list')).status).toBe('interrupted');
  });
});

describe('a fork whose process is killed', () => {
  it('at any step resumes to the weights of the fork that was left alone', async () => {
    const parent = await one('run', shell.file('long.json', spec), '--set', 'training.length.steps=300');
    const fork = [
      'fork',
      parent.id,
      '--set',
      'training.length.steps=1000',
      '--set',
      'training.optimizer.learningRate=0.02',
    ];
    const whole = await one(...fork);
    expect(whole).toMatchObject({ status: 'finished', step: 1000, start: { run: parent.id, firstStep: 300 } });

    const drawn = 301 + Math.floor(Math.random() * 600);
    // where it would be evaluated next, the checkpoint comes behind that
    const target = drawn % 100 === 0 ? drawn + 1 : drawn;
    const started = shell.start(fork, heldAt(target));
    await untilHeld(target, started);
    started.child.kill('SIGKILL');
    expect((await started.finished).signal).toBe('SIGKILL');
    const interrupted = await one('list', '--status', 'interrupted');
    expect(interrupted.checkpointStep, `killed at step ${target}`).toBeGreaterThanOrEqual(300);
    const resumed = await one('resume', interrupted.id);
    expect(resumed).toMatchObject({ id: interrupted.id, status: 'finished', step: 1000 });
    expect(resumed.resultHash, `killed at step ${target}`).toBe(whole.resultHash);
    expect(resumed.metrics).toEqual(whole.metrics);
  });

  it('before its first checkpoint begins once more where it forked', async () => {
    const parent = await one('run', shell.file('long.json', spec), '--set', 'training.length.steps=100');
    const fork = ['fork', parent.id, '--set', 'training.length.steps=1000'];
    const whole = await one(...fork);
    const best = new Set(checkpoints('best'));
    const started = shell.start([...fork, '--checkpoint-seconds', '600'], heldAt(600, false));
    // an evaluation lies behind it, and no checkpoint to go on from
    await until('a best model', () => checkpoints('best').some((name) => !best.has(name)), started);
    started.child.kill('SIGKILL');
    await started.finished;
    const interrupted = await one('list', '--status', 'interrupted');
    expect(interrupted).toMatchObject({ checkpointStep: null, start: { firstStep: 100 } });
    const resumed = await one('resume', interrupted.id);
    expect(resumed).toMatchObject({ status: 'finished', step: 1000, resultHash: whole.resultHash });
    expect(resumed.metrics).toEqual(whole.metrics);
    // nothing of what was done twice is there twice
    const curve = await shell.json<{ series: { name: string; steps: number[] }[] }>('show', resumed.id, '--series');
    for (const { name, steps } of curve.series) expect(new Set(steps).size, name).toBe(steps.length);
  });
});

describe('Ctrl+C', () => {
  it('writes a checkpoint, takes waiting runs out of the queue, ends with 130 and says how to go on', async () => {
    const path = shell.file('long.json', spec);
    const started = shell.start([
      'run',
      path,
      '--seeds',
      '1,2',
      '--set',
      'training.length.steps=20000000',
      '--checkpoint-seconds',
      '600',
    ]);
    await until('progress', () => /\b[1-9][\d,]*\/20,000,000 steps/.test(started.text()), started);
    started.child.kill('SIGINT');
    const { code, err } = await started.finished;
    expect(code).toBe(130);
    expect(err).toContain('Writing checkpoints');
    const { runs } = await shell.json<{ runs: RunRecord[] }>('list');
    expect(runs.map((run) => run.status).sort()).toEqual(['interrupted', 'stopped']);
    const interrupted = runs.find((run) => run.status === 'interrupted')!;
    expect(interrupted.checkpointStep).toBe(interrupted.step);
    expect(interrupted.step).toBeGreaterThan(0);
    expect(err).toContain(
      `resume ${runs
        .map((run) => run.id)
        .reverse()
        .join(' ')}`,
    );
  });
});

describe('a second process on the same history', () => {
  it('is refused with the folder and the number of the first, and harms nothing', async () => {
    const path = shell.file('long.json', spec);
    const started = shell.start(['run', path, '--set', 'training.length.steps=1000000', ...short]);
    await untilCheckpoint(started);
    for (const words of [['list'], ['run', path]]) {
      const { code, err, out } = await shell.run(...words);
      expect(code).toBe(5);
      expect(err).toContain(shell.home);
      expect(err).toContain(String(started.child.pid));
      expect(out).toBe('');
    }
    // a faulty spec is a faulty spec, whoever holds the history
    expect((await shell.run('run', shell.file('broken.json', '{'))).code).toBe(3);
    expect(started.child.exitCode).toBeNull();
    started.child.kill('SIGTERM');
    expect((await started.finished).code).toBe(143);
    expect((await one('list')).status).toBe('interrupted');
  });
});

/** Stands in for a full disk: no file can be made there by any user. Whoever writes there now may make the folder again between. */
function replaceByFile(folder: string): void {
  for (;;) {
    try {
      rmSync(folder, { recursive: true, force: true });
      writeFileSync(folder, '', { flag: 'wx' });
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EEXIST' && code !== 'EISDIR' && code !== 'ENOTEMPTY') throw error;
    }
  }
}

describe('a disk that cannot be written any more', () => {
  it('pauses the run; the command ends with 6 and says why, and resume goes on once there is room', async () => {
    const path = shell.file('long.json', spec);
    const started = shell.start(['run', path, '--set', 'training.length.steps=1000000', ...short]);
    await untilCheckpoint(started);
    replaceByFile(join(shell.home, 'checkpoints'));
    const { code, err } = await started.finished;
    expect(code).toBe(6);
    expect(err).toMatch(/Cannot write the checkpoint \(.*safetensors\)/);
    expect(err).toContain('resume ');
    rmSync(join(shell.home, 'checkpoints'));
    mkdirSync(join(shell.home, 'checkpoints'));
    const { runs } = await shell.json<{ runs: RunRecord[] }>('list');
    expect(runs[0]!.status).toBe('interrupted');
  });
});
