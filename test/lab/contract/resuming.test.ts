import { expect, it } from 'vitest';
import type { RunStart } from '../../../lab/contract/records.ts';
import { resumingWords, withResuming } from '../../../lab/contract/resuming.ts';

const start = (carry: RunStart['carry'], firstStep: number): RunStart => ({
  weights: 'w'.repeat(64),
  from: null,
  carry,
  run: null,
  architecture: null,
  checkpoint: 'last',
  step: 40,
  firstStep,
  words: 'last checkpoint of run r1',
});

it.each([
  [120, null, 'Resuming goes on from its last checkpoint, at step 120.'],
  [120, start('everything', 40), 'Resuming goes on from its last checkpoint, at step 120.'],
  [null, null, 'No checkpoint had been saved yet, so resuming starts it again.'],
  [
    null,
    start('weights', 0),
    'No checkpoint had been saved yet, so resuming starts it again from the stored weights that it began with.',
  ],
  [
    null,
    start('everything', 40),
    'No checkpoint had been saved yet, so resuming goes on again from step 40, where it was forked.',
  ],
])('tells where a run with a checkpoint at %s goes on', (checkpointStep, begun, words) => {
  expect(resumingWords({ checkpointStep, start: begun })).toBe(words);
});

it('leaves errors alone that resuming would meet again', () => {
  const error = { code: 'nonFinite', message: 'The loss is NaN.', faults: [] };
  expect(withResuming(error, { checkpointStep: 5, start: null })).toBe(error);
});
