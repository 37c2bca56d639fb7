import { describe, expect, it } from 'vitest';
import type { LabError } from '../../../lab/contract/errors.ts';
import type { Store } from '../../../lab/ports.ts';
import { bench, FullDisk, smallSpec, type Bench } from '../fakes.ts';

/** A lab with a run that has trained 30 steps, with a checkpoint at 20 and its best at 10. */
async function trained(options: Parameters<typeof bench>[0] = {}): Promise<Bench & { id: string }> {
  const it = await bench(options);
  const [run] = await it.lab.call('runs.create', { spec: smallSpec });
  const worker = await it.worker(0);
  worker.ready();
  worker.train(10);
  worker.evaluate('validation', 0.9);
  await worker.checkpoint('best');
  worker.train(10);
  worker.evaluate('validation', 0.6);
  await worker.checkpoint();
  await it.until(() => it.store.getRun(run!.id)?.checkpointStep === 20);
  worker.train(10);
  worker.evaluate('validation', 0.95);
  await it.until(() => it.store.getRun(run!.id)?.metrics.validationAccuracy === 0.95);
  return { ...it, id: run!.id };
}

describe('a run that evaluates for long', () => {
  it('tells how far it is with the time that is left, and once when that is over, however it ends', async () => {
    const { id, store, worker, events, idle, reaches } = await trained();
    const one = await worker(0);
    const told = () => events.flatMap((event) => (event.name === 'run.evaluating' ? [event.data] : []));
    expect(told()).toEqual([]);
    const of = { split: 'validation', images: 500 };
    one.say({ kind: 'evaluating', split: 'validation', step: 30, done: 0, images: 500, seconds: 0 });
    expect(told()).toEqual([{ id, evaluation: { ...of, done: 0, secondsLeft: null } }]);
    one.say({ kind: 'evaluating', split: 'validation', step: 30, done: 100, images: 500, seconds: 2 });
    one.say({ kind: 'evaluating', split: 'validation', step: 30, done: 400, images: 500, seconds: 10 });
    const halfway = [
      { id, evaluation: { ...of, done: 0, secondsLeft: null } },
      { id, evaluation: { ...of, done: 100, secondsLeft: 8 } },
      { id, evaluation: { ...of, done: 400, secondsLeft: 2.5 } },
    ];
    expect(told()).toEqual(halfway);
    one.evaluate('validation', 0.9);
    one.evaluate('validation', 0.9);
    expect(told()).toEqual([...halfway, { id, evaluation: null }]);
    // it is nothing that the history keeps
    const before = store.getRun(id)!;
    one.say({ kind: 'evaluating', split: 'test', step: 30, done: 100, images: 500, seconds: 2 });
    await idle();
    expect(store.getRun(id)!.step).toBe(before.step);
    one.fail('unexpected', 'The device was lost.');
    await reaches(id, 'failed');
    expect(told().slice(-2)).toEqual([
      { id, evaluation: { split: 'test', images: 500, done: 100, secondsLeft: 8 } },
      { id, evaluation: null },
    ]);
  });
});

describe('a run that goes on on the CPU because its GPU was lost', () => {
  it('takes back what comes once more, in the store and in the open pages', async () => {
    const { id, store, worker, events, until } = await trained();
    const one = await worker(0);
    // what is not stored yet is told first, so that it is taken back as well
    one.train(3);
    one.step = 20;
    one.ready();
    const truncated = { name: 'run.series', data: { id, truncatedTo: 20, series: [] } };
    expect(events.at(-1)).toEqual(truncated);
    expect(store.readSeries(id)[0]!.steps.at(-1)).toBe(20);
    one.train(15);
    await until(() => store.getRun(id)?.step === 35);
    // as a page that was open all the time has it
    const steps: number[] = [];
    for (const event of events) {
      if (event.name !== 'run.series') continue;
      const { truncatedTo, series } = event.data;
      while (truncatedTo !== undefined && steps.length > 0 && steps.at(-1)! > truncatedTo) steps.pop();
      steps.push(...(series.find(({ name }) => name === 'train.loss')?.steps ?? []));
    }
    expect(steps).toEqual(Array.from({ length: 35 }, (_, i) => i + 1));
    expect(store.readSeries(id)[0]!.steps).toEqual(steps);
  });
});

describe('after a crash', () => {
  it('a running run is interrupted, and goes on from its last checkpoint with the curves cut there', async () => {
    const before = await trained();
    const { lab, store, worker, events, reaches } = await before.crash();
    const run = store.getRun(before.id)!;
    expect(run).toMatchObject({ status: 'interrupted', step: 30, checkpointStep: 20 });
    expect(run.events.at(-1)).toMatchObject({
      kind: 'interrupted',
      text: expect.stringContaining('from step 20') as string,
    });
    await lab.call('runs.resume', { id: before.id });
    const two = await worker(0);
    expect(new TextDecoder().decode(two.request.resumeFrom!)).toBe('weights 20 seed 1');
    expect(store.readSeries(before.id)[0]!.steps.at(-1)).toBe(20);
    expect(events).toContainEqual({ name: 'run.series', data: { id: before.id, truncatedTo: 20, series: [] } });
    expect(store.getRun(before.id)!.metrics).toMatchObject({ validationAccuracy: 0.6, bestValidationAccuracy: 0.9 });
    two.ready();
    two.train(5);
    two.finish();
    const done = await reaches(before.id, 'finished');
    expect(done.step).toBe(25);
    expect(store.readSeries(before.id)[0]!.steps).toEqual(Array.from({ length: 25 }, (_, i) => i + 1));
    expect(done.startedAt).toBe(run.startedAt);
  });

  it('a checkpoint that was written but never recorded is swept away, the recorded ones stay', async () => {
    const before = await trained();
    const recorded = [...before.files.files.keys()];
    await before.files.write(`${before.id}-last-29.safetensors`, new Uint8Array(3));
    const { files } = await before.crash();
    expect(recorded.length).toBeGreaterThan(0);
    expect([...files.files.keys()]).toEqual(recorded);
  });

  it('a run without a checkpoint begins anew', async () => {
    const before = await bench();
    const [run] = await before.lab.call('runs.create', { spec: smallSpec });
    (await before.worker(0)).ready();
    (await before.worker(0)).train(5);
    await before.until(() => before.store.getRun(run!.id)?.step === 5);
    const { lab, store, worker } = await before.crash();
    expect(store.getRun(run!.id)!.events.at(-1)!.text).toContain('from the start');
    await lab.call('runs.resume', { id: run!.id });
    expect((await worker(0)).request.resumeFrom).toBeNull();
    expect(store.readSeries(run!.id)).toEqual([]);
    expect(store.getRun(run!.id)).toMatchObject({ step: 0, metrics: { trainLoss: null } });
  });

  it('queued runs keep their order and start again, or wait to be asked for', async () => {
    const before = await bench();
    const runs = await before.lab.call('runs.create', { spec: smallSpec, seeds: [1, 2, 3] });
    await before.worker(0);
    await before.idle();
    const held = await before.crash({ autoStart: false });
    expect((await held.lab.call('queue.get', {})).queued).toEqual([runs[1]!.id, runs[2]!.id]);
    await held.idle();
    expect(held.trainer.workers).toHaveLength(0);
    await held.lab.call('runs.create', { spec: smallSpec, seeds: [9] });
    expect((await held.worker(0)).request.spec.seed).toBe(9);
    await held.lab.call('runs.resume', { id: runs[2]!.id });
    (await held.worker(0)).finish();
    expect((await held.worker(1)).request.spec.seed).toBe(3);
    const again = await held.crash({ autoStart: true });
    expect((await again.worker(0)).request.spec.seed).toBe(2);
  });

  it('a change of engine is noted', async () => {
    const before = await trained();
    const { lab, store, worker } = await before.crash({ engineVersion: '9.0.0' });
    await lab.call('runs.resume', { id: before.id });
    await worker(0);
    expect(store.getRun(before.id)!.events.find(({ kind }) => kind === 'engine')?.text).toMatch(/1\.2\.3.*9\.0\.0/);
  });
});

describe('closing the lab', () => {
  it('writes checkpoints and calls the runs interrupted; queued ones stay queued', async () => {
    const it = await trained();
    const [other] = await it.lab.call('runs.create', { spec: smallSpec, seeds: [5] });
    await it.lab.close();
    expect(it.store.getRun(it.id)).toMatchObject({
      status: 'interrupted',
      checkpointStep: 30,
      step: 30,
      resultHash: null,
    });
    expect(it.store.getRun(other!.id)).toMatchObject({ status: 'queued' });
    await expect(it.lab.call('queue.get', {})).rejects.toMatchObject({ code: 'closed' });
    await it.lab.close();
  });
});

describe('checkpoints', () => {
  it('replace one another only once the new one is recorded', async () => {
    const it = await trained();
    const worker = await it.worker(0);
    await worker.checkpoint();
    await it.until(() => it.files.log.length === 4);
    expect(it.files.log).toEqual([
      `write ${it.id}-best-10.safetensors`,
      `write ${it.id}-last-20.safetensors`,
      `write ${it.id}-last-30.safetensors`,
      `remove ${it.id}-last-20.safetensors`,
    ]);
  });

  it('that are damaged are refused by name, and nothing else is used without being asked for', async () => {
    const before = await trained();
    before.files.files.set(`${before.id}-last-20.safetensors`, new Uint8Array([1, 2, 3]));
    const { lab, store, worker, files } = await before.crash();
    const error = await lab.call('runs.resume', { id: before.id }).then(
      () => null,
      (reason: unknown) => reason as LabError,
    );
    expect(error).toMatchObject({ code: 'checkpoint' });
    expect(error!.message).toContain(`${before.id}-last-20.safetensors`);
    expect(error!.message).toMatch(/damaged.*best one \(step 10\) or from the start/);
    expect(store.getRun(before.id)).toMatchObject({ status: 'interrupted', step: 30 });
    await lab.call('runs.resume', { id: before.id, from: 'best' });
    expect(new TextDecoder().decode((await worker(0)).request.resumeFrom!)).toBe('weights 10 seed 1');
    expect(store.readSeries(before.id)[0]!.steps.at(-1)).toBe(10);
    expect(files.log.at(-1)).toBe(`remove ${before.id}-last-20.safetensors`);
  });

  it('that are missing are named; from the start works without any', async () => {
    const before = await trained();
    before.files.files.clear();
    const { lab, worker, store } = await before.crash();
    await expect(lab.call('runs.resume', { id: before.id })).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringContaining('missing') as string,
    });
    await expect(lab.call('runs.resume', { id: before.id, from: 'best' })).rejects.toMatchObject({
      code: 'checkpoint',
    });
    await lab.call('runs.resume', { id: before.id, from: 'start' });
    expect((await worker(0)).request.resumeFrom).toBeNull();
    expect(store.getRun(before.id)).toMatchObject({ step: 0, checkpointStep: null, sparkline: [] });
    expect(store.getCheckpoint(before.id, 'best')).toBeNull();
  });

  it('of the best weights are not written faster than they may be, and none is lost', async () => {
    const it = await bench({ settings: { bestEvery: 1e9 } });
    const [run] = await it.lab.call('runs.create', { spec: smallSpec });
    const worker = await it.worker(0);
    for (let i = 0; i < 5; i++) {
      worker.train(1);
      await worker.checkpoint('best');
      await it.until(() => it.files.log.length > 0);
      await it.idle();
    }
    expect(it.files.log).toEqual([`write ${run!.id}-best-1.safetensors`]);
    await worker.checkpoint();
    await it.until(() => it.files.log.length === 4);
    expect(it.files.log.slice(1)).toEqual([
      `write ${run!.id}-best-5.safetensors`,
      `remove ${run!.id}-best-1.safetensors`,
      `write ${run!.id}-last-5.safetensors`,
    ]);
  });
});

describe('a full disk', () => {
  it('under a checkpoint pauses the run, says so, and lets it go on by itself when there is room', async () => {
    const it = await trained({ settings: { retryEvery: 20 } });
    const worker = await it.worker(0);
    it.files.full = true;
    worker.train(5);
    await worker.checkpoint();
    const paused = await it.reaches(it.id, 'paused');
    expect(paused.error).toMatchObject({ code: 'disk' });
    expect(paused.events.at(-1)).toMatchObject({ kind: 'disk', text: expect.stringContaining('full') as string });
    expect(paused.checkpointStep).toBe(20);
    await expect(it.lab.call('runs.resume', { id: it.id })).rejects.toMatchObject({ code: 'disk' });
    it.files.full = false;
    const running = await it.reaches(it.id, 'running');
    expect(running).toMatchObject({ error: null, checkpointStep: 35 });
    expect(worker.commands).toEqual(['pause', 'resume']);
  });

  it('does not override a user who pauses or stops', async () => {
    const it = await trained({ settings: { retryEvery: 20 } });
    const worker = await it.worker(0);
    it.files.full = true;
    worker.train(5);
    await worker.checkpoint();
    await it.reaches(it.id, 'paused');
    await it.lab.call('runs.pause', { id: it.id });
    it.files.full = false;
    await it.until(() => it.store.getRun(it.id)?.error === null);
    await it.idle();
    expect(it.store.getRun(it.id)).toMatchObject({ status: 'paused', error: null });
    await it.lab.call('runs.resume', { id: it.id });
    expect(it.store.getRun(it.id)).toMatchObject({ status: 'running' });
    it.files.full = true;
    worker.train(5);
    expect(await it.lab.call('runs.stop', { id: it.id })).toMatchObject({ status: 'stopped', checkpointStep: 35 });
    expect(
      it.store
        .getRun(it.id)!
        .events.map(({ kind }) => kind)
        .slice(-2),
    ).toEqual(['disk', 'stopped']);
  });

  it('at the end of a run records it once there is room, and holds the next one back', async () => {
    const disk = new FullDisk();
    const wrapStore = (store: Store): Store => ({
      ...store,
      transaction: (body) => disk.fails(() => store.transaction(body)),
      updateRun: (id, patch) => disk.fails(() => store.updateRun(id, patch)),
      setSetting: (key, value) => disk.fails(() => store.setSetting(key, value)),
    });
    const it = await trained({ wrapStore, settings: { retryEvery: 20 } });
    const [next] = await it.lab.call('runs.create', { spec: smallSpec, seeds: [2] });
    disk.full = true;
    (await it.worker(0)).finish();
    await it.until(
      () =>
        it.trainer.workers.length === 1 &&
        it.events.some((e) => e.name === 'run.changed' && e.data.run.status === 'finished'),
    );
    await it.idle();
    expect(it.store.getRun(it.id)!.status).toBe('running');
    disk.full = false;
    expect(await it.reaches(it.id, 'finished')).toMatchObject({ resultHash: 'result of 30', step: 30 });
    if (it.store.getRun(next!.id)!.status === 'queued') await it.lab.call('runs.resume', { id: next!.id });
    expect((await it.worker(1)).request.spec.seed).toBe(2);
    disk.full = true;
    (await it.worker(1)).finish();
    await it.idle();
    await it.lab.close();
    disk.full = false;
    expect((await it.crash()).store.getRun(next!.id)!.status).toBe('interrupted');
  });

  it('under the history keeps what was measured and stores it later', async () => {
    const disk = new FullDisk();
    const wrapStore = (store: Store): Store => ({
      ...store,
      transaction: (body) => disk.fails(() => store.transaction(body)),
    });
    const it = await trained({ wrapStore, settings: { retryEvery: 20 } });
    const worker = await it.worker(0);
    disk.full = true;
    worker.train(5);
    await it.idle();
    await it.until(() => worker.commands.length > 0);
    expect(worker.commands).toEqual(['pause']);
    const paused = (): boolean =>
      it.events.some((event) => event.name === 'run.changed' && event.data.run.status === 'paused');
    await it.until(paused);
    const told = it.events.filter((event) => event.name === 'run.changed').at(-1);
    expect(told?.data.run).toMatchObject({ status: 'paused', error: { code: 'disk' } });
    disk.full = false;
    await it.until(() => it.store.getRun(it.id)?.status === 'running' && it.store.getRun(it.id)?.step === 35);
    expect(it.store.getRun(it.id)).toMatchObject({ status: 'running', step: 35, error: null });
    expect(it.store.readSeries(it.id)[0]!.steps).toHaveLength(35);
  });
});
