import type { ElementwiseLossName } from '../../../engine/ops/op.ts';
import type { GoldenCase } from '../cases.ts';
import { GoldenDataError, Unsupported } from '../errors.ts';
import { Trial, runTrial } from '../trial.ts';
import type { Outputs } from '../trial.ts';
import { booleanOf, choiceOf, inputOf, numberOf } from './adapter.ts';
import type { GroupAdapter } from './adapter.ts';

type CaseBuilder = (golden: GoldenCase, trial: Trial) => Outputs;

const reductionOf = (golden: GoldenCase): 'mean' | 'sum' => choiceOf(golden, 'reduction', ['mean', 'sum']);

const crossEntropy: CaseBuilder = (golden, trial) => {
  const stored = inputOf(golden, 'logits');
  const logits = trial.input('logits', stored);
  const target = trial.input('target', inputOf(golden, 'target'));
  const weight = booleanOf(golden, 'class_weight')
    ? { classWeight: trial.input('classWeight', inputOf(golden, 'class_weight')) }
    : {};
  const loss = trial.result('loss', [1]);
  const dlogits = trial.result('dlogits', stored.shape);
  const attrs = { reduction: reductionOf(golden), labelSmoothing: numberOf(golden, 'label_smoothing') };
  trial.op('softmaxCrossEntropy', attrs, { logits, target, ...weight }, { loss, dlogits }, 'loss');
  return { loss: { id: loss, shape: [] }, dlogits };
};

const elementwise =
  (fn: ElementwiseLossName, of: 'pred' | 'logits'): CaseBuilder =>
  (golden, trial) => {
    const stored = inputOf(golden, of);
    const shape = stored.shape.length === 1 ? [1, ...stored.shape] : stored.shape;
    const prediction = trial.input(of, stored, shape);
    const target = trial.input('target', inputOf(golden, 'target'), shape);
    const loss = trial.result('loss', [1]);
    const dprediction = trial.result(`d${of}`, shape);
    const delta = fn === 'huber' ? { delta: numberOf(golden, 'delta') } : {};
    const attrs = { fn, reduction: reductionOf(golden), ...delta };
    trial.op('elementwiseLoss', attrs, { prediction, target }, { loss, dprediction }, 'loss');
    return { loss: { id: loss, shape: [] }, [`d${of}`]: { id: dprediction, shape: stored.shape } };
  };

const multiMargin: CaseBuilder = (golden, trial) => {
  const stored = inputOf(golden, 'logits');
  const logits = trial.input('logits', stored);
  const target = trial.input('target', inputOf(golden, 'target'));
  const loss = trial.result('loss', [1]);
  const dlogits = trial.result('dlogits', stored.shape);
  const p = numberOf(golden, 'p');
  if (p !== 1 && p !== 2) throw new GoldenDataError(`${golden.id}: attribute "p" is ${p}, not 1 or 2.`);
  const attrs = { p, margin: numberOf(golden, 'margin'), reduction: reductionOf(golden) } as const;
  trial.op('multiMarginLoss', attrs, { logits, target }, { loss, dlogits }, 'loss');
  return { loss: { id: loss, shape: [] }, dlogits };
};

const builders: Readonly<Record<string, CaseBuilder>> = {
  cross_entropy: crossEntropy,
  mse: elementwise('mse', 'pred'),
  l1: elementwise('mae', 'pred'),
  huber: elementwise('huber', 'pred'),
  bce_with_logits: elementwise('binaryCrossEntropy', 'logits'),
  multi_margin: multiMargin,
};

export const losses: GroupAdapter = (golden, device) => {
  const build = builders[golden.op];
  if (build === undefined) return Promise.reject(new Unsupported(golden.op));
  const trial = new Trial();
  return runTrial(trial, device, build(golden, trial));
};
