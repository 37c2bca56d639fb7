import { expect, it } from 'vitest';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { train } from './drive.ts';
import { all, smallJob, stripes } from './jobs.ts';

/** Several batches of an evaluation, which are of 250 images. */
const shape = [1, 6, 5] as const;
const job = smallJob(
  { length: { steps: 4 }, evaluateEvery: { steps: 4 } },
  { train: stripes(2100, shape, 3), test: stripes(3000, shape, 3, 2), validation: 2000 },
);

/** A clock that moves by so many milliseconds at every look. */
function steppingClock(by: number): () => number {
  let now = 0;
  return () => (now += by);
}

it('a long evaluation tells how far it is, again and again, and changes nothing by it', async () => {
  const quick = await train(job, referenceBackend);
  // that of the test images is announced: nothing else would say why a run whose steps are all done is not over
  const announced = { kind: 'evaluating', split: 'test', step: 4, done: 0, images: 3000, seconds: 0 };
  expect(all(quick.events, 'evaluating')).toEqual([announced]);
  const slow = await train(job, referenceBackend, { clock: steppingClock(100) });
  expect(slow.hash).toBe(quick.hash);
  for (const split of ['validation', 'test'] as const) {
    const told = all(slow.events, 'evaluating').filter((event) => event.split === split && event.done > 0);
    expect(told.length, split).toBeGreaterThan(1);
    const images = split === 'test' ? 3000 : 2000;
    told.forEach((event, i) => {
      expect(event).toMatchObject({ step: 4, images });
      expect(event.done).toBeGreaterThan(told[i - 1]?.done ?? 0);
      expect(event.done).toBeLessThan(images);
      // at most about four a second
      expect(event.seconds - (told[i - 1]?.seconds ?? 0)).toBeGreaterThanOrEqual(0.25);
    });
    // all of them before the result, and none after it
    const result = slow.events.findIndex((event) => event.kind === 'evaluation' && event.split === split);
    expect(slow.events.indexOf(told.at(-1)!)).toBeLessThan(result);
  }
});
