import { describe, expect, it } from 'vitest';
import { bench, smallSpec } from '../fakes.ts';
import { jobAnswer, timing } from './answers.ts';

describe('models.preview', () => {
  it('looks at images of the training file and answers with plain data', async () => {
    const { lab, jobs } = await bench();
    jobs.answer = jobAnswer;
    const preview = await lab.call('models.preview', { spec: smallSpec, images: 8, focus: 20 });
    expect(preview.images.map(({ position }) => position)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(preview.focus).toBe(7);
    expect(preview.nodes[0]).toMatchObject({ std: null, picture: { pixels: btoa('\u0000\u00ff') } });
    expect(jobs.asked[0]).toMatchObject({ name: 'preview', request: { checkpoint: null }, options: { focus: 7 } });
  });

  it('refuses a spec with faults, and a run that has saved nothing yet', async () => {
    const { lab } = await bench();
    await expect(lab.call('models.preview', { spec: { ablate: 1 } })).rejects.toMatchObject({ code: 'spec' });
    const [run] = await lab.call('runs.create', { spec: smallSpec });
    await expect(lab.call('models.preview', { spec: smallSpec, run: run!.id })).rejects.toMatchObject({
      code: 'state',
    });
  });
});

describe('models.timing', () => {
  it('measures with the threads that a run would have', async () => {
    const { lab, jobs } = await bench({ cores: 4 });
    jobs.answer = jobAnswer;
    expect(await lab.call('models.timing', { spec: smallSpec })).toEqual(timing);
    expect(jobs.asked[0]).toMatchObject({ name: 'timing', options: { milliseconds: 400 } });
  });
});
