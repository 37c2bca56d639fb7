import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { EngineError } from '../../../engine/errors.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../engine/train/safetensors.ts';
import type { LossSettings, OptimizerSettings, ScheduleSettings } from '../../../engine/train/settings.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { optimizers } from '../models/lowered.ts';
import { all, cnn, curve, type EventOf, mlp, only, smallJob, stripes } from './jobs.ts';
import { train } from './drive.ts';

const momentum: OptimizerSettings = {
  kind: 'sgd',
  learningRate: 0.1,
  momentum: 0.9,
  dampening: 0.2,
  nesterov: true,
  weightDecay: 0,
};
const adam: OptimizerSettings = {
  kind: 'adam',
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.99,
  eps: 1e-8,
  weightDecay: 0.01,
  decoupled: true,
};

const schedules: readonly ScheduleSettings[] = [
  { kind: 'constant' },
  { kind: 'cosine', finalFactor: 0, steps: null },
  { kind: 'multiStep', milestones: [4, 9], gamma: 0.3 },
  { kind: 'warmRestarts', period: 3, periodFactor: 2, finalFactor: 0.1 },
  { kind: 'warmupCosine', warmupSteps: 5, startFactor: 0.1, finalFactor: 0, steps: 15 },
  {
    ...{ kind: 'oneCycle', risePart: 0.3, anneal: 'cosine', divFactor: 10, finalDivFactor: 100 },
    ...{ threePhase: false, steps: null },
  },
  {
    ...{ kind: 'reduceOnPlateau', metric: 'validation.accuracy', factor: 0.5, patience: 0 },
    ...{ threshold: 0.2, thresholdMode: 'absolute', cooldown: 0, minimumFactor: 0.01 },
  },
];

/** Trains to `stopAt`, then goes on from the last checkpoint in a new run; joins the curves of both. */
async function inTwoParts(
  job: TrainingJob,
  backend: Backend,
  stopAt: number,
  threads: readonly [number, number] = [1, 1],
): Promise<{ hash: string; losses: number[]; evaluations: unknown[] }> {
  const first = await train(job, backend, { stopAt, threads: threads[0] });
  expect(only(first.events, 'finished')).toMatchObject({ reason: 'stopped' });
  const { bytes, step } = all(first.events, 'checkpoint').at(-1)!;
  expect(step).toBe(only(first.events, 'finished').step);
  const second = await train({ ...job, resumeFrom: bytes }, backend, { threads: threads[1] });
  expect(only(second.events, 'ready').step).toBe(step);
  const parts = [first.events, second.events];
  return {
    hash: second.hash,
    losses: parts.flatMap((events) => curve(events, 'loss')),
    evaluations: parts.flatMap((events) => results(events)),
  };
}

function results(events: Parameters<typeof curve>[0]): unknown[] {
  return all(events, 'evaluation').map(({ split, step, loss, accuracy }) => ({ split, step, loss, accuracy }));
}

describe.each<[string, Backend, number]>([
  ['reference', referenceBackend, 6],
  ['cpu', cpuBackend, 12],
])('a resumed run on %s ends as an uninterrupted one', (_name, backend, numRuns) => {
  it('at any step, with any optimiser, loss and schedule', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(mlp, cnn),
        fc.constantFrom(momentum, adam, ...Object.values(optimizers)),
        fc.constantFrom(undefined, { clip: { norm: 0.5 }, l1: 0.001 }, { clip: { value: 0.01 }, l1: 0 }),
        fc.constantFrom<LossSettings>(
          { kind: 'crossEntropy', labelSmoothing: 0.1, classWeight: [1, 2, 0.5] },
          { kind: 'binaryCrossEntropy' },
          { kind: 'hinge', p: 2, margin: 1 },
        ),
        fc.constantFrom(...schedules),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        async (graph, optimizer, gradient, loss, schedule, stopAt, seed) => {
          const length = { steps: 21 };
          const job = smallJob({ graph, optimizer, loss, schedule, seed, length, ...(gradient && { gradient }) });
          const whole = await train(job, backend);
          const parts = await inTwoParts(job, backend, stopAt);
          expect(parts.hash).toBe(whole.hash);
          expect(parts.losses).toEqual(curve(whole.events, 'loss'));
          expect(parts.evaluations).toEqual(results(whole.events));
        },
      ),
      { numRuns },
    );
  });

  it('with early stopping in between', async () => {
    const job = smallJob({
      length: { steps: 300 },
      evaluateEvery: { steps: 6 },
      earlyStopping: { metric: 'validation.accuracy', patience: 3, minDelta: 0 },
    });
    const whole = await train(job, backend);
    expect(only(whole.events, 'finished').reason).toBe('earlyStopping');
    const end = only(whole.events, 'finished').step;
    for (const stopAt of [1, end - 7, end - 6, end - 1]) {
      const parts = await inTwoParts(job, backend, stopAt);
      expect(parts.hash).toBe(whole.hash);
      expect(parts.evaluations).toEqual(results(whole.events));
    }
  });
});

describe('every checkpoint of a run', () => {
  it('leads to the same end, with the evaluations that came after it and no others', { timeout: 60_000 }, async () => {
    const job = smallJob({ length: { steps: 17 }, checkpointSeconds: 0 });
    const { events, hash } = await train(job, referenceBackend);
    const checkpoints = all(events, 'checkpoint');
    expect(checkpoints.length).toBeGreaterThan(17);
    for (const checkpoint of checkpoints) {
      const resumed = await train({ ...job, resumeFrom: checkpoint.bytes }, referenceBackend);
      expect(resumed.hash).toBe(hash);
      expect(curve(resumed.events, 'loss')).toEqual(curve(events, 'loss').slice(checkpoint.step));
      // a checkpoint may be hashed while the next evaluation is under way, so its place among the messages says little
      const { evaluatedStep, seconds } = decodeCheckpoint(checkpoint.bytes);
      const isLater = ({ split, step }: EventOf<'evaluation'>): boolean => split === 'test' || step > evaluatedStep;
      expect(results(resumed.events)).toEqual(results(all(events, 'evaluation').filter(isLater)));
      expect(only(resumed.events, 'finished').seconds).toBeGreaterThanOrEqual(seconds);
    }
    const evaluated = checkpoints.map(({ bytes, step }) => [step, decodeCheckpoint(bytes).evaluatedStep]);
    expect(evaluated).toContainEqual([5, 5]);
    expect(evaluated).toContainEqual([17, 17]);
  });
});

describe('on cpu the number of threads changes nothing', () => {
  it.each([mlp, cnn])('in a whole run, or when it changes on the way (%#)', { timeout: 60_000 }, async (graph) => {
    const job = smallJob({ graph, optimizer: adam, backend: 'cpu' });
    const whole = await train(job, cpuBackend, { threads: 1 });
    expect((await train(job, cpuBackend, { threads: 2 })).hash).toBe(whole.hash);
    for (const threads of [
      [1, 2],
      [2, 1],
      [2, 2],
    ] as const) {
      expect((await inTwoParts(job, cpuBackend, 11, threads)).hash).toBe(whole.hash);
    }
  });
});

describe('a checkpoint is refused in words', () => {
  const job = smallJob({ length: { steps: 6 } });
  const made = (async () => all((await train(job, referenceBackend)).events, 'checkpoint').at(-1)!.bytes)();

  async function refusal(changed: Partial<TrainingJob>, bytes?: Uint8Array): Promise<string> {
    try {
      await train({ ...job, ...changed, resumeFrom: bytes ?? (await made) }, referenceBackend);
    } catch (error) {
      expect(error).toBeInstanceOf(EngineError);
      expect((error as EngineError).code).toBe('checkpoint');
      return (error as EngineError).message;
    }
    throw new Error('an EngineError was expected');
  }

  it('of another model, other data, other settings, another seed', async () => {
    const wider = mlp.nodes.map((node) => (node.id === 'hidden' ? { ...node, props: { units: 13 } } : node));
    expect(await refusal({ graph: { nodes: wider } })).toMatch(
      /belongs to a run with another model \(there .*, here .*\)/,
    );
    const data = { ...job.data, train: stripes(90, [1, 6, 5], 3, 5) };
    expect(await refusal({ data })).toMatch(/belongs to a run with other data or another preparation of it/);
    expect(await refusal({ batchSize: 9 })).toMatch(
      /other training settings \(there .*"batchSize":8.*, here .*"batchSize":9/,
    );
    const both = await refusal({ seed: 4, optimizer: adam });
    expect(both).toMatch(/other training settings/);
    expect(both).toMatch(/another seed \(there 3, here 4\)/);
  });

  it('but is taken by the same run with other threads, titles, places, cadence of checkpoints', async () => {
    const titled = mlp.nodes.map((node) => ({ ...node, title: 'x', position: { x: 1, y: 2 } }));
    const { events } = await train(
      { ...job, graph: { nodes: titled }, checkpointSeconds: 7, threads: 3, resumeFrom: await made },
      referenceBackend,
    );
    expect(only(events, 'ready').step).toBe(6);
  });

  it('with a tensor missing, added or of another shape', async () => {
    const good = decodeCheckpoint(await made);
    const [first, ...rest] = good.tensors;
    const refit = (tensors: typeof good.tensors): Promise<string> =>
      refusal({}, encodeCheckpoint({ ...good, tensors }));
    expect(await refit(rest)).toMatch(new RegExp(`"${first!.name}" \\(12×30\\) is missing in it`));
    expect(await refit([...good.tensors, { ...first!, name: 'extra' }])).toMatch(/"extra" is not in the model/);
    const turned = { ...first!, shape: [...first!.shape].reverse() };
    expect(await refit([turned, ...rest])).toMatch(/is 30×12 f32 in it and 12×30 f32 in the model/);
  });

  it('with damage anywhere', async () => {
    const good = await made;
    expect(await refusal({}, good.slice(0, -1))).toMatch(/The checkpoint is damaged/);
    expect(await refusal({}, new Uint8Array(0))).toMatch(/it has 0 bytes/);
    const { tensors, metadata } = decodeSafetensors(good);
    const withMetadata = (changes: Record<string, string>): Promise<string> =>
      refusal({}, encodeSafetensors(tensors, { ...metadata, ...changes }));
    expect(await withMetadata({ format: 'other' })).toMatch(/is no checkpoint of a run/);
    expect(await withMetadata({ version: '2' })).toMatch(/format version 2; this program reads version 1/);
    expect(await withMetadata({ step: '-1' })).toMatch(/"step" in its metadata is not a number/);
    expect(await withMetadata({ step: '' })).toMatch(/"step"/);
    expect(await withMetadata({ stopping: '{"best":"x"}' })).toMatch(/"stopping"/);
    expect(await withMetadata({ stopping: 'null' })).toMatch(/"stopping"/);
    expect(await withMetadata({ job: '{}' })).toMatch(/"job"/);
  });
});
