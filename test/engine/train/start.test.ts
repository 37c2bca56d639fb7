import { describe, expect, it } from 'vitest';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import { encodeSafetensors } from '../../../engine/train/safetensors.ts';
import { decodeWeights, type JobStart } from '../../../engine/train/start.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { train, type Outcome } from './drive.ts';
import { all, cnn, curve, mlp, only, smallJob, stage } from './jobs.ts';

/** Runs that begin with the weights of others. */

function start(weights: Uint8Array, changes: Partial<JobStart> = {}): JobStart {
  return { hash: 'of these bytes', weights, map: {}, fresh: [], carry: 'weights', ...changes };
}

/** The last checkpoint that a run made. */
function lastCheckpoint(events: readonly TrainingEvent[]): Uint8Array {
  return all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;
}

/** As the lab keeps a checkpoint to fork at: without wall-clock time. */
const snapshot = (bytes: Uint8Array): Uint8Array => encodeCheckpoint({ ...decodeCheckpoint(bytes), seconds: 0 });

const tensorsOf = (bytes: Uint8Array): Map<string, number[]> =>
  new Map(decodeCheckpoint(bytes).tensors.map(({ name, values }) => [name, [...values]]));

const stoppedAt = (job: TrainingJob, step: number): Promise<Outcome> => train(job, referenceBackend, { stopAt: step });

describe('a fork', () => {
  const jobs: Readonly<Record<string, Partial<TrainingJob>>> = {
    'of SGD with momentum': {},
    'of Adam with batch norm and dropout': {
      graph: cnn,
      optimizer: {
        kind: 'adam',
        learningRate: 0.01,
        weightDecay: 0,
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-8,
        decoupled: false,
      },
    },
    'with a schedule and early stopping that puts the best back': {
      schedule: { kind: 'cosine', finalFactor: 0, steps: null },
      earlyStopping: { metric: 'validation.loss', patience: 9, minDelta: 0, restoreBest: true },
    },
    'with reduceOnPlateau': {
      schedule: {
        kind: 'reduceOnPlateau',
        metric: 'validation.loss',
        factor: 0.5,
        patience: 0,
        threshold: 0.3,
        thresholdMode: 'relative',
        cooldown: 0,
        minimumFactor: 0,
      },
    },
    'in the second of two stages': {
      graph: cnn,
      stages: [
        stage({ length: { steps: 6 }, imageSize: [4, 4] }),
        stage({ length: { epochs: 2 }, frozen: ['conv', 'norm'], learningRateFactor: 0.5 }),
      ],
    },
  };

  it.each(Object.entries(jobs))('%s that changes nothing ends as its parent does', async (_name, changes) => {
    const job = smallJob(changes);
    const parent = await train(job, referenceBackend);
    for (const step of [7, 10]) {
      const stopped = await stoppedAt(job, step);
      const weights = snapshot(lastCheckpoint(stopped.events));
      const fork = await train({ ...job, start: start(weights, { carry: 'everything' }) }, referenceBackend);
      expect(fork.hash).toBe(parent.hash);
      expect(only(fork.events, 'ready').step).toBe(step);
      // its curves begin behind the step of the fork, with the very values of the parent
      expect(curve(fork.events, 'loss')).toEqual(curve(parent.events, 'loss').slice(step));
      expect(curve(fork.events, 'learningRate')).toEqual(curve(parent.events, 'learningRate').slice(step));
    }
  });

  it('that is cut off resumes to the same weights, on the cpu backend with any number of threads', async () => {
    const job = smallJob(jobs['of Adam with batch norm and dropout']);
    const weights = snapshot(lastCheckpoint((await train(job, cpuBackend, { stopAt: 5 })).events));
    const changed: TrainingJob = {
      ...job,
      loss: { kind: 'crossEntropy', labelSmoothing: 0.1 },
      start: start(weights, { carry: 'everything' }),
    };
    const whole = await train(changed, cpuBackend);
    const cut = await train(changed, cpuBackend, { stopAt: 12, threads: 2 });
    // a run that goes on from its own checkpoint needs the stored weights no more
    const resumeFrom = lastCheckpoint(cut.events);
    const rest = await train({ ...changed, start: { ...changed.start!, weights: null }, resumeFrom }, cpuBackend, {
      threads: 3,
    });
    expect(rest.hash).toBe(whole.hash);
    const other = { ...changed, start: { ...changed.start!, hash: 'of others' }, resumeFrom };
    await expect(train(other, cpuBackend)).rejects.toThrow(/other weights to start from/);
    await expect(train({ ...job, loss: changed.loss, resumeFrom }, cpuBackend)).rejects.toThrow(
      /other weights to start from/,
    );
  });

  it('changes one thing and goes on', async () => {
    const job = smallJob();
    const parent = await train(job, referenceBackend);
    const weights = snapshot(lastCheckpoint((await stoppedAt(job, 10)).events));
    const sgd = job.optimizer as Extract<TrainingJob['optimizer'], { kind: 'sgd' }>;
    const fork = await train(
      { ...job, optimizer: { ...sgd, learningRate: 0.02 }, start: start(weights, { carry: 'everything' }) },
      referenceBackend,
    );
    expect(fork.hash).not.toBe(parent.hash);
    // the first loss is that of the weights that were taken over
    expect(curve(fork.events, 'loss')[0]).toBe(curve(parent.events, 'loss')[10]);
    expect(curve(fork.events, 'learningRate')[0]).toBeCloseTo(0.02, 6);
  });

  it('is refused with every reason', async () => {
    const job = smallJob({ earlyStopping: { metric: 'validation.loss', patience: 50, minDelta: 10 } });
    const weights = snapshot(lastCheckpoint((await stoppedAt(job, 16)).events));
    const everything = start(weights, { carry: 'everything' });
    const refused = (changes: Partial<TrainingJob>) =>
      train({ ...job, start: everything, ...changes }, referenceBackend);
    await expect(refused({ length: { steps: 16 } })).rejects.toThrow(
      /ends after 16 steps, but the fork begins behind step 16/,
    );
    const adam = {
      kind: 'adam',
      learningRate: 0.01,
      weightDecay: 0,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      decoupled: false,
    } as const;
    await expect(refused({ optimizer: adam })).rejects.toThrow(/that of sgd means nothing to adam/);
    await expect(refused({ earlyStopping: { metric: 'validation.loss', patience: 2, minDelta: 10 } })).rejects.toThrow(
      /2 evaluations without improvement lie behind/,
    );
    await expect(
      refused({ start: start(encodeSafetensors(decodeWeights(weights).tensors), { carry: 'everything' }) }),
    ).rejects.toThrow(/weights alone, not a run's checkpoint/);
    const withAdam = smallJob({ optimizer: adam });
    const moments = snapshot(lastCheckpoint((await stoppedAt(withAdam, 5)).events));
    const wider: GraphDocument = {
      nodes: mlp.nodes.map((node) => (node.id === 'hidden' ? { ...node, props: { units: 13 } } : node)),
    };
    await expect(
      train({ ...withAdam, graph: wider, start: start(moments, { carry: 'everything' }) }, referenceBackend),
    ).rejects.toThrow(/nothing of the source fits|would be new, with moments of 0/);
  });
});

describe('a start from weights alone', () => {
  it('begins at step 0 with them, and with what the optimiser and the seed draw for the rest', async () => {
    const job = smallJob({ graph: cnn });
    const bytes = lastCheckpoint((await stoppedAt(job, 12)).events);
    const stored = tensorsOf(bytes);
    const graph: GraphDocument = {
      nodes: cnn.nodes.map((node) =>
        node.id === 'conv2'
          ? { ...node, id: 'other' }
          : node.id === 'sum'
            ? { ...node, inputs: ['relu', 'other'] }
            : node,
      ),
    };
    const begin = {
      ...job,
      graph,
      length: { steps: 3 },
      start: start(bytes, { map: { other: 'conv2' }, fresh: ['out'] }),
    };
    const weights = await initialOf(begin);
    expect(weights.get('conv.weight')).toEqual(stored.get('conv.weight'));
    expect(weights.get('norm.runningVar')).toEqual(stored.get('norm.runningVar'));
    expect(weights.get('other.weight')).toEqual(stored.get('conv2.weight'));
    // drawn by the seed, and without the state that the optimiser had
    expect(weights.get('out.weight')).toEqual((await initialOf({ ...job, graph })).get('out.weight'));
    expect(weights.get('conv.weight.velocity')!.every((value) => value === 0)).toBe(true);
    const run = await train(begin, referenceBackend);
    expect(only(run.events, 'ready').step).toBe(0);
    // twice the same, and on another number of threads
    const twice = await Promise.all([1, 3].map((threads) => train(begin, cpuBackend, { threads })));
    expect(twice[0]!.hash).toBe(twice[1]!.hash);
  });

  it('leaves frozen layers and their running statistics untouched, bit for bit', async () => {
    const job = smallJob({ graph: cnn });
    const bytes = lastCheckpoint((await stoppedAt(job, 12)).events);
    const stored = tensorsOf(bytes);
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
      const run = await train({ ...job, stages: [frozen], start: start(bytes) }, referenceBackend);
      const end = tensorsOf(lastCheckpoint(run.events));
      for (const name of ['conv.weight', 'conv.bias', 'norm.gamma', 'norm.beta', 'conv2.weight']) {
        expect(end.get(name)).toEqual(stored.get(name));
      }
      expect(end.get('out.weight')).not.toEqual(stored.get('out.weight'));
      const moved = JSON.stringify(end.get('norm.runningMean')) !== JSON.stringify(stored.get('norm.runningMean'));
      expect(moved).toBe(frozenBatchNorm === 'batch');
    }
  });

  it('has LSUV scale only what is drawn', async () => {
    const lsuv: GraphDocument = {
      nodes: cnn.nodes.map((node) =>
        node.layer === 'conv2d' ? { ...node, props: { ...node.props, weightInit: { kind: 'lsuv' } } } : node,
      ),
    };
    const job = smallJob({ graph: lsuv });
    const bytes = lastCheckpoint((await stoppedAt(job, 12)).events);
    const weights = await initialOf({ ...job, start: start(bytes, { fresh: ['conv2'] }) });
    expect(weights.get('conv.weight')).toEqual(tensorsOf(bytes).get('conv.weight'));
    expect(weights.get('conv2.weight')).not.toEqual(tensorsOf(bytes).get('conv2.weight'));
    // it is scaled behind the weights that were taken over, so not as in a run that draws all
    expect(weights.get('conv2.weight')).not.toEqual((await initialOf(job)).get('conv2.weight'));
  });

  it('is refused where nothing fits, and where a weight is not finite', async () => {
    const job = smallJob();
    const bytes = lastCheckpoint((await stoppedAt(job, 3)).events);
    await expect(
      train({ ...job, graph: cnn, start: start(bytes, { fresh: ['out'] }) }, referenceBackend),
    ).rejects.toThrow(/nothing of the source fits this model/);
    await expect(
      train({ ...job, start: start(bytes, { map: { hiden: 'hidden' } }) }, referenceBackend),
    ).rejects.toThrow(/start\.map\.hiden: the model has no node "hiden"/);
    const { tensors } = decodeWeights(bytes);
    const spoilt = tensors.map((tensor, i) =>
      i === 0 ? { ...tensor, values: tensor.values.map(() => Infinity) } : tensor,
    );
    await expect(train({ ...job, start: start(encodeSafetensors(spoilt)) }, referenceBackend)).rejects.toThrow(
      /not finite/,
    );
  });
});

/** The tensors with which a job begins: those of a run that is stopped before its first step. */
async function initialOf(job: TrainingJob): Promise<Map<string, number[]>> {
  const { events } = await train(job, referenceBackend, { stopAt: 0 });
  return tensorsOf(lastCheckpoint(events));
}
