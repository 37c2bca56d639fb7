import type { GoldenCase } from '../cases.ts';
import { Unsupported } from '../errors.ts';
import { Trial, runTrial } from '../trial.ts';
import { booleanOf, choiceOf, inputOf, numberOf } from './adapter.ts';
import type { GroupAdapter } from './adapter.ts';

function crossEntropyAttrs(golden: GoldenCase): { reduction: 'mean' | 'sum'; labelSmoothing: number } {
  return {
    reduction: choiceOf(golden, 'reduction', ['mean', 'sum']),
    labelSmoothing: numberOf(golden, 'label_smoothing'),
  };
}

export const losses: GroupAdapter = (golden, device) => {
  if (golden.op !== 'cross_entropy') return Promise.reject(new Unsupported(golden.op));
  const trial = new Trial();
  const stored = inputOf(golden, 'logits');
  const logits = trial.input('logits', stored);
  const target = trial.input('target', inputOf(golden, 'target'));
  const weight = booleanOf(golden, 'class_weight')
    ? { classWeight: trial.input('classWeight', inputOf(golden, 'class_weight')) }
    : {};
  const loss = trial.result('loss', [1]);
  const dlogits = trial.result('dlogits', stored.shape);
  trial.op('softmaxCrossEntropy', crossEntropyAttrs(golden), { logits, target, ...weight }, { loss, dlogits }, 'loss');
  return runTrial(trial, device, { loss: { id: loss, shape: [] }, dlogits });
};
