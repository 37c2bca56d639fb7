import { describe, expect, it } from 'vitest';
import { LabError } from '../../lab/contract/errors.ts';
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

  it('tells how far a test is under the ticket of its caller, by which it is cancelled', async () => {
    const { lab, jobs, events } = await bench();
    jobs.answer = (_name, _options, { signal, progress }) => {
      progress!(0.25, null);
      return new Promise((_resolve, reject) => {
        signal!.addEventListener('abort', () => reject(new LabError('interrupted', 'The job was cancelled.')));
      });
    };
    const test = lab.call('models.lrRange', { spec: smallSpec, ticket: 'mine' });
    const ended = expect(test).rejects.toMatchObject({ code: 'interrupted' });
    const told = { name: 'job.progress', data: { job: 'lrRange', done: 0.25, ticket: 'mine' } };
    await expect.poll(() => events.filter(({ name }) => name === 'job.progress')).toEqual([told]);
    // two tests of one ticket could not be told apart
    await expect(lab.call('models.lrRange', { spec: smallSpec, ticket: 'mine' })).rejects.toThrow('running already');
    expect(await lab.call('models.cancelLrRange', { ticket: 'another' })).toEqual({ cancelled: false });
    expect(await lab.call('models.cancelLrRange', { ticket: 'mine' })).toEqual({ cancelled: true });
    await ended;
    expect(await lab.call('models.cancelLrRange', { ticket: 'mine' })).toEqual({ cancelled: false });
  });

  it('refuses a range without width and a spec with faults', async () => {
    const { lab } = await bench();
    await expect(lab.call('models.lrRange', { spec: smallSpec, lowest: 1, highest: 0.1 })).rejects.toThrow(
      'the highest rate (0.1) must lie above the lowest (1)',
    );
    await expect(lab.call('models.lrRange', { spec: { ablate: 1 } })).rejects.toMatchObject({ code: 'spec' });
  });
});
