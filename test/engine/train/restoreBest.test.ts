import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../engine/train/safetensors.ts';
import type { ScheduleSettings } from '../../../engine/train/settings.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, cnn, curve, mlp, only, smallJob } from './jobs.ts';
import { train } from './drive.ts';

const stopping = { metric: 'validation.loss', patience: 3, minDelta: 0, restoreBest: true } as const;
/** A rate at which the validation loss rises again and the run ends early. */
const wild = { kind: 'sgd', learningRate: 1.5, momentum: 0.9, dampening: 0, nesterov: false, weightDecay: 0 } as const;
const job = (changes: Partial<TrainingJob> = {}): TrainingJob =>
  smallJob({
    length: { steps: 200 },
    evaluateEvery: { steps: 4 },
    optimizer: wild,
    earlyStopping: stopping,
    ...changes,
  });

const backends: [string, Backend][] = [
  ['reference', referenceBackend],
  ['cpu', cpuBackend],
];

describe.each(backends)('restoreBest on %s', (_name, backend) => {
  it.each([
    [mlp, 1.5],
    [cnn, 0.3],
  ])('ends with the parameters of the best evaluation (%#)', { timeout: 60_000 }, async (graph, learningRate) => {
    const optimizer = { ...wild, learningRate };
    const { events } = await train(job({ graph, optimizer }), backend);
    const evaluations = all(events, 'evaluation').filter(({ split }) => split === 'validation');
    const best = evaluations.reduce((a, b) => (b.loss < a.loss ? b : a));
    const finished = only(events, 'finished');
    expect(finished.reason).toBe('earlyStopping');
    expect(finished.restoredStep).toBe(best.step);
    expect(best.step).toBeLessThan(finished.step);

    // the same steps without early stopping end with these very weights, and so with this test result
    const plain = await train(job({ graph, optimizer, earlyStopping: null, length: { steps: best.step } }), backend);
    const result = ({ events: of }: typeof plain): unknown => {
      const { loss, accuracy } = all(of, 'evaluation').find(({ split }) => split === 'test')!;
      return { loss, accuracy };
    };
    expect(result({ events, hash: '' })).toEqual(result(plain));
    // without it the run ends with the last weights
    const last = await train(job({ graph, optimizer, earlyStopping: { ...stopping, restoreBest: false } }), backend);
    expect(only(last.events, 'finished')).not.toHaveProperty('restoredStep');
    expect(last.hash).not.toBe(finished.resultHash);
    expect(curve(last.events, 'loss')).toEqual(curve(events, 'loss'));
  });

  it('ends the same from every checkpoint', { timeout: 120_000 }, async () => {
    const whole = await train(job({ checkpointSeconds: 0 }), backend);
    const checkpoints = all(whole.events, 'checkpoint');
    expect(checkpoints.length).toBeGreaterThan(10);
    for (const { bytes } of checkpoints) {
      const resumed = await train(job({ checkpointSeconds: 0, resumeFrom: bytes }), backend);
      expect(resumed.hash).toBe(whole.hash);
      expect(only(resumed.events, 'finished').restoredStep).toBe(only(whole.events, 'finished').restoredStep);
    }
  });
});

describe('a checkpoint of a run that puts the best back', () => {
  it('holds the best parameters, and is refused without them', async () => {
    const { events } = await train(job(), referenceBackend);
    const { bytes } = all(events, 'checkpoint').at(-1)!;
    const { best, tensors, stopping: state } = decodeCheckpoint(bytes);
    expect(best.map(({ name }) => name)).toEqual(['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']);
    const atBest = all(events, 'checkpoint').find(({ role, step }) => role === 'best' && step === state.bestStep)!;
    for (const { name, values } of best) {
      expect(values).toEqual(decodeCheckpoint(atBest.bytes).tensors.find((tensor) => tensor.name === name)!.values);
    }
    // and the run has gone on since
    const last = new Map(tensors.map(({ name, values }) => [name, values.join()]));
    expect(best.some(({ name, values }) => last.get(name) !== values.join())).toBe(true);
    const file = decodeSafetensors(bytes);
    const without = file.tensors.filter(({ name }) => !name.endsWith('.best'));
    const resumeFrom = encodeSafetensors(without, file.metadata);
    await expect(train(job({ resumeFrom }), referenceBackend)).rejects.toThrow(/is missing in it/);
  });

  it('is that of any other run where nothing is put back', async () => {
    const { events } = await train(job({ earlyStopping: null, length: { steps: 8 } }), referenceBackend);
    const { metadata, tensors } = decodeSafetensors(all(events, 'checkpoint').at(-1)!.bytes);
    expect(Object.keys(metadata)).not.toContain('plateau');
    expect(metadata['job']).not.toMatch(/restoreBest|clip|l1|biasCorrection/);
    expect(tensors.some(({ name }) => name.endsWith('.best'))).toBe(false);
  });
});

describe.each(backends)('reduceOnPlateau on %s', (_name, backend) => {
  const schedule: ScheduleSettings = {
    ...{ kind: 'reduceOnPlateau', metric: 'validation.loss', factor: 0.5, patience: 1 },
    ...{ threshold: 0.5, thresholdMode: 'relative', cooldown: 1, minimumFactor: 0.1 },
  };
  const optimizer = { ...wild, learningRate: 0.3 };
  const plateau = job({ schedule, optimizer, earlyStopping: null, length: { steps: 60 } });

  it('lowers the rate after evaluations that bring nothing, as the state machine says', async () => {
    const { events } = await train(plateau, backend);
    const losses = all(events, 'evaluation').filter(({ split }) => split === 'validation');
    let [factor, best, bad, cooling] = [1, Infinity, 0, 0];
    const expected: number[] = [];
    for (const { loss, step } of losses) {
      while (expected.length < step) expected.push(Math.fround(0.3 * factor));
      const better = loss < best * 0.5;
      if (better) best = loss;
      bad = better ? 0 : bad + 1;
      if (cooling > 0) [cooling, bad] = [cooling - 1, 0];
      if (bad > 1) [factor, cooling, bad] = [Math.max(factor / 2, 0.1), 1, 0];
    }
    expect(curve(events, 'learningRate')).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(2);
  });

  it('goes on at the same rate from every checkpoint', { timeout: 120_000 }, async () => {
    const whole = await train({ ...plateau, checkpointSeconds: 0 }, backend);
    for (const { bytes, step } of all(whole.events, 'checkpoint')) {
      const resumed = await train({ ...plateau, resumeFrom: bytes }, backend);
      expect(resumed.hash).toBe(whole.hash);
      expect(curve(resumed.events, 'learningRate')).toEqual(curve(whole.events, 'learningRate').slice(step));
    }
  });
});

it('reduceOnPlateau without validation images is refused', async () => {
  const schedule: ScheduleSettings = {
    ...{ kind: 'reduceOnPlateau', metric: 'validation.loss', factor: 0.5, patience: 1 },
    ...{ threshold: 0, thresholdMode: 'absolute', cooldown: 0, minimumFactor: 0 },
  };
  const bad = smallJob({ schedule }, { validation: 0 });
  await expect(train(bad, referenceBackend)).rejects.toThrow(/data\.validation is 0/);
});
