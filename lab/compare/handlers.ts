import type { Handlers } from '../app.ts';
import { LabError } from '../contract/errors.ts';
import type { Datasets, Store } from '../ports.ts';
import { diffSpecs } from '../spec/diff.ts';
import { paceOf } from '../spec/pace.ts';
import { findArms, labelsOf, type Arm } from './arms.ts';
import { armCurves } from './curves.ts';
import { sideEffects } from './sideEffects.ts';
import { metricTable } from './table.ts';

export function compareHandlers({ store, datasets }: { readonly store: Store; readonly datasets: Datasets }): Handlers {
  return {
    'compare.get': async ({ arms: texts, baseline: wanted, reach, maxPoints }) => {
      const arms = findArms(store, texts);
      const baseline = findBaseline(store, arms, wanted);
      // seeds and folds are what a group varies; only between single runs are they differences like any other
      const single = arms.every(({ runs }) => runs.length === 1);
      const specDifferences = diffSpecs(
        arms.map(({ spec }) => spec),
        single ? [] : ['seed', 'data.folds.fold'],
      );
      const labels = labelsOf(arms, specDifferences);
      const known = await datasets.list();
      const paces = arms.map(({ runs, spec }) => paceOf(runs[0]!, spec, known));
      return {
        arms: arms.map(({ id, runs }, i) => ({ id, label: labels[i]!, runs: [...runs], pace: [...paces[i]!] })),
        baseline: baseline.id,
        specDifferences,
        sideEffects: sideEffects(arms, labels, baseline, known),
        curves: arms.map((arm, i) => ({ arm: arm.id, curves: armCurves(arm, maxPoints, paces[i]!) })),
        table: metricTable(arms, baseline, reach),
      };
    },
  };
}

function findBaseline(store: Store, arms: readonly Arm[], wanted: string | undefined): Arm {
  if (wanted === undefined) return arms[0]!;
  const [named] = findArms(store, [wanted]);
  const found = arms.find(({ id }) => id === named!.id);
  if (found) return found;
  const list = arms.map(({ id }) => id).join(', ');
  throw new LabError('invalid', `compare.get: baseline: ${wanted} is none of the arms (${list}).`);
}
