import { describe, expect, it } from 'vitest';
import { bench, smallSpec } from './fakes.ts';
import { jobAnswer, lrRange } from './preview/answers.ts';

describe('models.lrRange', () => {
  it('sweeps the spec from initial weights, with the defaults of the test', async () => {
    const { lab, jobs } = await bench({ cores: 4 });
    jobs.answer = jobAnswer;
    expect(await lab.call('models.lrRange', { spec: smallSpec })).toEqual(lrRange);
    expect(jobs.asked[0]).toMatchObject({
      name: 'lrRange',
      request: { checkpoint: null },
      options: { lowest: 1e-5, highest: 10, steps: 200, smoothing: 0.9, divergence: 4 },
    });
  });

  it('refuses a range without width and a spec with faults', async () => {
    const { lab } = await bench();
    await expect(lab.call('models.lrRange', { spec: smallSpec, lowest: 1, highest: 0.1 })).rejects.toThrow(
      'the highest rate (0.1) must lie above the lowest (1)',
    );
    await expect(lab.call('models.lrRange', { spec: { ablate: 1 } })).rejects.toMatchObject({ code: 'spec' });
  });
});
