import { describe, expect, it } from 'vitest';
import { memoryOfPlan } from '../../../engine/cpu/compile.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { defaultDiagnostics } from '../../../engine/diagnostics/settings.ts';
import { estimateMemory } from '../../../engine/estimate.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import { whitenAhead } from '../../../engine/plan/whitenAhead.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { OpenStage } from '../../../engine/train/openStage.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import type { StageSettings } from '../../../engine/train/stages.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { train } from './drive.ts';
import { all, cnn, curve, only, smallJob, stripes } from './jobs.ts';

/** Wide enough that the whitened images need memory of their own, in whole pages. */
const imageShape = [1, 18, 17] as const;

/** Also at steps 1, 2, 4, 8 and 16 of runs as short as these. */
const looks = { ...defaultDiagnostics, early: true };

function job(changes: Partial<TrainingJob> = {}, data: Partial<TrainingJob['data']> = {}): TrainingJob {
  return smallJob(
    { batchSize: 7, length: { epochs: 3 }, diagnostics: looks, ...changes },
    {
      train: stripes(90, imageShape, 3),
      test: stripes(31, imageShape, 3, 2),
      imageShape,
      preprocessing: 'zcaWhitening',
      ...data,
    },
  );
}

const stage = (changes: Partial<StageSettings>): StageSettings => ({
  length: { epochs: 2 },
  imageSize: null,
  batchSize: 7,
  learningRateFactor: 1,
  augmentationStrength: 1,
  frozen: [],
  frozenBatchNorm: 'running',
  ...changes,
});

/** A limit that no stage's whitened images fit into, but all else. */
function scarce(of: TrainingJob, threads: number): number {
  const limits = prepareTraining(of).stages.map(({ plan, ahead }) => {
    const stepwise = memoryOfPlan(plan, threads);
    if (ahead) expect(memoryOfPlan(ahead, threads)).toBeGreaterThan(stepwise);
    return stepwise;
  });
  return Math.max(...limits);
}

const rgb = [3, 12, 11] as const;
const colours = { train: stripes(90, rgb, 3), test: stripes(31, rgb, 3, 2), imageShape: rgb };

const cases: Readonly<Record<string, TrainingJob>> = {
  'ZCA, fully connected': job(),
  'PCA, fully connected': job({}, { preprocessing: 'pcaWhitening' }),
  'three channels, convolutions': job(
    { graph: cnn, optimizer: { ...job().optimizer, learningRate: 0.02 } as never },
    colours,
  ),
  'parts of a batch, mixed images': job(
    { batchSize: 12, accumulate: 3 },
    {
      augmentation: {
        ...{ shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 },
        mixup: 0.4,
      },
    },
  ),
  'noise scale and shift of gradients': job({
    diagnostics: { ...looks, measures: [...looks.measures, 'noiseScale', 'gradientShift'] },
  }),
  'a fold': job({}, { folds: { count: 4, fold: 2 } }),
  LSUV: job({
    graph: {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'flat', layer: 'flatten' },
        {
          id: 'hidden',
          layer: 'dense',
          props: { units: 9, weightInit: { kind: 'lsuv', tolerance: 0.05, iterations: 8 } },
        },
        { id: 'act', layer: 'tanh' },
        { id: 'out', layer: 'dense', props: { units: 3 } },
      ],
    },
  }),
};

const seen = (events: readonly TrainingEvent[]): unknown =>
  [...all(events, 'evaluation'), ...all(events, 'probe')].map((event) => ({ ...event, seconds: 0 }));

describe('images whitened ahead of the steps', () => {
  it.each(Object.keys(cases))(
    'are the bits that each step makes of them: %s',
    async (name) => {
      const of = cases[name]!;
      expect(prepareTraining(of).stages[0]!.ahead).not.toBeNull();
      const ahead = await train(of, cpuBackend);
      const stepwise = await train(of, cpuBackend, { memoryLimit: scarce(of, 1) });
      expect(ahead.hash).toBe(stepwise.hash);
      expect(curve(ahead.events, 'loss')).toEqual(curve(stepwise.events, 'loss'));
      expect(seen(ahead.events)).toEqual(seen(stepwise.events));
      const bytes = (events: readonly TrainingEvent[]): number => only(events, 'ready').planBytes;
      expect(bytes(ahead.events)).toBeGreaterThan(bytes(stepwise.events));
      for (const threads of [2, 3]) expect((await train(of, cpuBackend, { threads })).hash).toBe(ahead.hash);
    },
    60_000,
  );

  it('are so at every size of images that grow, in a stage that changes them, and after a resume anywhere', async () => {
    const of = job(
      {
        graph: cnn,
        stages: [
          stage({ imageSize: [9, 8] }),
          stage({ imageSize: [12, 12], batchSize: 5, augmentationStrength: 0 }),
          stage({}),
        ],
      },
      { augmentation: { ...{ shift: 2, flip: 0.5, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 } } },
    );
    const { stages } = prepareTraining(of);
    expect(stages.map(({ ahead }) => ahead !== null)).toEqual([false, true, false]);
    const whole = await train(of, cpuBackend);
    expect((await train(of, cpuBackend, { memoryLimit: scarce(of, 1) })).hash).toBe(whole.hash);
    for (const stopAt of [3, stages[1]!.firstStep, stages[1]!.firstStep + 4, stages[1]!.endStep]) {
      const begun = await train(of, cpuBackend, { stopAt, threads: 2 });
      const resumeFrom = all(begun.events, 'checkpoint').at(-1)!.bytes;
      expect((await train({ ...of, resumeFrom }, cpuBackend, { threads: 3 })).hash).toBe(whole.hash);
    }
  }, 120_000);

  it('are those of the best stage again when a run ends with its best model', async () => {
    const of = job({
      graph: cnn,
      stages: [stage({ imageSize: [14, 13] }), stage({})],
      // so large a difference that the first evaluation stays the best one
      earlyStopping: { metric: 'validation.loss', patience: 50, minDelta: 0, restoreBest: true },
      recalibrateBatchNorm: 2,
    });
    const ahead = await train(of, cpuBackend);
    const stepwise = await train(of, cpuBackend, { memoryLimit: scarce(of, 1) });
    expect(only(ahead.events, 'finished').restoredStep).toBeLessThanOrEqual(prepareTraining(of).stages[1]!.firstStep);
    expect(ahead.hash).toBe(stepwise.hash);
    expect(seen(ahead.events)).toEqual(seen(stepwise.events));
  });

  it('train on the reference backend as they do by step', async () => {
    const of = job();
    const { ahead, plan } = prepareTraining(of).stages[0]!;
    verifyPlan(ahead!);
    expect(whitenAhead(plan, 4 * 18 * 17 * (90 + 31) - 1)).toBeNull();
    const [a, b] = [await train(of, referenceBackend), await train(of, cpuBackend)];
    curve(a.events, 'loss').forEach((loss, i) => expect(loss).toBeCloseTo(curve(b.events, 'loss')[i]!, 4));
  });

  it('are left to the steps where that costs no more: in a single epoch, and with changes that come first', () => {
    const aheadOf = (of: TrainingJob): unknown => prepareTraining(of).stages[0]!.ahead;
    expect(aheadOf(job({ length: { epochs: 1 } }))).toBeNull();
    expect(aheadOf(job({ length: { epochs: 2 } }))).not.toBeNull();
    expect(aheadOf(job({}, { preprocessing: 'standardiseFeatures' }))).toBeNull();
  });

  it('take the memory that the estimate names', async () => {
    const of = job();
    const prepared = prepareTraining(of);
    for (const threads of [1, 2]) {
      const options = { threads, spawn: spawnHelper };
      const open = await OpenStage.forTraining(of, prepared, prepared.stages[0]!, cpuBackend, options);
      expect((await estimateMemory(prepared, threads)).bytes).toBe(open.executable.bytes);
      await open.dispose();
    }
  });

  it('are told of when they take long, and count as training time', async () => {
    const of = job();
    let now = 0;
    // every look at this clock is a third of a second later
    const { events } = await train(of, cpuBackend, { clock: () => (now += 333), slice: 1 });
    const told = only(events, 'whitening');
    expect(told.images).toBe(90 + 31);
    expect(told.seconds).toBeGreaterThan(1);
    expect(events.indexOf(told)).toBeLessThan(events.findIndex(({ kind }) => kind === 'evaluation'));
    expect(curve(events, 'seconds')[0]!).toBeGreaterThan(1);
    const quick = await train(of, cpuBackend);
    expect(all(quick.events, 'whitening')).toEqual([]);
  });
});
