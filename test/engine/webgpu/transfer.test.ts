import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { withStem } from '../../../engine/graph/transforms/prepend.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import { prependStages } from '../../../engine/train/prependStages.ts';
import type { JobStart } from '../../../engine/train/start.ts';
import type { FormMemory, Tuner } from '../../../engine/webgpu/autotune.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { train } from '../train/drive.ts';
import { all, cnn, curve, only, smallJob } from '../train/jobs.ts';
import { gpuBackend, missingGpu } from './device.ts';

/** Starts from stored weights, forks and prepended stems on the GPU, with sources trained there and on the CPU. */

/** One for all tests that choose no forms, so that kernels are compiled once. */
const gpu = gpuBackend();

const adam = {
  kind: 'adam',
  learningRate: 0.01,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  decoupled: false,
} as const;

function start(weights: Uint8Array, changes: Partial<JobStart> = {}): JobStart {
  return { hash: 'of these bytes', weights, map: {}, fresh: [], carry: 'weights', ...changes };
}

const lastCheckpoint = (events: readonly TrainingEvent[]): Uint8Array =>
  all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;
/** As the lab keeps a checkpoint to fork at: without wall-clock time. */
const snapshot = (bytes: Uint8Array): Uint8Array => encodeCheckpoint({ ...decodeCheckpoint(bytes), seconds: 0 });
const tensorsOf = (bytes: Uint8Array): Map<string, number[]> =>
  new Map(decodeCheckpoint(bytes).tensors.map(({ name, values }) => [name, [...values]]));

/** float32 sums in other orders, through some ten steps: far below what a step changes. */
function expectAlike(found: readonly number[], expected: readonly number[]): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((loss, step) => expect(Math.abs(loss - expected[step]!), `step ${step}`).toBeLessThan(2e-4));
}

/** A tuner for which one form of each op is fast, and a memory of its own: an adapter on which that was measured. */
function wishing(fast: Readonly<Record<string, string>>): { tuner: Tuner; memory: FormMemory } {
  return {
    tuner: {
      clock: () => 0,
      onSoftware: true,
      measure: (_plan, { op }, form) => Promise.resolve(fast[op] === form ? 1 : 2),
    },
    memory: { read: () => Promise.resolve({}), write: () => Promise.resolve() },
  };
}

describe('a start from weights alone on the GPU', () => {
  it('takes those of a CPU run and the other way round, and goes on as the other backend does from them', async ({
    skip,
  }) => {
    skip(missingGpu !== undefined, missingGpu);
    const parent = smallJob({ graph: cnn, optimizer: adam, length: { steps: 8 } });
    for (const [first, second] of [[cpuBackend, gpu] as const, [gpu, cpuBackend] as const]) {
      const bytes = lastCheckpoint((await train(parent, first)).events);
      const job: TrainingJob = { ...parent, seed: 8, start: start(bytes, { fresh: ['out'] }) };
      const begun = await train(job, second, { stopAt: 0 });
      const [stored, taken] = [tensorsOf(bytes), tensorsOf(lastCheckpoint(begun.events))];
      for (const name of ['conv.weight', 'conv.bias', 'norm.gamma', 'norm.runningVar', 'conv2.weight']) {
        // there and back through the memory of the device without a bit lost
        expect(taken.get(name), name).toEqual(stored.get(name));
      }
      expect(taken.get('out.weight')).not.toEqual(stored.get('out.weight'));
      const there = await train(job, second);
      expect(only(there.events, 'ready').step).toBe(0);
      expectAlike(curve(there.events, 'loss'), curve((await train(job, first)).events, 'loss'));
    }
  }, 180_000);

  it('leaves frozen layers and their running statistics untouched, bit for bit', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const job = smallJob({ graph: cnn });
    const bytes = lastCheckpoint((await train(job, gpu, { stopAt: 6 })).events);
    const stored = tensorsOf(bytes);
    const weights = ['conv.weight', 'conv.bias', 'norm.gamma', 'norm.beta', 'conv2.weight', 'conv2.bias'];
    for (const frozenBatchNorm of ['running', 'batch'] as const) {
      const frozen = {
        length: { steps: 5 },
        imageSize: null,
        batchSize: 8,
        learningRateFactor: 1,
        augmentationStrength: 1,
        frozen: ['conv', 'norm', 'conv2'],
        frozenBatchNorm,
      };
      const given = { ...job, stages: [frozen], start: start(bytes) };
      const run = await train(given, gpu);
      const end = tensorsOf(lastCheckpoint(run.events));
      for (const name of weights) expect(end.get(name), name).toEqual(stored.get(name));
      expect(end.get('out.weight')).not.toEqual(stored.get('out.weight'));
      const moved = JSON.stringify(end.get('norm.runningMean')) !== JSON.stringify(stored.get('norm.runningMean'));
      expect(moved).toBe(frozenBatchNorm === 'batch');
      expectAlike(curve(run.events, 'loss'), curve((await train(given, cpuBackend)).events, 'loss'));
    }
  }, 180_000);
});

describe('a fork on the GPU', () => {
  const jobs: Readonly<Record<string, Partial<TrainingJob>>> = {
    'of SGD with momentum and batch norm': {},
    'of Adam, in the second of two stages, that puts the best back': {
      optimizer: adam,
      earlyStopping: { metric: 'validation.loss', patience: 9, minDelta: 0, restoreBest: true },
      stages: [
        ...prependStages({
          reused: ['conv', 'norm'],
          batchNorm: 'running',
          imageSize: null,
          batchSize: 8,
          lengths: [{ steps: 4 }, { steps: 12 }],
          learningRateFactors: [1, 0.5],
        }),
      ],
    },
  };

  for (const [name, changes] of Object.entries(jobs)) {
    it(`${name}, that changes nothing, ends as its parent does`, async ({ skip }) => {
      skip(missingGpu !== undefined, missingGpu);
      const job = smallJob({ graph: cnn, length: { steps: 16 }, ...changes });
      const parent = await train(job, gpu);
      const weights = snapshot(lastCheckpoint((await train(job, gpu, { stopAt: 7 })).events));
      const fork = await train({ ...job, start: start(weights, { carry: 'everything' }) }, gpu);
      expect(fork.hash).toBe(parent.hash);
      expect(only(fork.events, 'ready').step).toBe(7);
      expect(curve(fork.events, 'loss')).toEqual(curve(parent.events, 'loss').slice(7));
    }, 180_000);
  }

  it('keeps the forms of its parent whatever has been measured since, and a replay of it the forms of the fork', async ({
    skip,
  }) => {
    skip(missingGpu !== undefined, missingGpu);
    const job = smallJob({ graph: cnn, length: { steps: 12 } });
    const measuredThen = gpuBackend(wishing({ conv2d: 'winograd2', conv2dGradInput: 'winograd4' }));
    const measuredNow = gpuBackend(wishing({ linear: 'narrow', conv2d: 'small' }));
    const parent = await train(job, measuredThen);
    expect((await train(job, measuredNow)).hash).not.toBe(parent.hash);
    const weights = snapshot(lastCheckpoint((await train(job, measuredThen, { stopAt: 6 })).events));
    const everything = { ...job, start: start(weights, { carry: 'everything' }) };
    expect((await train(everything, measuredNow)).hash).toBe(parent.hash);

    // classes that the parent did not have are the fork's own choice, and go with its checkpoints
    const wider: TrainingJob = { ...everything, batchSize: 10 };
    const fork = await train(wider, measuredNow);
    const { forms } = decodeCheckpoint(lastCheckpoint(fork.events));
    expect(Object.values(forms!)).toEqual(expect.arrayContaining(['winograd2', 'small']));
    const elsewhere = gpuBackend(wishing({ linear: 'narrow' }));
    expect((await train({ ...wider, forms: forms! }, elsewhere)).hash).toBe(fork.hash);
    // weights alone are no run that goes on: the backend chooses anew
    const begun = await train({ ...job, start: start(weights) }, measuredNow);
    expect(Object.values(decodeCheckpoint(lastCheckpoint(begun.events)).forms!)).not.toContain('winograd2');
  }, 240_000);

  it('goes on where another backend left off, and resumes to the same weights when it is cut off', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const job = smallJob({ graph: cnn, optimizer: adam, length: { steps: 16 } });
    const whole = curve((await train(job, cpuBackend)).events, 'loss');
    for (const [first, second] of [[cpuBackend, gpu] as const, [gpu, cpuBackend] as const]) {
      const weights = snapshot(lastCheckpoint((await train(job, first, { stopAt: 6 })).events));
      const forked: TrainingJob = { ...job, start: start(weights, { carry: 'everything' }) };
      const fork = await train(forked, second);
      expectAlike(curve(fork.events, 'loss'), whole.slice(6));
      const cut = await train(forked, second, { stopAt: 11 });
      const rest: TrainingJob = {
        ...forked,
        start: { ...forked.start!, weights: null },
        resumeFrom: lastCheckpoint(cut.events),
      };
      expect((await train(rest, second)).hash).toBe(fork.hash);
    }
  }, 240_000);
});

describe('a prepended stem on the GPU', () => {
  it('learns in front of frozen layers, then with them, as on the CPU', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const small = smallJob({ graph: cnn, length: { steps: 6 } });
    const source = lastCheckpoint((await train(small, cpuBackend)).events);
    const { document, stem } = withStem(cnn, { stem: { kind: 'pool' }, inputShape: small.data.imageShape });
    const job: TrainingJob = {
      ...small,
      graph: document,
      stages: prependStages({
        reused: ['conv', 'norm', 'conv2', 'out'],
        batchNorm: 'running',
        imageSize: null,
        batchSize: 8,
        lengths: [{ steps: 6 }, { steps: 6 }],
        learningRateFactors: [1, 0.1],
      }),
      start: start(source),
    };
    const onGpu = await train(job, gpu);
    expect(all(onGpu.events, 'stage')).toHaveLength(2);
    expectAlike(curve(onGpu.events, 'loss'), curve((await train(job, cpuBackend)).events, 'loss'));
    // behind the first stage only the stem has moved
    const stem1 = tensorsOf(lastCheckpoint((await train(job, gpu, { stopAt: 6 })).events));
    const stored = tensorsOf(source);
    for (const name of ['conv.weight', 'norm.gamma', 'norm.runningMean', 'conv2.bias', 'out.weight']) {
      expect(stem1.get(name), name).toEqual(stored.get(name));
    }
    const end = tensorsOf(lastCheckpoint(onGpu.events));
    expect(end.get('conv.weight')).not.toEqual(stored.get('conv.weight'));
    expect(end.get(`${stem[0]}.weight`)).not.toEqual(stem1.get(`${stem[0]}.weight`));
  }, 180_000);
});
