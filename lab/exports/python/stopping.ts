import type { Spec } from '../../spec/schema.ts';

/** `Stopping`: when a run ends early, and the model that it ends with. `copy`, `restore`: expressions of \`model\` and \`self.weights\`. */
export function stoppingSource(
  settings: Spec['training']['earlyStopping'],
  { copy, restore }: { readonly copy: string; readonly restore: string },
): string {
  if (settings === null) return '';
  const { metric, patience, minDelta, restoreBest } = settings;
  const value = metric === 'validation.accuracy' ? 'accuracy' : '-loss';
  const best = `
        if self.best is None or value > self.best:
            self.best, self.best_step = value, step
            self.weights = ${copy}`;
  const restoring = `

    def restore(self, model):
        if self.weights is not None:
            ${restore}`;
  return `
class Stopping:
    """Ends the run when ${metric} has not got better in ${patience} evaluations${restoreBest ? ', with the model of the best one' : ''}."""

    def __init__(self):
        self.reference, self.waited = None, 0${restoreBest ? '\n        self.best, self.best_step, self.weights = None, None, None' : ''}

    @property
    def exhausted(self):
        return self.waited >= ${patience}

    def observe(self, loss, accuracy${restoreBest ? ', step, model' : ''}):
        value = ${value}${restoreBest ? best : ''}
        if self.reference is None or value - self.reference > ${minDelta}:
            self.reference, self.waited = value, 0
        else:
            self.waited += 1${restoreBest ? restoring : ''}
`;
}
