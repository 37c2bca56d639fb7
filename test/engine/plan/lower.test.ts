import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../engine/errors.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { withBatchNorm, withDropout } from '../../../engine/graph/transforms.ts';
import { outputOperands } from '../../../engine/ops/operands.ts';
import type { OpInstance, TrainingPlan } from '../../../engine/plan/plan.ts';
import { streamOf } from '../../../engine/random.ts';
import { optimizerState as stateNames } from '../../../engine/train/optimizers.ts';
import type { GradientSettings } from '../../../engine/train/settings.ts';
import { branches, examples, mlp, residual, vgg } from '../models/examples.ts';
import { adam, losses, lowered, momentum, optimizers, sgd } from '../models/lowered.ts';

const ops = (plan: TrainingPlan, segment: string): readonly OpInstance[] =>
  plan.segments.find(({ name }) => name === segment)!.ops;
const names = (plan: TrainingPlan, tensors: readonly number[]): string[] => tensors.map((id) => plan.tensors[id]!.name);

function faultsOf(build: () => unknown): readonly string[] {
  try {
    build();
  } catch (error) {
    if (error instanceof EngineError) return error.faults.map(({ message }) => message);
    throw error;
  }
  return [];
}

describe('lowerTraining', () => {
  it.each(Object.entries(examples))(
    'gives a legal plan for %s with every optimiser and transform',
    (_name, document) => {
      for (const optimizer of Object.values(optimizers)) expect(() => lowered(document, { optimizer })).not.toThrow();
      for (const place of ['none', 'before', 'after'] as const) {
        const plan = lowered(withDropout(withBatchNorm(document, place), 0.3), { perFeature: true });
        expect(plan.segments.map(({ name }) => name)).toEqual(['train', 'evaluateTrain', 'evaluateTest']);
      }
    },
  );

  it('orders the phases of a step', () => {
    const phases = ops(lowered(vgg), 'train').map(({ phase }) => phase);
    const order = ['data', 'forward', 'loss', 'backward', 'update', 'record'];
    expect([...new Set(phases)]).toEqual(order);
    expect(phases).toEqual([...phases].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
  });

  it('lists parameters, gradients and state in document order, each as one block of the table', () => {
    const reversed: GraphDocument = {
      nodes: mlp.nodes
        .map((node, i) => ({ ...node, ...(i === 0 ? {} : { inputs: [mlp.nodes[i - 1]!.id] }) }))
        .reverse(),
    };
    const plan = lowered(reversed, { optimizer: adam });
    const { parameters, gradients, optimizerState } = plan.handles;
    expect(names(plan, parameters)).toEqual([4, 3, 2, 1].flatMap((n) => [`dense${n}.weight`, `dense${n}.bias`]));
    expect(names(plan, gradients)).toEqual(names(plan, parameters).map((name) => `${name}.grad`));
    expect(optimizerState.map((list) => names(plan, list)[0])).toEqual([
      'dense4.weight.firstMoment',
      'dense4.weight.secondMoment',
    ]);
    for (const block of [parameters, gradients, ...optimizerState]) {
      expect(block).toEqual(block.map((_, i) => block[0]! + i));
    }
  });

  it('has the state that the optimiser needs', () => {
    expect(lowered(mlp, { optimizer: sgd }).handles.optimizerState).toEqual([]);
    const plan = lowered(mlp, { optimizer: momentum });
    expect(plan.handles.optimizerState).toHaveLength(1);
    const update = ops(plan, 'train').at(-2)!;
    expect(update).toMatchObject({ op: 'sgdUpdate', attrs: { momentum: 0.9, weightDecay: 0, nesterov: false } });
    expect(update.inputs).toMatchObject({ velocities: plan.handles.optimizerState[0] });
  });

  it('keeps one block of state per name that the optimiser has', () => {
    for (const optimizer of Object.values(optimizers)) {
      const plan = lowered(mlp, { optimizer });
      const { parameters, optimizerState } = plan.handles;
      expect(optimizerState.map((list) => names(plan, list))).toEqual(
        stateNames(optimizer).map((name) => names(plan, parameters).map((parameter) => `${parameter}.${name}`)),
      );
    }
  });

  it('clips the gradients, then adds the penalty, then updates', () => {
    const updates = (gradient: GradientSettings): string[] =>
      ops(lowered(mlp, { gradient }), 'train')
        .filter(({ phase }) => phase === 'update')
        .map(({ op }) => op);
    expect(updates({ clip: { norm: 1 }, l1: 0.01 })).toEqual(['clipGradientNorm', 'l1Penalty', 'sgdUpdate']);
    expect(updates({ clip: { value: 1 }, l1: 0 })).toEqual(['clipGradientValue', 'sgdUpdate']);
    expect(updates({ clip: null, l1: 0 })).toEqual(['sgdUpdate']);
    const clipped = ops(lowered(mlp, { gradient: { clip: { norm: 1 }, l1: 0 } }), 'train').at(-3)!;
    expect(clipped.inputs).toEqual({ gradients: lowered(mlp).handles.gradients });
  });

  it('records loss and number correct as the last op', () => {
    const plan = lowered(mlp);
    const record = ops(plan, 'train').at(-1)!;
    expect(record.op).toBe('record');
    expect(names(plan, (record.inputs as { values: readonly number[] }).values)).toEqual([
      'loss.value',
      'loss.correct',
    ]);
    expect(plan.tensors[plan.handles.history]!.shape).toEqual([16, 2]);
  });

  it('computes no gradient of the image, and none that nothing asks for', () => {
    for (const document of Object.values(examples)) {
      const plan = lowered(document);
      const written = ops(plan, 'train').flatMap((op) =>
        outputOperands(op).map(({ tensor }) => plan.tensors[tensor]!.name),
      );
      expect(written.filter((name) => name.startsWith('input.y.grad'))).toEqual([]);
    }
    const plain = ops(lowered(branches), 'train').filter(
      ({ phase, node }) => phase === 'backward' && node === 'inputNorm',
    );
    expect(plain).toEqual([]);
  });

  it('asks an activation for the value that its derivative is computed from', () => {
    const grads = ops(lowered(residual), 'train').filter(({ op }) => op === 'activationGrad');
    const slots = grads.map(({ node, inputs }) => `${node!}: ${Object.keys(inputs).join(' ')}`);
    expect(slots).toEqual(['aRelu: x dy', 'a1Relu: x dy', 'stemRelu: y dy']);
  });

  it('draws a mask per dropout from its own stream in training, and has none in evaluation', () => {
    const plan = lowered(residual);
    const masks = ops(plan, 'train').filter(({ op }) => op === 'dropoutMask');
    expect(masks.map(({ attrs }) => attrs)).toEqual([{ p: 0.25, stream: streamOf('drop') }]);
    const mask = plan.tensors.find(({ name }) => name === 'drop.mask')!;
    expect([mask.dtype, mask.shape]).toEqual(['u8', [8, 16]]);
    for (const segment of ['evaluateTrain', 'evaluateTest']) {
      expect(ops(plan, segment).some(({ op }) => op.startsWith('dropout'))).toBe(false);
    }
  });

  it('normalises by the batch in training and by running statistics in evaluation', () => {
    const plan = lowered(vgg);
    const norms = (segment: string): string[] =>
      ops(plan, segment)
        .map(({ op }) => op)
        .filter((op) => op.startsWith('batchNorm'));
    expect([...new Set(norms('train'))]).toEqual(['batchNorm', 'batchNormGrad']);
    expect([...new Set(norms('evaluateTest'))]).toEqual(['batchNormInference']);
    expect(names(plan, plan.handles.buffers).slice(0, 2)).toEqual(['bn1.runningMean', 'bn1.runningVar']);
    const tracked = lowered(branches);
    expect(names(tracked, tracked.handles.buffers)).toContain('inputNorm.batchesTracked');
  });

  it('evaluates either file into the same results, as sums of the plain cross entropy', () => {
    const plan = lowered(mlp, { loss: { kind: 'crossEntropy', labelSmoothing: 0.1 } });
    const losses = ops(plan, 'train').filter(({ op }) => op === 'softmaxCrossEntropy');
    expect(losses.map(({ attrs }) => attrs)).toEqual([{ reduction: 'mean', labelSmoothing: 0.1 }]);
    const { evaluationLoss, evaluationLogits, testPixels, trainPixels } = plan.handles;
    for (const [segment, pixels] of [
      ['evaluateTrain', trainPixels],
      ['evaluateTest', testPixels],
    ] as const) {
      const list = ops(plan, segment);
      expect(list[0]).toMatchObject({ op: 'gatherImages', inputs: { pixels } });
      expect(list.find(({ op }) => op === 'softmaxCrossEntropy')).toMatchObject({
        attrs: { reduction: 'sum', labelSmoothing: 0 },
        inputs: { logits: evaluationLogits },
        outputs: { loss: evaluationLoss },
      });
    }
    expect(plan.tensors[evaluationLogits]!.shape).toEqual([5, 10]);
  });

  it.each(Object.entries(losses))('trains on the mean of %s and evaluates the sum of its plain form', (_, loss) => {
    const plan = lowered(mlp, { loss });
    const lossIn = (segment: string): OpInstance => ops(plan, segment).find(({ op }) => /Entropy|Loss/.test(op))!;
    const [trained, evaluated] = [lossIn('train'), lossIn('evaluateTest')];
    expect(evaluated.op).toBe(trained.op);
    expect(Object.keys(trained.outputs)).toHaveLength(2);
    expect(evaluated.outputs).toEqual({ loss: plan.handles.evaluationLoss });
    const plain = trained.op === 'softmaxCrossEntropy' ? { labelSmoothing: 0 } : {};
    const reduction = trained.op === 'elementwiseLoss' ? 'rowMeans' : 'sum';
    expect(trained.attrs).toMatchObject({ reduction: 'mean' });
    expect(evaluated.attrs).toEqual({ ...trained.attrs, ...plain, reduction });
  });

  it('weighs classes in training alone, one weight for each', () => {
    const plan = lowered(mlp, { loss: losses['weighted']! });
    const { classWeight } = plan.handles;
    expect(plan.tensors[classWeight!]).toMatchObject({ name: 'data.classWeight', shape: [10], role: 'data' });
    const readers = plan.segments.filter(({ ops: list }) =>
      list.some(({ inputs }) => 'classWeight' in inputs && inputs.classWeight === classWeight),
    );
    expect(readers.map(({ name }) => name)).toEqual(['train']);
    expect(lowered(mlp).handles).not.toHaveProperty('classWeight');
    const weighted = (classWeight: number[]) => () =>
      lowered(mlp, { loss: { kind: 'crossEntropy', labelSmoothing: 0, classWeight } });
    expect(weighted([1, 2, 3])).toThrow(/classWeight has 3 weights, but the model ends in 10 classes/);
    expect(weighted([1, 1, 1, 1, 0, 1, 1, 1, 1, 1])).toThrow(/classWeight\[4\] is 0; weights are above 0/);
  });

  it('lets a model end in a layer that evaluation leaves out', () => {
    const ending: GraphDocument = {
      nodes: [...mlp.nodes, { id: 'last', layer: 'dropout' }, { id: 'none', layer: 'dropout', props: { p: 0 } }],
    };
    const plan = lowered(ending);
    expect(ops(plan, 'train').filter(({ op }) => op === 'dropoutMask')).toHaveLength(1);
    const linear = ops(plan, 'evaluateTest')
      .filter(({ op }) => op === 'linear')
      .at(-1)!;
    expect(linear.outputs).toEqual({ y: plan.handles.evaluationLogits });
  });

  it('gives preprocessing one value, or one per pixel', () => {
    const shape = (perFeature: boolean): readonly number[] => {
      const plan = lowered(mlp, { perFeature });
      return plan.tensors[plan.handles.offset]!.shape;
    };
    expect([shape(false), shape(true)]).toEqual([[1], [784]]);
  });

  it('refuses faulty graphs with all their faults, and what cannot train', () => {
    const faulty: GraphDocument = {
      nodes: [...mlp.nodes.slice(0, 2), { id: 'd', layer: 'dense', props: { units: 0, odd: 1 } }],
    };
    expect(faultsOf(() => lowered(faulty))).toHaveLength(2);
    expect(faultsOf(() => lowered(withBatchNorm(mlp, 'before'), { batchSize: 1 }))).toEqual(
      [1, 2, 3].map(
        (n) =>
          `act${n}_bn normalises over the batch, but a batch of 1 gives it a single value per feature; train with batches of at least 2.`,
      ),
    );
    expect(faultsOf(() => lowered(vgg, { batchSize: 1 }))).toEqual([]);
    expect(faultsOf(() => lowered(mlp, { batchSize: 0, historySlots: 1.5 }))).toEqual([
      'batchSize is 0; it takes a whole number from 1.',
      'historySlots is 1.5; it takes a whole number from 1.',
    ]);
    expect(faultsOf(() => lowered(mlp, { inputShape: [784] }))).toEqual([
      'Images have three axes [C, H, W]; this data set gives 784.',
    ]);
  });

  it('keeps tensor names apart for ids that look like tensor names', () => {
    const ids = ['data', 'data.y', 'history', 'loss', 'loss.value', 'loss.value.y', 'loss.value.y.grad', 'step'];
    const odd: GraphDocument = {
      nodes: [
        { id: 'evaluateTest', layer: 'input' },
        { id: 'evaluation', layer: 'flatten' },
        ...ids.map((id, i) => ({ id, layer: i % 2 === 0 ? ('dense' as const) : ('relu' as const) })),
        { id: 'evaluation.logits', layer: 'dense', props: { units: 10 } },
      ],
    };
    expect(() => lowered(odd, { optimizer: adam })).not.toThrow();
  });
});
