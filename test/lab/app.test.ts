import { describe, expect, it, vi } from 'vitest';
import { joinHandlers, type Handlers } from '../../lab/app.ts';
import { methods, type MethodName } from '../../lab/contract/methods.ts';
import { connectLab, serveLab } from '../../lab/contract/rpc.ts';
import { line } from './contract/ports.ts';
import { bench, smallSpec } from './fakes.ts';
import { jobAnswer } from './preview/answers.ts';

const all = Object.fromEntries(
  Object.keys(methods).map((name) => [name, () => undefined]),
) as unknown as Required<Handlers>;

describe('joining the domains', () => {
  it('refuses a call that two domains answer, one that nobody does, and one that is none', () => {
    expect(Object.keys(joinHandlers({ all })).sort()).toEqual(Object.keys(methods).sort());
    expect(() => joinHandlers({ all, more: { 'queue.get': all['queue.get'] } })).toThrow(
      'The call queue.get is answered by all and by more',
    );
    const { 'runs.get': _get, ...rest } = all;
    expect(() => joinHandlers({ rest })).toThrow('Nobody answers runs.get');
    expect(() => joinHandlers({ all, odd: { 'odd.call': () => 1 } as Handlers })).toThrow(
      /odd\.call, which is no call/,
    );
  });
});

describe('calls', () => {
  it('that do not exist are refused with near names', async () => {
    const { lab } = await bench();
    await expect(lab.call('runs.lst', {})).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('runs.list') as string,
    });
    await expect(lab.call('constructor', {})).rejects.toMatchObject({ code: 'usage' });
    await expect(lab.call('runs.get', { id: 3 } as never)).rejects.toMatchObject({
      code: 'invalid',
      message: 'runs.get: id: expected text, found 3',
    });
  });

  it('answer what the contract says', async () => {
    const { lab, worker, reaches, jobs } = await bench();
    jobs.answer = jobAnswer;
    const inputs: { [N in MethodName]?: unknown } = {};
    const [run] = await lab.call('runs.create', { spec: smallSpec, seeds: [1, 2] });
    const one = await worker(0);
    one.ready();
    one.train(20);
    one.evaluate('validation', 0.91);
    one.finish();
    await reaches(run!.id, 'finished');
    const id = run!.id;
    Object.assign(inputs, {
      'datasets.samples': { id: 'dots', count: 3 },
      'datasets.split': { id: 'dots', validation: 10, trainImages: null, split: 'random', folds: null, seed: 1 },
      'spec.check': { spec: { a: 1 } },
      'models.preview': { spec: smallSpec, images: 8 },
      'models.timing': { spec: smallSpec },
      'models.lrRange': { spec: smallSpec },
      'models.cancelLrRange': { ticket: 'none' },
      'architectures.cancelExport': { ticket: 'none' },
      'transfer.preview': { spec: { ...smallSpec, start: { from: id } } },
      'runs.create': { spec: smallSpec },
      'runs.get': { id },
      'runs.series': { id, maxPoints: 5 },
      'runs.models': { ids: [id] },
      'diagnostics.get': { id },
      'runs.cancelAnalysis': { id },
      'runs.cancelRecalibration': { id },
      'diagnostics.histograms': { id, layer: 'h' },
      'runs.update': { id, starred: true, tags: [' a ', 'a', ''], note: 'n', name: 'x' },
      'compare.get': { arms: [run!.group] },
      'queue.set': { concurrency: 1 },
    });
    // verify.test.ts calls runs.verify, which answers only once its worker has; architectures.library.test.ts calls the library;
    // transfer/*.test.ts call what takes weights that were trained for real
    const later = new Set([
      'models.prepend',
      'runs.fork',
      'runs.verify',
      'runs.analyse',
      'runs.recalibrate',
      'runs.pause',
      'runs.resume',
      'runs.stop',
      'runs.delete',
      'runs.restore',
    ]);
    for (const name of Object.keys(methods) as MethodName[]) {
      if (later.has(name) || /^(architectures|files)\./.test(name)) continue;
      const answer = await lab.call(name as string, inputs[name] ?? {});
      expect(methods[name].output.parse(answer), name).toEqual(answer);
      // and survives the wire
      expect(JSON.parse(JSON.stringify(answer)), name).toEqual(answer);
    }
    expect((await lab.call('runs.get', { id })).tags).toEqual(['a']);
    for (const [name, input] of [
      ['runs.pause', { id: (await lab.call('queue.get', {})).running[0]! }],
      ['runs.resume', { id: (await lab.call('runs.list', { status: ['paused', 'running'] })).runs[0]!.id }],
      ['runs.stop', { id: (await lab.call('runs.list', { status: ['queued', 'running'] })).runs[0]!.id }],
      ['runs.delete', { ids: [id] }],
      ['runs.restore', { ids: [id] }],
    ] as const) {
      const answer = await lab.call(name as string, input);
      expect(methods[name].output.parse(answer), name).toEqual(answer);
    }
  });

  it('work through a line as they do in the process', async () => {
    const { lab, worker } = await bench();
    const [here, there] = line();
    serveLab(lab, there);
    const client = connectLab(here);
    const heard: string[] = [];
    client.on(({ name }) => heard.push(name));
    const [run] = await client.call('runs.create', { spec: smallSpec });
    expect(await client.call('runs.get', { id: run!.id.slice(0, 6) })).toMatchObject({ id: run!.id });
    await worker(0);
    // what is told crosses the line later than what happened
    await vi.waitFor(() => expect(heard).toEqual(expect.arrayContaining(['run.changed', 'queue.changed'])), 15_000);
    await expect(client.call('runs.create', { spec: { ...smallSpec, seed: -1 } })).rejects.toMatchObject({
      code: 'spec',
      faults: [{ message: 'seed: expected at least 0, found -1' }],
    });
    // no id has an o: one in 32 begins with r0
    await expect(client.call('runs.get', { id: 'ro' })).rejects.toMatchObject({ code: 'notFound' });
  });

  it('tell of data sets by name and place', async () => {
    const { lab } = await bench();
    await expect(lab.call('datasets.samples', { id: 'dost' })).rejects.toMatchObject({
      code: 'notFound',
      message: 'There is no data set "dost". Did you mean dots?',
    });
    await expect(lab.call('datasets.samples', { id: 'dots', offset: 1000 })).rejects.toMatchObject({ code: 'invalid' });
    const samples = await lab.call('datasets.samples', { id: 'dots', offset: 999, count: 5 });
    expect(samples.labels).toHaveLength(1);
    expect(Buffer.from(samples.pixels, 'base64')).toEqual(
      Buffer.from(Array.from({ length: 16 }, (_, i) => (999 * 16 + i) % 256)),
    );
  });

  it('count the images of each class in the parts of a split', async () => {
    const { lab } = await bench();
    const settings = {
      id: 'dots',
      validation: 100,
      trainImages: 30,
      split: 'stratified',
      folds: null,
      seed: 4,
    } as const;
    // 334 of 1000 images are of the second class, 34 of 100 test images
    expect(await lab.call('datasets.split', settings)).toEqual({
      train: [20, 10],
      validation: [67, 33],
      test: [66, 34],
    });
    const fold = { ...settings, trainImages: null, folds: { count: 4, fold: 4 } };
    expect(await lab.call('datasets.split', fold)).toEqual({
      train: [500, 250],
      validation: [166, 84],
      test: [66, 34],
    });
    await expect(lab.call('datasets.split', { ...settings, id: 'dost' })).rejects.toMatchObject({ code: 'notFound' });
    await expect(lab.call('datasets.split', { ...settings, validation: 1000 })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('data.validation: 1000 of the 1000 images') as string,
    });
  });

  it('show images of the test file, which has an end of its own', async () => {
    const { lab } = await bench();
    const samples = await lab.call('datasets.samples', { id: 'dots', split: 'test', offset: 98, count: 50 });
    expect(samples.labels).toEqual([1, 1]);
    await expect(lab.call('datasets.samples', { id: 'dots', split: 'test', offset: 100 })).rejects.toMatchObject({
      code: 'invalid',
      message: 'datasets.samples: offset: dots has 100 test images, so none begins at 100.',
    });
    await expect(lab.call('datasets.samples', { id: 'dots', split: 'validation' })).rejects.toMatchObject({
      code: 'invalid',
    });
  });
});

describe('finding runs', () => {
  it('by a unique beginning; else says which there are', async () => {
    const { lab } = await bench();
    const runs = await lab.call('runs.create', { spec: smallSpec, seeds: [1, 2, 3] });
    await expect(lab.call('runs.get', { id: 'r' })).rejects.toMatchObject({
      code: 'ambiguous',
      message: expect.stringContaining(runs.map(({ id }) => id).sort()[0]!) as string,
    });
    expect((await lab.call('runs.get', { id: runs[1]!.id.toUpperCase() })).seed).toBe(2);
    expect((await lab.call('runs.list', { search: 'dots' })).total).toBe(3);
  });
});

describe('deleting', () => {
  it('stops what runs, can be undone, and is final at the next start', async () => {
    const it = await bench();
    const runs = await it.lab.call('runs.create', { spec: smallSpec, seeds: [1, 2, 3] });
    const ids = runs.map(({ id }) => id);
    const one = await it.worker(0);
    one.ready();
    one.train(3);
    expect(await it.lab.call('runs.delete', { ids: [ids[0]!, ids[1]!] })).toEqual({ deleted: [ids[0], ids[1]] });
    expect(one.commands).toEqual(['stop']);
    expect((await it.lab.call('runs.list', {})).total).toBe(1);
    expect((await it.worker(1)).request.spec.seed).toBe(3);
    expect(it.events).toContainEqual({ name: 'run.deleted', data: { ids: [ids[0], ids[1]] } });
    expect(await it.lab.call('runs.restore', { ids: [ids[0]!, ids[1]!] })).toEqual({ restored: [ids[0], ids[1]] });
    expect((await it.lab.call('runs.get', { id: ids[0]! })).status).toBe('stopped');
    await expect(it.lab.call('runs.restore', { ids: [ids[0]!] })).rejects.toMatchObject({ code: 'notFound' });
    await it.lab.call('runs.delete', { ids: [ids[0]!] });
    expect([...it.files.files.keys()]).toContain(`${ids[0]}-last-3.safetensors`);
    const next = await it.crash();
    await expect(next.lab.call('runs.restore', { ids: [ids[0]!] })).rejects.toMatchObject({ code: 'notFound' });
    expect([...next.files.files.keys()]).not.toContain(`${ids[0]}-last-3.safetensors`);
  });
});
