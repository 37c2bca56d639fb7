import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import type { OptimizerSettings } from '../../../engine/train/settings.ts';
import type { JobStart } from '../../../engine/train/start.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { gpuBackend, missingGpu } from '../webgpu/device.ts';
import { train } from './drive.ts';
import { all, frozenStage as stage, mlp, only, smallJob } from './jobs.ts';

/**
 * Forks with layers, or parameters of a layer, that the parent has not: old ones keep the optimiser's state and the count of their
 * updates, new ones begin with neither, as PyTorch's add_param_group has it.
 */

const withoutBias: GraphDocument = {
  nodes: mlp.nodes.map((node) => (node.id === 'out' ? { ...node, props: { ...node.props, bias: false } } : node)),
};
/** A new layer before the last one, which gets a bias. */
const grown: GraphDocument = {
  nodes: mlp.nodes.flatMap((node) =>
    node.id === 'out'
      ? [{ id: 'extra', layer: 'dense', props: { units: 12 } }, { id: 'bend', layer: 'tanh' }, node]
      : [node],
  ),
};
const isNew = (name: string): boolean => name.startsWith('extra.') || name === 'out.bias';

const moments = { learningRate: 0.01, weightDecay: 0, beta1: 0.9, beta2: 0.99, eps: 1e-8 };
const adam = { kind: 'adam', decoupled: false, ...moments } as const;
const parentSteps = 5;

const parentJob = (optimizer: OptimizerSettings, changes: Partial<TrainingJob> = {}): TrainingJob =>
  smallJob({ graph: withoutBias, optimizer, length: { steps: 12 }, ...changes });

const lastCheckpoint = (events: readonly TrainingEvent[]): Uint8Array =>
  all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;

async function forkJob(parent: TrainingJob, changes: Partial<TrainingJob> = {}): Promise<TrainingJob> {
  const { events } = await train(parent, referenceBackend, { stopAt: parentSteps });
  const start: JobStart = {
    hash: 'of these bytes',
    weights: lastCheckpoint(events),
    map: {},
    fresh: [],
    carry: 'everything',
  };
  return { ...parent, graph: grown, start, ...changes };
}

async function stateAt(job: TrainingJob, step: number, backend: Backend): Promise<Map<string, number[]>> {
  const { events } = await train(job, backend, { stopAt: step });
  return new Map(decodeCheckpoint(lastCheckpoint(events)).tensors.map(({ name, values }) => [name, [...values]]));
}

interface Value {
  readonly weight: number;
  readonly m: number;
  readonly v: number;
}
/** A value of a parameter and its moments one step later, by hand in float64; the gradient is read from the first moment. */
type Rule = (before: Value, gradient: number, t: number) => Value;

const { learningRate: rate, beta1, beta2, eps } = moments;
const mu = (t: number): number => beta1 * (1 - 0.5 * 0.96 ** (0.004 * t));
const muProduct = (t: number): number => Array.from({ length: t }, (_, i) => mu(i + 1)).reduce((a, b) => a * b, 1);

const adamMoments = ({ m, v }: Value, g: number) => ({
  m: beta1 * m + (1 - beta1) * g,
  v: beta2 * v + (1 - beta2) * g * g,
});
const adamRule =
  (decay: number): Rule =>
  (before, g, t) => {
    const { m, v } = adamMoments(before, g);
    const size = Math.sqrt(v / (1 - beta2 ** t)) + eps;
    return { m, v, weight: before.weight * (1 - rate * decay) - (rate * (m / (1 - beta1 ** t))) / size };
  };
const nadamRule: Rule = (before, g, t) => {
  const { m, v } = adamMoments(before, g);
  const size = Math.sqrt(v / (1 - beta2 ** t)) + eps;
  const step = ((1 - mu(t)) * g) / (1 - muProduct(t)) + (mu(t + 1) * m) / (1 - muProduct(t + 1));
  return { m, v, weight: before.weight - (rate * step) / size };
};
const adamaxRule: Rule = (before, g, t) => {
  const m = beta1 * before.m + (1 - beta1) * g;
  const v = Math.max(beta2 * before.v, Math.abs(g) + eps);
  return { m, v, weight: before.weight - (rate / (1 - beta1 ** t)) * (m / v) };
};

const cases: readonly (readonly [string, OptimizerSettings, Rule, string])[] = [
  ['Adam', adam, adamRule(0), 'secondMoment'],
  ['AdamW', { ...adam, decoupled: true, weightDecay: 0.1 }, adamRule(0.1), 'secondMoment'],
  ['NAdam', { kind: 'nadam', momentumDecay: 0.004, ...moments }, nadamRule, 'secondMoment'],
  ['Adamax', { kind: 'adamax', ...moments }, adamaxRule, 'infinityNorm'],
];

async function expectByHand(
  [, optimizer, rule, second]: (typeof cases)[number],
  backend: Backend,
  steps = 3,
): Promise<void> {
  const job = await forkJob(parentJob(optimizer));
  let before = await stateAt(job, parentSteps, backend);
  for (let step = parentSteps + 1; step <= parentSteps + steps; step++) {
    const after = await stateAt(job, step, backend);
    const names = [...after.keys()].filter((name) => after.has(`${name}.${second}`));
    expect(names).toHaveLength(6);
    for (const name of names) {
      const t = isNew(name) ? step - parentSteps : step;
      const at = (state: typeof after, i: number): Value => ({
        weight: state.get(name)![i]!,
        m: state.get(`${name}.firstMoment`)![i]!,
        v: state.get(`${name}.${second}`)![i]!,
      });
      for (let i = 0; i < after.get(name)!.length; i++) {
        const [old, found] = [at(before, i), at(after, i)];
        if (isNew(name) && step === parentSteps + 1) expect([old.m, old.v]).toEqual([0, 0]);
        const gradient = (found.m - beta1 * old.m) / (1 - beta1);
        const expected = rule(old, gradient, t);
        // float32 weights of about 1 against float64: a hundredth of a step, where a wrong count gives twice the step or more
        expect(Math.abs(found.weight - expected.weight), `${name}[${i}] at step ${step}`).toBeLessThan(rate / 100);
        expect(Math.abs(found.v - expected.v)).toBeLessThan(1e-3 * found.v + 1e-9);
      }
    }
    before = after;
  }
}

describe('new layers in a fork', () => {
  it.each(cases)('take the steps of a run that begins, old ones go on: %s', async (...each) => {
    for (const backend of [referenceBackend, cpuBackend]) await expectByHand(each, backend);
  });

  it('do so on the GPU', { timeout: 60_000 }, async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const gpu = gpuBackend();
    await expectByHand(cases[0]!, gpu, 2);
    const job = await forkJob(parentJob(adam));
    const whole = await train(job, gpu);
    const begun = await train(job, gpu, { stopAt: 8 });
    expect((await train({ ...job, resumeFrom: lastCheckpoint(begun.events) }, gpu)).hash).toBe(whole.hash);
  });

  it('take the whole gradient into an empty velocity, whatever the dampening', async () => {
    const sgd = { kind: 'sgd', learningRate: 0.1, momentum: 0.9, nesterov: false, weightDecay: 0 } as const;
    const job = await forkJob(parentJob({ ...sgd, dampening: 1 }));
    const after = await stateAt(job, parentSteps + 1, referenceBackend);
    expect(after.get('extra.weight.velocity')!.some((value) => value !== 0)).toBe(true);
    // the parent's momentum was switched off, so old layers have no velocity either
    const still = await forkJob(parentJob({ ...sgd, momentum: 0, dampening: 0 }), {
      optimizer: { ...sgd, dampening: 1 },
    });
    const first = await stateAt(still, parentSteps + 1, referenceBackend);
    expect(first.get('hidden.weight.velocity')!.some((value) => value !== 0)).toBe(true);
  });

  it('keep their counts in a fork that is stopped anywhere and resumed, and in a fork of it', async () => {
    const plain = await forkJob(parentJob(adam));
    // old layers frozen before the fork and after it, new ones as well
    const staged = await forkJob(parentJob(adam, { stages: [stage(3, ['hidden']), stage(9, [])] }), {
      stages: [stage(4, ['hidden']), stage(4, ['out', 'extra']), stage(4, [])],
    });
    for (const job of [plain, staged]) {
      const whole = await train(job, cpuBackend);
      for (const stopAt of [5, 6, 8, 11]) {
        const weights = lastCheckpoint((await train(job, cpuBackend, { stopAt })).events);
        const resumed = { ...job, start: { ...job.start!, weights: null }, resumeFrom: weights };
        expect((await train(resumed, cpuBackend)).hash).toBe(whole.hash);
        const again = { ...job, start: { ...job.start!, weights } };
        expect((await train(again, cpuBackend)).hash).toBe(whole.hash);
      }
    }
  });

  it('count from the fork where the shape is another or they are asked for anew, whatever the parent had missed', async () => {
    const parent = parentJob(adam, { graph: grown, stages: [stage(3, ['out']), stage(9, [])] });
    const fork = await forkJob(parent);
    const narrow = grown.nodes.map((node) => (node.id === 'extra' ? { ...node, props: { units: 7 } } : node));
    for (const job of [
      { ...fork, graph: { nodes: narrow } },
      { ...fork, start: { ...fork.start!, fresh: ['out'] } },
    ]) {
      const before = (await stateAt(job, parentSteps, cpuBackend)).get('out.weight')!;
      const after = (await stateAt(job, parentSteps + 1, cpuBackend)).get('out.weight')!;
      const steps = before.map((value, i) => Math.abs(after[i]! - value)).sort((a, b) => a - b);
      expect(Math.abs(steps[steps.length >> 1]! / rate - 1)).toBeLessThan(1e-3);
    }
  });

  it('are refused where nothing corrects for moments of 0', async () => {
    const job = await forkJob(parentJob({ ...adam, biasCorrection: false }));
    await expect(train(job, referenceBackend)).rejects.toThrow(
      /extra\.weight, extra\.bias, out\.bias would be new, with moments of 0, for which adam without bias correction .*biasCorrection to true/,
    );
    expect((await train({ ...job, optimizer: adam }, referenceBackend)).hash).toBeTruthy();
  });

  it('begin early stopping anew where the best model is to be put back: it is none of this network', async () => {
    const earlyStopping = { metric: 'validation.loss', patience: 9, minDelta: 0, restoreBest: true } as const;
    const job = await forkJob(parentJob(adam, { earlyStopping, evaluateEvery: { steps: 2 } }));
    const { events } = await train(job, referenceBackend);
    expect(only(events, 'finished').restoredStep).toBeGreaterThan(parentSteps);
  });
});
