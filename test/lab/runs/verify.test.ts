import { describe, expect, it } from 'vitest';
import { encodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import type { JobDescription } from '../../../engine/train/jobDescription.ts';
import { sha256 } from '../../../lab/spec/hash.ts';
import { methods } from '../../../lab/contract/methods.ts';
import type { Verification } from '../../../lab/contract/records.ts';
import { bench, smallSpec, type Bench, type FakeWorker } from '../fakes.ts';

/** A run of 20 steps with an evaluation in the middle and a test at the end. */
function trainWhole(worker: FakeWorker): void {
  worker.ready();
  worker.train(10);
  worker.evaluate('validation', 0.8);
  worker.train(10);
  worker.evaluate('test', 0.75);
  worker.finish();
}

async function finishedRun(it: Bench): Promise<string> {
  const [run] = await it.lab.call('runs.create', { spec: smallSpec, seeds: [7] });
  trainWhole(await it.worker(0));
  await it.reaches(run!.id, 'finished');
  return run!.id;
}

describe('runs.verify', () => {
  it('replays the whole run from its spec and finds it identical; only an event stays behind', async () => {
    const it = await bench();
    const id = await finishedRun(it);
    const files = [...it.files.files.keys()];
    const before = it.store.getRun(id)!;
    const answer = it.lab.call('runs.verify', { id: id.slice(0, 6) });
    const replay = await it.worker(1);
    expect(replay.request).toMatchObject({ spec: { seed: 7 }, threads: 2, resumeFrom: null });
    await replay.checkpoint();
    trainWhole(replay);
    const verification = await answer;
    expect(methods['runs.verify'].output.parse(verification)).toEqual(verification);
    expect(verification).toMatchObject({
      run: id,
      identical: true,
      whole: true,
      steps: 20,
      recordedHash: 'result of 20',
      replayedHash: 'result of 20',
      compared: 20 * 3 + 4,
      firstDifference: null,
      recordedEngine: '1.2.3',
      replayedEngine: '1.2.3',
    });
    expect([...it.files.files.keys()]).toEqual(files);
    const after = it.store.getRun(id)!;
    expect(after.events.map(({ kind }) => kind)).toEqual(['created', 'ready', 'finished', 'verified']);
    expect(after.events.at(-1)!.text).toBe('The whole run replayed with engine 1.2.3: identical.');
    expect({ ...after, events: [] }).toEqual({ ...before, events: [] });
    expect(it.store.listRuns({}).total).toBe(1);
    expect(it.events.filter(({ name }) => name === 'run.verifying').at(-1)!.data).toEqual({
      id,
      step: 20,
      steps: 20,
      evaluation: null,
    });
  });

  it('tells that it evaluates and how far that is', async () => {
    const it = await bench();
    const id = await finishedRun(it);
    const answer = it.lab.call('runs.verify', { id });
    const replay = await it.worker(1);
    replay.ready();
    replay.train(20);
    it.clock.time += 1000;
    replay.say({ kind: 'evaluating', split: 'test', step: 20, done: 200, images: 500, seconds: 4 });
    expect(it.events.at(-1)).toEqual({
      name: 'run.verifying',
      data: { id, step: 20, steps: 20, evaluation: { split: 'test', done: 200, images: 500, secondsLeft: 6 } },
    });
    replay.evaluate('test', 0.75);
    replay.finish();
    await answer;
  });

  it('tells of another result hash, and of the first value that differs', async () => {
    const it = await bench();
    const id = await finishedRun(it);
    const replayWith = async (drive: (worker: FakeWorker) => void, n: number): Promise<Verification> => {
      const answer = it.lab.call('runs.verify', { id });
      drive(await it.worker(n));
      return answer;
    };
    const otherHash = await replayWith((worker) => {
      worker.ready();
      worker.train(10);
      worker.evaluate('validation', 0.8);
      worker.train(10);
      worker.evaluate('test', 0.75);
      // the fake worker's hash names its step
      worker.step = 21;
      worker.finish();
    }, 1);
    expect(otherHash).toMatchObject({ identical: false, firstDifference: null, replayedHash: 'result of 21' });

    const otherCurve = await replayWith((worker) => {
      worker.ready();
      worker.train(10);
      worker.evaluate('validation', Math.fround(0.8) + 1e-9);
      worker.train(10);
      worker.evaluate('test', 0.75);
      worker.finish();
    }, 2);
    expect(otherCurve).toMatchObject({
      identical: false,
      firstDifference: { series: 'validation.loss', step: 10 },
      replayedHash: 'result of 20',
    });
    const shorter = await replayWith((worker) => {
      worker.ready();
      worker.train(10);
      worker.evaluate('validation', 0.8);
      worker.finish('earlyStopping');
    }, 3);
    expect(shorter).toMatchObject({ identical: false, steps: 10 });
    expect(it.store.getRun(id)!.events.at(-1)!.text).toContain('it differs');
  });

  it('replays with the forms of kernels that the run recorded, and without them where its checkpoint has none', async () => {
    const it = await bench();
    const [run] = await it.lab.call('runs.create', { spec: smallSpec, seeds: [7] });
    const worker = await it.worker(0);
    worker.ready();
    worker.train(10);
    const forms = { 'conv2d x=1x1x4x4': 'winograd4' };
    const job = { model: 'm', data: 'd', training: 't', seed: '7' } as unknown as JobDescription;
    const stopping = { best: null, bestStep: null, reference: null, waited: 0 };
    const bytes = encodeCheckpoint({
      ...{ step: 10, seconds: 1, evaluatedStep: 0, stopping, plateau: null, job, forms, tensors: [], best: [] },
    });
    worker.say({ kind: 'checkpoint', role: 'last', step: 10, bytes: bytes.slice(), hash: await sha256(bytes) });
    worker.evaluate('validation', 0.8);
    worker.train(10);
    worker.evaluate('test', 0.75);
    worker.finish();
    await it.reaches(run!.id, 'finished');
    const answer = it.lab.call('runs.verify', { id: run!.id });
    const replay = await it.worker(1);
    expect(replay.request.forms).toEqual(forms);
    trainWhole(replay);
    await answer;
    const other = await bench();
    const id = await finishedRun(other);
    const plain = other.lab.call('runs.verify', { id });
    const second = await other.worker(1);
    expect(second.request).not.toHaveProperty('forms');
    trainWhole(second);
    await plain;
  });

  it('replays the first steps of a run that has not finished, ends the worker there and looks no further', async () => {
    const it = await bench();
    const [{ id } = { id: '' }] = await it.lab.call('runs.create', { spec: smallSpec });
    const one = await it.worker(0);
    one.ready();
    one.train(20);
    await expect(it.lab.call('runs.verify', { id, steps: 5 })).rejects.toMatchObject({ code: 'state' });
    await it.lab.call('runs.stop', { id });
    await it.reaches(id, 'stopped');
    await expect(it.lab.call('runs.verify', { id })).rejects.toMatchObject({
      code: 'state',
      message: expect.stringContaining('--steps, up to 20') as string,
    });
    await expect(it.lab.call('runs.verify', { id, steps: 21 })).rejects.toMatchObject({ code: 'invalid' });
    const answer = it.lab.call('runs.verify', { id, steps: 5 });
    const replay = await it.worker(1);
    replay.ready();
    replay.train(4);
    replay.train(4);
    expect(await answer).toMatchObject({ identical: true, whole: false, steps: 5, compared: 15, replayedHash: null });
    expect(replay.commands).toEqual(['kill']);
  });

  it('goes one at a time, fails with its worker, and ends with the lab', async () => {
    const it = await bench();
    const id = await finishedRun(it);
    const first = it.lab.call('runs.verify', { id });
    await expect(it.lab.call('runs.verify', { id })).rejects.toMatchObject({
      code: 'state',
      message: `Run ${id} is being verified; wait until that is done.`,
    });
    (await it.worker(1)).fail('unexpected', 'The training worker died.');
    await expect(first).rejects.toMatchObject({ message: 'The training worker died.' });
    const second = it.lab.call('runs.verify', { id });
    const replay = await it.worker(2);
    const ended = expect(second).rejects.toMatchObject({ code: 'interrupted' });
    await it.lab.close();
    await ended;
    expect(replay.commands).toEqual(['kill']);
  });

  it('refuses when the data set has changed', async () => {
    const it = await bench();
    const id = await finishedRun(it);
    it.datasets.records = it.datasets.records.map((record) => ({ ...record, hash: 'other' }));
    await expect(it.lab.call('runs.verify', { id })).rejects.toMatchObject({ code: 'data' });
    it.datasets.records = [];
    await expect(it.lab.call('runs.verify', { id })).rejects.toMatchObject({ code: 'data' });
    expect(it.trainer.workers).toHaveLength(1);
  });
});
