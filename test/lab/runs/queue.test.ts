import { describe, expect, it } from 'vitest';
import { methods } from '../../../lab/contract/methods.ts';
import type { RunDetails } from '../../../lab/contract/records.ts';
import { bench, smallSpec, type FakeWorker } from '../fakes.ts';

describe('a run, from its creation to its end', () => {
  it('keeps one curve when its worker goes back to a checkpoint on another backend', async () => {
    const { lab, worker, reaches, store } = await bench();
    const [created] = await lab.call('runs.create', { spec: smallSpec, seeds: [7] });
    const one = await worker(0);
    one.ready();
    one.train(10);
    await one.checkpoint();
    one.train(10);
    // the GPU is lost: steps 11 to 20 are trained again
    one.step = 10;
    one.ready();
    one.train(20);
    one.finish();
    await reaches(created!.id, 'finished');
    const losses = store.readSeries(created!.id).find(({ name }) => name === 'train.loss')!;
    expect([...losses.steps]).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  });

  it('is queued, trains, and ends with certificate, curves and metrics', async () => {
    const { lab, worker, reaches, until, events, store, files } = await bench();
    const [created] = await lab.call('runs.create', { spec: smallSpec, seeds: [7], tags: ['a', 'a'] });
    expect(created).toMatchObject({
      name: 'dots',
      seed: 7,
      tags: ['a'],
      parameters: 34,
      macsPerImage: 32,
      totalSteps: 50,
      stepsPerEpoch: 10,
    });
    expect(created!.id).toMatch(/^r[0-9a-z]{9}$/);
    const one = await worker(0);
    expect(one.request).toMatchObject({
      runId: created!.id,
      threads: 2,
      resumeFrom: null,
      spec: { seed: 7, training: { batchSize: 50 } },
    });
    one.ready();
    one.train(10);
    one.evaluate('validation', 0.8);
    await one.checkpoint('best');
    one.train(10);
    one.evaluate('validation', 0.7);
    await one.checkpoint();
    await until(() => store.getRun(created!.id)?.checkpointStep === 20);
    expect(store.getRun(created!.id)).toMatchObject({
      status: 'running',
      step: 20,
      seconds: 0.2,
      imagesPerSecond: 5000,
      backend: 'cpu',
      threads: 2,
      checkpointStep: 20,
      dataHash: 'hash of dots',
      engineVersion: '1.2.3',
      sparkline: [expect.closeTo(0.8), expect.closeTo(0.7)],
    });
    one.evaluate('test', 0.75);
    one.finish();
    const run = await reaches(created!.id, 'finished');
    expect(methods['runs.get'].output.parse(run)).toEqual(run);
    expect(run).toMatchObject({ reason: 'completed', resultHash: 'result of 20', error: null });
    expect(run.endedAt).toBeGreaterThan(run.startedAt!);
    expect(run.metrics).toMatchObject({
      validationAccuracy: 0.7,
      bestValidationAccuracy: 0.8,
      bestValidationLoss: expect.closeTo(0.2) as number,
      testAccuracy: 0.75,
      trainLoss: expect.closeTo(
        Array.from({ length: 20 }, (_, i) => 1 / (i + 1) / 20).reduce((a, b) => a + b),
      ) as number,
    });
    expect(run.events.map(({ kind }) => kind)).toEqual(['created', 'ready', 'finished']);
    const series = await lab.call('runs.series', { id: created!.id });
    expect(series.map(({ name }) => name)).toEqual([
      'train.loss',
      'train.accuracy',
      'learningRate',
      'validation.loss',
      'validation.accuracy',
      'test.loss',
      'test.accuracy',
    ]);
    expect(series[0]!.steps).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect([...files.files.keys()].sort()).toEqual([`${run.id}-best-10.safetensors`, `${run.id}-last-20.safetensors`]);
    const told = events.filter((event) => event.name === 'run.series').flatMap((event) => event.data.series);
    expect(told.filter(({ name }) => name === 'train.loss').flatMap(({ steps }) => steps)).toHaveLength(20);
    expect((await lab.call('queue.get', {})).running).toEqual([]);
  });

  it('fails with the faults of its worker, and can be resumed', async () => {
    const { lab, worker, reaches } = await bench();
    const [{ id } = { id: '' }] = await lab.call('runs.create', { spec: smallSpec });
    const one = await worker(0);
    one.ready();
    one.train(5);
    await one.checkpoint();
    one.train(5);
    one.fail('nonFinite', 'The loss is NaN at step 10; d produced it first.');
    one.train(5);
    const failed = await reaches(id, 'failed');
    expect(failed.error).toEqual({
      code: 'nonFinite',
      message: 'The loss is NaN at step 10; d produced it first.',
      faults: [{ node: 'd', message: 'The loss is NaN at step 10; d produced it first.' }],
    });
    expect(failed).toMatchObject({ step: 10, checkpointStep: 5 });
    const resumed = await lab.call('runs.resume', { id });
    expect(resumed).toMatchObject({ error: null, step: 5, endedAt: null });
    expect((await worker(1)).step).toBe(5);
  });

  it('says where resuming goes on when what trained it is gone: at its last checkpoint, or at its start', async () => {
    const { lab, worker, reaches, files } = await bench();
    const death = async (n: number, before: (one: FakeWorker) => unknown): Promise<RunDetails> => {
      const [{ id } = { id: '' }] = await lab.call('runs.create', { spec: smallSpec, seeds: [n + 1] });
      const one = await worker(n);
      one.ready();
      one.train(5);
      await before(one);
      one.train(5);
      one.fail('unexpected', 'The training worker died.');
      await reaches(id, 'failed');
      return lab.call('runs.get', { id });
    };
    const saved = await death(0, (one) => one.checkpoint());
    const message = 'The training worker died. Resuming goes on from its last checkpoint, at step 5.';
    expect(saved.error).toEqual({ code: 'unexpected', message, faults: [{ node: 'd', message }] });
    expect(saved.events.at(-1)).toMatchObject({ kind: 'failed', text: message });

    const none = 'The training worker died. No checkpoint had been saved yet, so resuming starts it again.';
    expect((await death(1, () => undefined)).error!.message).toBe(none);

    // one that did not come to the disk counts for nothing
    files.full = true;
    const full = await death(2, (one) => one.checkpoint());
    expect(full).toMatchObject({ checkpointStep: null, error: { message: none } });
  });

  it('fails when the trainer cannot start it or its data set is gone', async () => {
    const { lab, trainer, reaches, datasets } = await bench();
    trainer.start = () => {
      throw new Error('no threads left');
    };
    const [one] = await lab.call('runs.create', { spec: smallSpec });
    expect((await reaches(one!.id, 'failed')).error).toMatchObject({
      code: 'unexpected',
      message: expect.stringMatching(/^no threads left\. No checkpoint had been saved yet/) as string,
    });
    await lab.call('runs.create', { spec: smallSpec });
    const [two] = await lab.call('runs.create', { spec: smallSpec });
    datasets.records = [];
    expect((await reaches(two!.id, 'failed')).error?.code).toMatch(/data|unexpected/);
  });
});

describe('the queue', () => {
  it('trains one after the other, in order, and says so', async () => {
    const { lab, worker, trainer, reaches, idle, events } = await bench();
    const runs = await lab.call('runs.create', { spec: smallSpec, seeds: [1, 2, 3] });
    await worker(0);
    await idle();
    expect(trainer.workers).toHaveLength(1);
    expect(await lab.call('queue.get', {})).toEqual({
      running: [runs[0]!.id],
      queued: [runs[1]!.id, runs[2]!.id],
      concurrency: 1,
      threadsPerRun: 2,
    });
    (await worker(0)).finish();
    expect((await worker(1)).request.spec.seed).toBe(2);
    (await worker(1)).fail('unexpected', 'died');
    expect((await worker(2)).request.spec.seed).toBe(3);
    (await worker(2)).finish();
    await reaches(runs[2]!.id, 'finished');
    expect(events.filter((event) => event.name === 'queue.changed').at(-1)?.data.queue).toMatchObject({
      running: [],
      queued: [],
    });
  });

  it('follows the machine and what it is told, and keeps that', async () => {
    const { lab, trainer, worker, crash } = await bench({ cores: 8 });
    expect(await lab.call('queue.get', {})).toMatchObject({ concurrency: 2, threadsPerRun: 4 });
    await lab.call('queue.set', { concurrency: 4 });
    await lab.call('runs.create', { spec: smallSpec, seeds: [1, 2, 3, 4, 5] });
    await worker(3);
    expect(trainer.workers.map(({ request }) => request.threads)).toEqual([2, 2, 2, 2]);
    await lab.call('queue.set', { concurrency: 5 });
    await worker(4);
    const next = await crash();
    expect(await next.lab.call('queue.get', {})).toMatchObject({ concurrency: 5 });
  });

  it('gives a run the threads that its spec names', async () => {
    const { lab, worker } = await bench();
    await lab.call('runs.create', { spec: { ...smallSpec, backend: { threads: 1 } } });
    expect((await worker(0)).request.threads).toBe(1);
  });
});

describe('pause, resume, stop', () => {
  it('pause writes a checkpoint, lets the next run go first, and resume waits for a place', async () => {
    const { lab, worker, reaches, files, idle } = await bench();
    const [a, b] = await lab.call('runs.create', { spec: smallSpec, seeds: [1, 2] });
    const one = await worker(0);
    one.ready();
    one.train(7);
    expect(await lab.call('runs.pause', { id: a!.id })).toMatchObject({ status: 'paused', checkpointStep: 7 });
    expect([...files.files.keys()]).toEqual([`${a!.id}-last-7.safetensors`]);
    const two = await worker(1);
    expect(two.request.runId).toBe(b!.id);
    expect(await lab.call('runs.resume', { id: a!.id })).toMatchObject({ status: 'queued' });
    expect(one.commands).toEqual(['pause']);
    two.finish();
    await reaches(a!.id, 'running');
    expect(one.commands).toEqual(['pause', 'resume']);
    one.train(3);
    one.finish();
    expect((await reaches(a!.id, 'finished')).step).toBe(10);
    await idle();
  });

  it('resume goes on at once where there is room; twice is the same as once', async () => {
    const { lab, worker } = await bench();
    const [a] = await lab.call('runs.create', { spec: smallSpec });
    const one = await worker(0);
    await lab.call('runs.pause', { id: a!.id });
    await lab.call('runs.pause', { id: a!.id });
    expect(await lab.call('runs.resume', { id: a!.id })).toMatchObject({ status: 'running' });
    await lab.call('runs.resume', { id: a!.id });
    expect(one.commands).toEqual(['pause', 'resume']);
  });

  it('a queued run leaves the queue and comes back', async () => {
    const { lab, worker } = await bench();
    const [, b] = await lab.call('runs.create', { spec: smallSpec, seeds: [1, 2] });
    expect(await lab.call('runs.pause', { id: b!.id })).toMatchObject({ status: 'paused' });
    expect((await lab.call('queue.get', {})).queued).toEqual([]);
    expect(await lab.call('runs.resume', { id: b!.id })).toMatchObject({ status: 'queued' });
    expect((await lab.call('queue.get', {})).queued).toEqual([b!.id]);
    expect(await lab.call('runs.stop', { id: b!.id })).toMatchObject({ status: 'stopped', reason: 'stopped' });
    expect((await lab.call('queue.get', {})).queued).toEqual([]);
    (await worker(0)).finish();
    await expect(lab.call('runs.pause', { id: b!.id })).rejects.toMatchObject({ code: 'state' });
  });

  it('stop ends the run with a checkpoint, from which it can be resumed', async () => {
    const { lab, worker, store } = await bench();
    const [a] = await lab.call('runs.create', { spec: smallSpec });
    const one = await worker(0);
    one.ready();
    one.train(12);
    expect(await lab.call('runs.stop', { id: a!.id })).toMatchObject({
      status: 'stopped',
      reason: 'stopped',
      checkpointStep: 12,
    });
    expect(await lab.call('runs.resume', { id: a!.id })).toMatchObject({ reason: null, resultHash: null });
    const two = await worker(1);
    expect(new TextDecoder().decode(two.request.resumeFrom!)).toBe('weights 12 seed 1');
    expect(store.readSeries(a!.id)[0]!.steps).toHaveLength(12);
  });

  it('a worker that does not answer is ended after a while', async () => {
    const { lab, worker, trainer } = await bench({ settings: { patience: 30 } });
    trainer.obedient = false;
    const [a] = await lab.call('runs.create', { spec: smallSpec });
    const one = await worker(0);
    one.ready();
    one.train(3);
    expect(await lab.call('runs.pause', { id: a!.id })).toMatchObject({ status: 'running' });
    expect(await lab.call('runs.stop', { id: a!.id })).toMatchObject({ status: 'stopped', step: 3 });
    expect(one.commands).toEqual(['pause', 'stop', 'kill']);
    one.train(10);
    expect((await lab.call('runs.get', { id: a!.id })).step).toBe(3);
  });

  it('a finished run cannot be paused, stopped or resumed', async () => {
    const { lab, worker, reaches } = await bench();
    const [a] = await lab.call('runs.create', { spec: smallSpec });
    (await worker(0)).finish();
    await reaches(a!.id, 'finished');
    for (const call of ['runs.pause', 'runs.stop', 'runs.resume'] as const) {
      await expect(lab.call(call, { id: a!.id })).rejects.toMatchObject({
        code: 'state',
        message: expect.stringContaining(a!.id) as string,
      });
    }
  });
});
