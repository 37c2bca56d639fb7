import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { Backend } from '../../../engine/backend.ts';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import type { OptimizerSettings } from '../../../engine/train/settings.ts';
import { noUpdates, stageSpans, updatesAfter } from '../../../engine/train/stages.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { train } from './drive.ts';
import { all, frozenStage as stage, mlp, smallJob } from './jobs.ts';

/**
 * A layer that was frozen and thaws has an optimiser's state of 0. An optimiser that corrects for that counts the updates of each
 * parameter (PyTorch: state['step']); with the steps of the run it would take the first ones as settled, and Adam's would be three to
 * six times too large.
 */

const rate = 0.01;
const moments = { learningRate: rate, weightDecay: 0, beta1: 0.9, beta2: 0.999, eps: 1e-8 };
const adam: OptimizerSettings = { kind: 'adam', decoupled: false, ...moments };

const thawing = (optimizer: OptimizerSettings, changes: Partial<TrainingJob> = {}): TrainingJob =>
  smallJob({ graph: mlp, optimizer, stages: [stage(6, ['hidden']), stage(8, [])], ...changes });

const lastCheckpoint = (events: readonly TrainingEvent[]): Uint8Array =>
  all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;

async function stateAt(job: TrainingJob, step: number, backend: Backend): Promise<Map<string, number[]>> {
  const { events } = await train(job, backend, { stopAt: step });
  return new Map(decodeCheckpoint(lastCheckpoint(events)).tensors.map(({ name, values }) => [name, [...values]]));
}

/** How far the values of a tensor move from one step to another, the median of their distances. */
async function moved(job: TrainingJob, name: string, [from, to]: readonly [number, number], backend: Backend) {
  const [before, after] = [await stateAt(job, from, backend), await stateAt(job, to, backend)];
  const distances = before.get(name)!.map((value, i) => Math.abs(after.get(name)![i]! - value));
  return distances.sort((a, b) => a - b)[distances.length >> 1]!;
}

describe('the first step of a layer that thaws', () => {
  // mu_1 and mu_2 of NAdam's schedule of momentum
  const [mu1, mu2] = [1, 2].map((t) => 0.9 * (1 - 0.5 * 0.96 ** (0.004 * t))) as [number, number];
  const first: readonly (readonly [OptimizerSettings, number])[] = [
    [adam, rate],
    [{ kind: 'adam', decoupled: true, ...moments }, rate],
    [{ kind: 'adamax', ...moments }, rate],
    [{ kind: 'nadam', momentumDecay: 0.004, ...moments }, rate * (1 + (mu2 * 0.1) / (1 - mu1 * mu2))],
    [
      { kind: 'adagrad', learningRate: rate, weightDecay: 0, learningRateDecay: 1, initialAccumulator: 0, eps: 1e-10 },
      rate,
    ],
  ];

  it.each(first)('is as long as the first one of a run: $kind', async (optimizer, length) => {
    for (const backend of [referenceBackend, cpuBackend]) {
      const step = await moved(thawing(optimizer), 'hidden.weight', [6, 7], backend);
      expect(Math.abs(step / length - 1)).toBeLessThan(1e-3);
    }
  });

  it('takes the whole gradient into the velocity, whatever the dampening', async () => {
    const sgd = { kind: 'sgd', learningRate: 0.1, momentum: 0.9, nesterov: false, weightDecay: 0 } as const;
    const damped = await moved(thawing({ ...sgd, dampening: 1 }), 'hidden.weight', [6, 7], referenceBackend);
    expect(damped).toBeGreaterThan(0);
  });

  it('takes an update of its own only where the optimiser counts', () => {
    const updates = (optimizer: OptimizerSettings): number[] =>
      prepareTraining(thawing(optimizer)).stages.map(
        ({ plan }) => plan.segments[0]!.ops.filter(({ op }) => op === 'adamUpdate').length,
      );
    expect(updates(adam)).toEqual([1, 2]);
    expect(updates({ ...adam, biasCorrection: false })).toEqual([1, 1]);
  });

  it('is the same when the parts of a batch are taken one after the other', async () => {
    const step = await moved(thawing(adam, { accumulate: 4 }), 'hidden.weight', [6, 7], cpuBackend);
    expect(Math.abs(step / rate - 1)).toBeLessThan(1e-3);
  });
});

describe('updates of parameters', () => {
  it('are counted over stages, from where a run goes on', () => {
    const stages = [stage(6, ['a', 'b', 'a']), stage(4, ['b']), stage(5, [])];
    const spans = stageSpans({ batchSize: 8, length: { steps: 1 }, stages }, 68);
    const missed = (step: number, from = noUpdates): object =>
      Object.fromEntries(updatesAfter(step, spans, from).missed);
    expect(missed(0)).toEqual({});
    expect(missed(4)).toEqual({ a: 4, b: 4 });
    expect(missed(8)).toEqual({ a: 6, b: 8 });
    expect(missed(15)).toEqual({ a: 6, b: 10 });
    expect(missed(15, { ...noUpdates, step: 8, missed: new Map([['c', 3]]) })).toEqual({ b: 2, c: 3 });
  });

  it('are the same in a run that is stopped anywhere and resumed', async () => {
    const job = thawing(adam);
    const whole = await train(job, cpuBackend);
    for (const stopAt of [3, 6, 7, 11]) {
      const begun = await train(job, cpuBackend, { stopAt });
      const resumed = await train({ ...job, resumeFrom: lastCheckpoint(begun.events) }, cpuBackend);
      expect(resumed.hash).toBe(whole.hash);
    }
  });

  it('go on in a fork, and in a fork that is resumed', async () => {
    const job = thawing(adam);
    const whole = await train(job, referenceBackend);
    for (const step of [4, 6, 9]) {
      const weights = lastCheckpoint((await train(job, referenceBackend, { stopAt: step })).events);
      const start = { hash: 'of these bytes', weights, map: {}, fresh: [], carry: 'everything' } as const;
      expect((await train({ ...job, start }, referenceBackend)).hash).toBe(whole.hash);
      // other stages from here on, and the parent's file is gone by the time it is resumed
      const other = { ...job, start, stages: [stage(12, ['out']), stage(4, [])] };
      const changed = await train(other, referenceBackend);
      const begun = await train(other, referenceBackend, { stopAt: 13 });
      const resumed = { ...other, start: { ...start, weights: null }, resumeFrom: lastCheckpoint(begun.events) };
      expect((await train(resumed, referenceBackend)).hash).toBe(changed.hash);
    }
    // frozen until the fork, which thaws it
    const weights = lastCheckpoint((await train(job, referenceBackend, { stopAt: 4 })).events);
    const start = { hash: 'of these bytes', weights, map: {}, fresh: [], carry: 'everything' } as const;
    const thawed = { ...job, stages: [stage(9, [])], start };
    const step = await moved(thawed, 'hidden.weight', [4, 5], referenceBackend);
    expect(Math.abs(step / rate - 1)).toBeLessThan(1e-3);
  });
});
