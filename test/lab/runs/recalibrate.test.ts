import { expect, it } from 'vitest';
import { LabError } from '../../../lab/contract/errors.ts';
import { recalibrationSchema } from '../../../lab/contract/recalibrationRecords.ts';
import { bench, smallSpec, type Bench } from '../fakes.ts';

const split = (accuracy: number): object => ({ loss: 0.5, accuracy, images: 100 });
const found = {
  before: { train: split(0.9), test: split(0.7) },
  after: { train: split(0.91), test: split(0.85) },
  batches: 7,
  images: 350,
  layers: [{ node: 'norm', gap: 3.2 }],
};

async function finished(it: Bench): Promise<string> {
  const [run] = await it.lab.call('runs.create', { spec: smallSpec, seeds: [5] });
  const worker = await it.worker(0);
  worker.ready();
  worker.train(20);
  await worker.checkpoint('last');
  worker.finish();
  await it.reaches(run!.id, 'finished');
  return run!.id;
}

it('asks for the statistics of the last checkpoint, and notes what came of it beside the run, which stays as it is', async () => {
  const it = await bench();
  const id = await finished(it);
  it.jobs.answer = (_name, _options, { progress }) => {
    progress!(0.5, null);
    return found;
  };
  const before = await it.lab.call('runs.get', { id });
  const answer = await it.lab.call('runs.recalibrate', { id: id.slice(0, 5), batches: 7 });
  expect(recalibrationSchema.parse(answer)).toEqual({ run: id, ...found });
  const { name, request, options } = it.jobs.asked.at(-1)!;
  expect({ name, options }).toEqual({ name: 'recalibrate', options: { batches: 7 } });
  expect(request!.spec.seed).toBe(5);
  expect(it.events).toContainEqual({ name: 'job.progress', data: { job: 'recalibrate', done: 0.5, run: id } });
  expect(request!.checkpoint).toBeInstanceOf(Uint8Array);
  const { events, ...after } = await it.lab.call('runs.get', { id });
  const { events: earlier, ...same } = before;
  expect(after).toEqual(same);
  expect(events.slice(earlier.length)).toEqual([
    expect.objectContaining({
      kind: 'recalibrated',
      text: expect.stringContaining('over 350 images: test accuracy 70.00 % before, 85.00 % after') as string,
    }),
  ]);
});

it('is cancelled by its call, by another one of the same run, and leaves no event behind', async () => {
  const it = await bench();
  const id = await finished(it);
  it.jobs.answer = (_name, _options, { signal }) =>
    new Promise((_resolve, reject) => {
      signal!.addEventListener('abort', () => reject(new LabError('interrupted', 'The job was cancelled.')));
    });
  const cancel = (): Promise<unknown> => it.lab.call('runs.cancelRecalibration', { id });
  const ends = (call: Promise<unknown>): Promise<void> => expect(call).rejects.toMatchObject({ code: 'interrupted' });
  expect(await cancel()).toEqual({ cancelled: false });
  const first = ends(it.lab.call('runs.recalibrate', { id }));
  await it.until(() => it.jobs.asked.length === 1);
  const second = ends(it.lab.call('runs.recalibrate', { id }));
  await first;
  await it.until(() => it.jobs.asked.length === 2);
  expect(await cancel()).toEqual({ cancelled: true });
  await second;
  expect(await cancel()).toEqual({ cancelled: false });
  expect((await it.lab.call('runs.get', { id })).events.map(({ kind }) => kind)).not.toContain('recalibrated');
});

it('refuses runs that are under way, have no checkpoint, or no batch norm', async () => {
  const it = await bench();
  const [run] = await it.lab.call('runs.create', { spec: smallSpec });
  const worker = await it.worker(0);
  worker.ready();
  await it.reaches(run!.id, 'running');
  const recalibrate = (): Promise<unknown> => it.lab.call('runs.recalibrate', { id: run!.id });
  await expect(recalibrate()).rejects.toMatchObject({
    code: 'state',
    message: expect.stringContaining('is running') as string,
  });
  worker.train(20);
  worker.finish();
  await it.reaches(run!.id, 'finished');
  await expect(recalibrate()).rejects.toMatchObject({
    code: 'state',
    message: expect.stringContaining('no checkpoint') as string,
  });
  expect(it.jobs.asked).toEqual([]);
  const other = await bench();
  const id = await finished(other);
  other.jobs.answer = () => ({ ...found, layers: [] });
  await expect(other.lab.call('runs.recalibrate', { id })).rejects.toMatchObject({
    code: 'state',
    message: expect.stringContaining('no batch norm with running statistics') as string,
  });
  expect((await other.lab.call('runs.get', { id })).events.map(({ kind }) => kind)).not.toContain('recalibrated');
});
