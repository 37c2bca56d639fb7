import { migration as history } from './010-history.ts';
import { migration as probes } from './020-probes.ts';
import { migration as backendChoice } from './030-backend-choice.ts';
import { migration as architectures } from './040-architectures.ts';
import { migration as folds } from './050-folds.ts';
import { migration as storedWeights } from './060-stored-weights.ts';
import { migration as meanSizes } from './070-mean-sizes.ts';
import type { Migration } from './migration.ts';

/** All of them, in order. */
export const migrations: readonly Migration[] = [
  history,
  probes,
  backendChoice,
  architectures,
  folds,
  storedWeights,
  meanSizes,
];
