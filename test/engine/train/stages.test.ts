import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { EngineError } from '../../../engine/errors.ts';
import { inputOperands, outputOperands } from '../../../engine/ops/operands.ts';
import type { TrainingPlan } from '../../../engine/plan/plan.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import type { NamedTensor } from '../../../engine/train/safetensors.ts';
import { stageSpans, type StageSettings } from '../../../engine/train/stages.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, cnn, curve, mlp, only, smallJob, stage } from './jobs.ts';
import { train, type Outcome } from './drive.ts';

const plain = stage({ length: { epochs: 1 } });

/** 68 training images: 6 + 4 + 8 steps. */
const stages: readonly StageSettings[] = [
  { ...plain, length: { steps: 6 }, imageSize: [4, 4], batchSize: 12, learningRateFactor: 0.5 },
  { ...plain, imageSize: [5, 5], batchSize: 17, frozen: ['conv', 'norm'] },
  { ...plain },
];

const staged = (changes: Partial<TrainingJob> = {}): TrainingJob =>
  smallJob({ graph: cnn, stages, schedule: { kind: 'cosine', finalFactor: 0.1, steps: null }, ...changes });

const lastBytes = ({ events }: Outcome): Uint8Array => all(events, 'checkpoint').at(-1)!.bytes;

function tensors(outcome: Outcome): Map<string, NamedTensor['values']> {
  return new Map(decodeCheckpoint(lastBytes(outcome)).tensors.map(({ name, values }) => [name, values]));
}

function refusal(job: TrainingJob): EngineError {
  try {
    prepareTraining(job);
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('a refusal was expected');
}

describe('stageSpans', () => {
  it('lays the stages one behind the other, each from a new epoch', () => {
    const spans = stageSpans({ batchSize: 8, length: { epochs: 99 }, stages }, 68);
    expect(
      spans.map(({ firstStep, endStep, firstEpoch, stepsPerEpoch }) => [firstStep, endStep, firstEpoch, stepsPerEpoch]),
    ).toEqual([
      [0, 6, 0, 5],
      [6, 10, 2, 4],
      [10, 18, 3, 8],
    ]);
  });
});

describe('a run in stages', () => {
  it('that has a single plain one is the run without', async () => {
    const plainRun = await train(smallJob({ graph: cnn }), cpuBackend);
    const one = await train(smallJob({ graph: cnn, stages: [{ ...plain, length: { epochs: 3 } }] }), cpuBackend);
    expect(one.hash).toBe(plainRun.hash);
    expect(curve(one.events, 'loss')).toEqual(curve(plainRun.events, 'loss'));
    expect(all(one.events, 'stage')).toEqual([]);
  });

  it('cut into equal ones changes nothing: state, order and schedule go on', async () => {
    const whole = await train(smallJob({ graph: cnn, length: { epochs: 3 } }), cpuBackend);
    const cut = await train(smallJob({ graph: cnn, stages: [plain, plain, plain] }), cpuBackend);
    expect(cut.hash).toBe(whole.hash);
    expect(curve(cut.events, 'loss')).toEqual(curve(whole.events, 'loss'));
  });

  it('tells each one, evaluates at its end, and keeps one count of steps and one schedule', async () => {
    const { events } = await train(staged({ evaluateEvery: { epochs: 1 } }), cpuBackend);
    // steps per epoch are the mean over the 3.2 epochs
    expect(only(events, 'ready')).toMatchObject({ totalSteps: 18, stepsPerEpoch: 5.625 });
    expect(
      all(events, 'stage').map(({ stage, stages: count, step, endStep, imageSize, batchSize }) => [
        ...[stage, count, step, endStep, batchSize],
        imageSize,
      ]),
    ).toEqual([
      [0, 3, 0, 6, 12, [4, 4]],
      [1, 3, 6, 10, 17, [5, 5]],
      [2, 3, 10, 18, 8, [6, 5]],
    ]);
    const macs = all(events, 'stage').map(({ macsPerImage }) => macsPerImage);
    const perPixel = 5 * 9 + 5 * 9 * 5;
    expect(macs).toEqual([16, 25, 30].map((pixels) => pixels * perPixel + 15));
    // the first stage is evaluated after its epoch (5 steps) and at its end
    expect(all(events, 'evaluation').map(({ step }) => step)).toEqual([5, 6, 10, 18, 18]);
    const rates = curve(events, 'learningRate');
    const factor = (step: number): number => 0.1 + (0.9 * (1 + Math.cos((Math.PI * step) / 18))) / 2;
    rates.forEach((rate, step) => expect(rate).toBeCloseTo(0.2 * factor(step) * (step < 6 ? 0.5 : 1), 6));
    const loss = curve(events, 'loss');
    expect(loss).toHaveLength(18);
    expect(curve(events, 'accuracy').every((accuracy) => accuracy >= 0 && accuracy <= 1)).toBe(true);
  });

  it('gives the same on 1, 2 and 3 threads, and nearly the same on the reference backend', async () => {
    const one = await train(staged(), cpuBackend, { threads: 1 });
    for (const threads of [2, 3]) expect((await train(staged(), cpuBackend, { threads })).hash).toBe(one.hash);
    const slow = await train(staged(), referenceBackend);
    curve(slow.events, 'loss').forEach((loss, i) => expect(loss).toBeCloseTo(curve(one.events, 'loss')[i]!, 4));
  });

  it('ends alike when it is stopped in any stage or between two, and resumed', async () => {
    const whole = await train(staged({ evaluateEvery: { steps: 4 } }), cpuBackend);
    // inside stages, at their ends with the evaluation done or due, and right behind them
    for (const stopAt of [1, 4, 5, 6, 7, 10, 11, 17]) {
      const begun = await train(staged({ evaluateEvery: { steps: 4 } }), cpuBackend, { stopAt });
      const resumed = await train(staged({ evaluateEvery: { steps: 4 }, resumeFrom: lastBytes(begun) }), cpuBackend);
      expect(resumed.hash).toBe(whole.hash);
      const curves = [...curve(begun.events, 'loss'), ...curve(resumed.events, 'loss')];
      expect(curves).toEqual(curve(whole.events, 'loss'));
      const evaluations = [...all(begun.events, 'evaluation'), ...all(resumed.events, 'evaluation')];
      expect(evaluations.map(({ step, loss }) => [step, loss])).toEqual(
        all(whole.events, 'evaluation').map(({ step, loss }) => [step, loss]),
      );
    }
  });

  it('is refused a checkpoint of other stages', async () => {
    const begun = await train(staged(), cpuBackend, { stopAt: 7 });
    const other = staged({ stages: [...stages.slice(0, 2), { ...plain, batchSize: 9 }], resumeFrom: lastBytes(begun) });
    await expect(train(other, cpuBackend)).rejects.toThrow(/other training settings/);
  });

  it('puts the best model back at the size it was the best at', async () => {
    // a rate that spoils everything in the last stage, so that the best evaluation lies before it
    const job = staged({
      stages: [stages[0]!, stages[1]!, { ...plain, learningRateFactor: 12 }],
      earlyStopping: { metric: 'validation.loss', patience: 99, minDelta: 0, restoreBest: true },
      evaluateEvery: { epochs: 1 },
    });
    const outcome = await train(job, cpuBackend);
    const end = only(outcome.events, 'finished');
    const validation = all(outcome.events, 'evaluation').filter(({ split }) => split === 'validation');
    const best = validation.reduce((a, b) => (b.loss < a.loss ? b : a));
    expect(end.restoredStep).toBe(best.step);
    expect([6, 10]).toContain(best.step);
    // a run of the stages up to there ends in the same model, and sees the test images alike
    const upTo = staged({ stages: best.step <= 6 ? stages.slice(0, 1) : stages.slice(0, 2) });
    const schedule = { kind: 'cosine', finalFactor: 0.1, steps: 18 } as const;
    const short = await train({ ...upTo, schedule, evaluateEvery: { epochs: 1 } }, cpuBackend);
    const test = all(short.events, 'evaluation').at(-1)!;
    expect(all(outcome.events, 'evaluation').at(-1)).toMatchObject({ split: 'test', loss: test.loss });
    // resumed in the last stage it still has the model of the earlier one
    const begun = await train(job, cpuBackend, { stopAt: 14 });
    const resumed = await train({ ...job, resumeFrom: lastBytes(begun) }, cpuBackend);
    expect(resumed.hash).toBe(outcome.hash);
  });

  it('names the step and the layer when a later stage goes astray', async () => {
    const job = staged({ stages: [stages[0]!, { ...plain, learningRateFactor: 1e30 }] });
    await expect(train(job, cpuBackend)).rejects.toThrow(/step (7|8|9).* layer "/);
  });
});

describe('frozen layers', () => {
  const frozenJob = (frozen: readonly string[], frozenBatchNorm: StageSettings['frozenBatchNorm']): TrainingJob =>
    smallJob({ graph: cnn, stages: [{ ...plain, frozen, frozenBatchNorm }] });

  it('stay bit for bit, with running statistics in the stated mode, while the rest learns', async () => {
    const start = tensors(await train(frozenJob([], 'running'), cpuBackend, { stopAt: 0 }));
    for (const backend of [cpuBackend, referenceBackend]) {
      const kept = tensors(await train(frozenJob(['conv', 'norm'], 'running'), backend));
      const moving = tensors(await train(frozenJob(['conv', 'norm'], 'batch'), backend));
      for (const name of ['conv.weight', 'conv.bias', 'norm.gamma', 'norm.beta']) {
        expect([...kept.get(name)!]).toEqual([...start.get(name)!]);
        expect([...moving.get(name)!]).toEqual([...start.get(name)!]);
      }
      expect([...kept.get('norm.runningMean')!]).toEqual([...start.get('norm.runningMean')!]);
      expect([...moving.get('norm.runningMean')!]).not.toEqual([...start.get('norm.runningMean')!]);
      for (const name of ['conv2.weight', 'out.weight']) {
        expect([...kept.get(name)!]).not.toEqual([...start.get(name)!]);
        expect([...kept.get(`${name}.velocity`)!].some((value) => value !== 0)).toBe(true);
      }
      expect([...kept.get('conv.weight.velocity')!].every((value) => value === 0)).toBe(true);
    }
  });

  it('and what lies below them get no gradient computed', () => {
    const written = (frozen: readonly string[]): string[] => {
      const plan: TrainingPlan = prepareTraining(frozenJob(frozen, 'running')).stages[0]!.plan;
      const step = plan.segments.find(({ name }) => name === 'train')!;
      return step.ops
        .filter(({ phase }) => phase === 'backward')
        .flatMap((instance) => outputOperands(instance).map(({ tensor }) => plan.tensors[tensor]!.name));
    };
    const updated = (frozen: readonly string[]): string[] => {
      const plan: TrainingPlan = prepareTraining(frozenJob(frozen, 'running')).stages[0]!.plan;
      const step = plan.segments.find(({ name }) => name === 'train')!;
      return step.ops
        .filter(({ phase }) => phase === 'update')
        .flatMap((instance) => inputOperands(instance).map(({ tensor }) => plan.tensors[tensor]!))
        .filter(({ role }) => role === 'parameter')
        .map(({ name }) => name);
    };
    // the whole trunk: only the last layer's own gradients are left
    expect(written(['conv', 'norm', 'conv2'])).toEqual(['out.weight.grad', 'out.bias.grad']);
    expect(updated(['conv', 'norm', 'conv2'])).toEqual(['out.weight', 'out.bias']);
    // a frozen layer in the middle passes its gradient on, but has none of its own
    const middle = written(['conv2']);
    expect(middle).toContain('conv.weight.grad');
    expect(middle.filter((name) => name.startsWith('conv2.') && name.endsWith('grad'))).not.toContain(
      'conv2.weight.grad',
    );
    expect(middle).not.toContain('conv2.bias.grad');
  });
});

describe('stages that do not fit', () => {
  it('are refused with the node and both shapes', () => {
    const error = refusal(smallJob({ graph: mlp, stages: [{ ...plain, imageSize: [4, 4] }, plain] }));
    expect(error.message).toMatch(
      /training\.stages\[1\]\.imageSize: at 6×5 pixels "hidden\.weight" is 12×30, at 4×4 \(training\.stages\[0\]\) it is 12×16/,
    );
    expect(error.faults[0]!.node).toBe('hidden');
  });

  it('name the stage at whose size the model does not work', () => {
    const graph = {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'conv', layer: 'conv2d', props: { filters: 4, kernel: [5, 5] } },
        { id: 'pool', layer: 'globalAvgPool2d' },
        { id: 'out', layer: 'dense', props: { units: 3 } },
      ],
    } as const;
    const error = refusal(
      smallJob({ graph: graph as unknown as TrainingJob['graph'], stages: [plain, { ...plain, imageSize: [4, 4] }] }),
    );
    expect(error.message).toMatch(/^training\.stages\[1\]: .*conv/);
  });

  it('name a frozen node that there is not, and a stage that learns nothing', () => {
    expect(refusal(smallJob({ graph: cnn, stages: [{ ...plain, frozen: ['conv', 'convv'] }] })).message).toMatch(
      /training\.stages\[0\]\.frozen\[1\]: the model has no node "convv"/,
    );
    const everything = ['conv', 'norm', 'conv2', 'out'];
    expect(refusal(smallJob({ graph: cnn, stages: [{ ...plain, frozen: everything }] })).message).toMatch(
      /training\.stages\[0\]\.frozen: every layer with parameters is frozen/,
    );
  });

  it('tell which batch is too large', () => {
    expect(refusal(smallJob({ graph: cnn, stages: [plain, { ...plain, batchSize: 69 }] })).message).toMatch(
      /training\.stages\[1\]\.batchSize: a batch of 69 .* 68 images/,
    );
  });
});
