import { describe, expect, it } from 'vitest';
import { initialValues } from '../../engine/layers/initialize.ts';
import { encodeCheckpoint } from '../../engine/train/checkpoint.ts';
import { decodeSafetensors } from '../../engine/train/safetensors.ts';
import { LabError } from '../../lab/contract/errors.ts';
import { methods, type MethodName, type MethodOutput } from '../../lab/contract/methods.ts';
import { exportFormats } from '../../lab/contract/architectureRecords.ts';
import { importModel } from '../../lab/imports/index.ts';
import { modelSchema } from '../../lab/imports/model.ts';
import type { Store } from '../../lab/ports.ts';
import { checkSpec } from '../../lab/spec/check.ts';
import { bench, FullDisk, smallSpec, type Bench } from './fakes.ts';

const model = modelSchema.parse(smallSpec.model);
const wider = modelSchema.parse({
  nodes: [
    ...smallSpec.model.nodes.slice(0, 2),
    { id: 'h', layer: 'dense', props: { units: 5 } },
    ...smallSpec.model.nodes.slice(2),
  ],
});

/** Calls as shells do, with the output checked. */
const caller =
  ({ lab }: Bench) =>
  async <N extends MethodName>(name: N, input: unknown): Promise<MethodOutput<N>> =>
    methods[name].output.parse(await lab.call(name as string, input)) as MethodOutput<N>;
const text = (content: string): string => Buffer.from(content, 'base64').toString();

it('a history that cannot be written leaves no weights behind, and the next save works', async () => {
  const disk = new FullDisk();
  const wrapStore = (store: Store): Store => ({
    ...store,
    insertArchitecture: (architecture) => disk.fails(() => store.insertArchitecture(architecture)),
    addArchitectureVersion: (id, version) => disk.fails(() => store.addArchitectureVersion(id, version)),
  });
  const b = await bench({ wrapStore });
  const call = caller(b);
  await call('architectures.save', { name: 'Drawn', model, dataset: 'dots' });
  const exported = await call('architectures.export', { of: 'Drawn', format: 'onnx' });
  const content = { file: 'net.onnx', content: { base64: exported.content }, name: 'Net' };
  for (const version of [1, 2]) {
    disk.full = true;
    const before = [...b.files.files.keys()];
    await expect(call('architectures.import', content)).rejects.toMatchObject({ code: 'disk' });
    expect([...b.files.files.keys()]).toEqual(before);
    disk.full = false;
    expect((await call('architectures.import', content)).architecture.latest.version).toBe(version);
  }
});

describe('saved architectures', () => {
  it('of one name at the same moment become versions, each with its own weights', async () => {
    const b = await bench();
    const call = caller(b);
    const drawn = async (seed: number): Promise<string> => {
      const of = { spec: { ...smallSpec, seed } };
      return (await call('architectures.export', { of, format: 'onnx' })).content;
    };
    const contents = await Promise.all([1, 2, 3].map(drawn));
    const together = (names: readonly (string | undefined)[]) =>
      Promise.all(
        contents.map((base64, i) =>
          call('architectures.import', { file: 'net.onnx', content: { base64 }, name: names[i] }),
        ),
      );
    const weightsOf = ({ architecture: { latest } }: MethodOutput<'architectures.import'>): number[] => [
      ...decodeSafetensors(b.files.files.get(latest.weights!.file)!).tensors[0]!.values,
    ];
    const own = contents.map((content) => [
      ...importModel(new Uint8Array(Buffer.from(content, 'base64')), 'net.onnx').weights!.find(
        ({ name }) => name === 'd.weight',
      )!.values,
    ]);

    // the name is new, then it is there
    for (const versions of [
      [1, 2, 3],
      [4, 5, 6],
    ]) {
      const saved = await together(['Net', 'net', 'Net ']);
      expect(saved.map(({ architecture: { latest } }) => latest.version)).toEqual(versions);
      expect(new Set(saved.map(({ architecture: { id } }) => id)).size).toBe(1);
      expect(saved.map(weightsOf)).toEqual(own);
    }
    // without a name, each gets a free one
    const named = await together([]);
    expect(named.map(({ architecture: { name } }) => name)).toEqual(['dots', 'dots 2', 'dots 3']);
    expect(named.map(weightsOf)).toEqual(own);
  });

  it('are saved one after the other also where one in between fails, or the name goes meanwhile', async () => {
    const b = await bench();
    const call = caller(b);
    const { content } = await call('architectures.export', { of: { spec: { ...smallSpec } }, format: 'onnx' });
    const file = { file: 'net.onnx', content: { base64: content }, name: 'Net' };
    const { architecture: first } = await call('architectures.import', file);
    b.files.full = true;
    const failing = call('architectures.import', file);
    const further = call('architectures.save', { name: 'Net', model: wider, dataset: 'dots' });
    const gone = call('architectures.delete', { ids: [first.id] });
    const anew = call('architectures.save', { name: 'Net', model, dataset: 'dots' });
    await expect(failing).rejects.toMatchObject({ code: 'disk' });
    expect(await further).toMatchObject({ id: first.id, latest: { version: 2 } });
    expect(await gone).toEqual({ deleted: [first.id] });
    const { id, latest } = await anew;
    expect(id).not.toBe(first.id);
    expect(latest.version).toBe(1);
  });

  it('keep every version, and make none for what was saved already', async () => {
    const b = await bench();
    const call = caller(b);
    const first = await call('architectures.save', {
      name: ' Net ',
      model,
      dataset: 'dots',
      tags: ['a', ' a ', ''],
    });
    expect(first).toMatchObject({
      name: 'Net',
      tags: ['a'],
      latest: { version: 1, parameters: 34, macsPerImage: 32, source: 'drawn' },
    });
    expect((await call('architectures.save', { name: 'net', model, dataset: 'dots' })).latest.version).toBe(1);
    const second = await call('architectures.save', {
      name: 'NET',
      model: wider,
      dataset: 'dots',
      note: 'wider',
    });
    expect([second.id, second.name, second.latest.version]).toEqual([first.id, 'Net', 2]);
    const all = await call('architectures.get', { id: 'net' });
    expect(all.versions.map(({ note }: { note: string }) => note)).toEqual(['wider', '']);
    expect(all.versions[1]!.model).toEqual(model);
    expect(b.events.filter(({ name }) => name === 'architectures.changed')).toHaveLength(3);
  });

  it('are found by words and tags, renamed, deleted and restored', async () => {
    const b = await bench();
    const call = caller(b);
    const one = await call('architectures.save', {
      name: 'Deep one',
      model,
      dataset: 'dots',
      tags: ['paper'],
    });
    const two = await call('architectures.save', {
      name: 'Wide two',
      model: wider,
      dataset: 'dots',
      description: 'for Dots',
    });
    const names = async (filter: object): Promise<string[]> =>
      (await call('architectures.list', filter)).map(({ name }) => name);
    expect(await names({})).toEqual(['Wide two', 'Deep one']);
    expect(await names({ search: 'dots wide' })).toEqual(['Wide two']);
    expect(await names({ tag: 'paper' })).toEqual(['Deep one']);
    await expect(call('architectures.update', { id: one.id, name: 'WIDE TWO' })).rejects.toThrow(
      /There is an architecture "WIDE TWO" already/,
    );
    await call('architectures.update', { id: one.id, name: 'Deeper' });
    await call('architectures.delete', { ids: ['deeper'] });
    expect(await names({})).toEqual(['Wide two']);
    await call('architectures.update', { id: two.id, name: 'Deeper' });
    await expect(call('architectures.restore', { ids: [one.id] })).rejects.toThrow(/already/);
    await call('architectures.update', { id: two.id, name: 'Wide two' });
    await call('architectures.restore', { ids: [one.id] });
    expect((await names({})).sort()).toEqual(['Deeper', 'Wide two']);
    await expect(call('architectures.get', { id: 'Depper' })).rejects.toThrow(/Did you mean Deeper/);
  });

  it('that were deleted go for good with the next start, weights along', async () => {
    const b = await bench();
    const call = caller(b);
    const spec = { ...smallSpec };
    const { content } = await call('architectures.export', { of: { spec }, format: 'onnx' });
    const { architecture } = await call('architectures.import', {
      file: 'net.onnx',
      content: { base64: content },
    });
    expect(architecture).toMatchObject({ name: 'dots', latest: { source: 'net.onnx', dataset: 'dots' } });
    const { file } = architecture.latest.weights!;
    expect(decodeSafetensors(b.files.files.get(file)!).tensors.map(({ name }) => name)).toEqual(['d.weight', 'd.bias']);
    await call('architectures.delete', { ids: [architecture.id] });
    expect(b.files.files.has(file)).toBe(true);
    const after = await b.crash();
    expect(after.files.files.has(file)).toBe(false);
    await expect(after.lab.call('architectures.restore', { ids: [architecture.id] })).rejects.toThrow(/gone/);
  });
});

describe('exports of the lab', () => {
  it('tell under their ticket how far a whitening is, and end when it is cancelled', async () => {
    const b = await bench();
    const whitened = { ...smallSpec, data: { ...smallSpec.data, preprocessing: 'zcaWhitening' as const } };
    const call = { of: { spec: whitened }, format: 'onnx' as const };
    b.jobs.answer = (_name, _options, { signal, progress }) => {
      progress!(0.25, 'whitening');
      return new Promise((_resolve, reject) => {
        signal!.addEventListener('abort', () => reject(new LabError('interrupted', 'The job was cancelled.')));
      });
    };
    const ended = expect(b.lab.call('architectures.export', { ...call, ticket: 'mine' })).rejects.toMatchObject({
      code: 'interrupted',
    });
    const told = { name: 'job.progress', data: { job: 'export', done: 0.25, ticket: 'mine' } };
    await expect.poll(() => b.events.filter(({ name }) => name === 'job.progress')).toEqual([told]);
    expect(b.jobs.asked.map(({ name }) => name)).toEqual(['fit']);
    const cancel = (ticket: string): Promise<unknown> => b.lab.call('architectures.cancelExport', { ticket });
    expect(await cancel('another')).toEqual({ cancelled: false });
    expect(await cancel('mine')).toEqual({ cancelled: true });
    await ended;
    expect(await cancel('mine')).toEqual({ cancelled: false });
    // an export that fits nothing asks no job
    b.jobs.asked.length = 0;
    await b.lab.call('architectures.export', { of: { spec: smallSpec }, format: 'onnx', ticket: 'mine' });
    expect(b.jobs.asked).toEqual([]);
  });

  it('write every format of a template, of a saved version and of a bench', async () => {
    const b = await bench();
    b.datasets.records.push({
      ...b.datasets.records[0]!,
      id: 'mnist',
      imageShape: [1, 28, 28],
      classes: [...'0123456789'],
      trainImages: 60_000,
    });
    const call = caller(b);
    await call('architectures.save', { name: 'Net', model, dataset: 'dots' });
    await call('architectures.save', { name: 'Net', model: wider, dataset: 'dots' });
    for (const of of ['template:mlp-sigmoid', 'Net@1', { spec: smallSpec }]) {
      for (const format of exportFormats) {
        const { file, content } = await call('architectures.export', { of, format });
        expect(file).toMatch(/\.(json|onnx|py|safetensors|svg)$/);
        expect(content.length).toBeGreaterThan(100);
      }
    }
    const exported = (of: string) => call('architectures.export', { of, format: 'json' });
    expect(JSON.parse(text((await exported('Net@1')).content)).model).toEqual(model);
    expect(JSON.parse(text((await exported('architecture:net')).content)).model).toEqual(wider);
    await expect(exported('Net@9')).rejects.toThrow(/versions 1 to 2, but no version 9/);
    await expect(exported('lenat')).rejects.toThrow(/Did you mean lenet/);
    await expect(call('architectures.export', { of: 'Net', format: 'onnx', weights: 'best' })).rejects.toThrow(
      /only runs have checkpoints/,
    );
  });

  it('take the weights of a run’s checkpoint, the best one unless told otherwise', async () => {
    const b = await bench();
    const call = caller(b);
    const run = (await call('runs.create', { spec: smallSpec }))[0]!;
    const { nodes } = checkSpec(smallSpec, b.datasets.records).checked!;
    const put = (role: 'best' | 'last', step: number): void => {
      const values = initialValues(nodes, step);
      const tensors = nodes.flatMap(({ id, parameters }) =>
        parameters.map(
          ({ name, shape }) =>
            ({ name: `${id}.${name}`, dtype: 'f32', shape, values: values.get(`${id}.${name}`)! }) as const,
        ),
      );
      const job = { model: '', data: '', training: '', seed: '' };
      const stopping = { best: null, bestStep: null, reference: null, waited: 0 };
      const bytes = encodeCheckpoint({
        step,
        seconds: 0,
        evaluatedStep: 0,
        stopping,
        plateau: null,
        job,
        tensors,
        best: [],
      });
      b.files.files.set(`${run.id}-${role}.safetensors`, bytes);
      b.store.putCheckpoint({
        runId: run.id,
        role,
        step,
        file: `${run.id}-${role}.safetensors`,
        hash: 'h',
        bytes: 1,
        createdAt: 1,
      });
    };
    await expect(call('architectures.export', { of: run.id, format: 'onnx' })).rejects.toThrow(/no checkpoint yet/);
    put('last', 7);
    put('best', 3);
    const weight = async (weights?: string): Promise<readonly number[]> => {
      const { content, notes } = await call('architectures.export', {
        of: run.id,
        format: 'safetensors',
        ...(weights && { weights }),
      });
      const { tensors } = decodeSafetensors(new Uint8Array(Buffer.from(content, 'base64')));
      expect(notes[0]).toContain(weights === 'initial' ? 'before training' : run.id);
      return [...tensors[0]!.values];
    };
    const drawn = (seed: number): number[] => [...initialValues(nodes, seed).get('d.weight')!];
    expect(await weight()).toEqual(drawn(3));
    expect(await weight('last')).toEqual(drawn(7));
    expect(await weight('initial')).toEqual(drawn(1));
    const saved = await call('architectures.save', {
      name: 'Kept',
      model,
      dataset: 'dots',
      weightsOf: run.id,
    });
    expect(saved.latest.source).toBe(`run ${run.id}`);
    expect([...decodeSafetensors(b.files.files.get(saved.latest.weights!.file)!).tensors[0]!.values]).toEqual(drawn(3));
  });
});

it('differences are told of any two models, and pictures of runs', async () => {
  const b = await bench();
  const call = caller(b);
  await call('architectures.save', { name: 'Net', model, dataset: 'dots' });
  const run = (await call('runs.create', { spec: { ...smallSpec, model: wider } }))[0]!;
  const diff = await call('architectures.diff', { before: 'Net', after: run.id });
  expect(diff.labels).toEqual(['Net, version 1', `dots (${run.id})`]);
  expect(diff.entries.map(({ kind }: { kind: string }) => kind)).toEqual(['same', 'same', 'added', 'changed']);
  const models = await call('runs.models', { ids: [run.id, 'gone'] });
  expect(models.map(({ group }) => group)).toEqual([run.group]);
  expect(models[0]!.nodes.map(({ id }: { id: string }) => id)).toEqual(['in', 'flat', 'h', 'd']);
});

it('files in parts are gathered in order, within limits', async () => {
  const b = await bench();
  const call = caller(b);
  const bytes = Buffer.from(JSON.stringify({ nodes: model.nodes }));
  const put = (offset: number, part: Buffer) =>
    call('files.put', { upload: 'u', offset, base64: part.toString('base64') });
  await put(0, bytes.subarray(0, 10));
  await expect(put(11, bytes.subarray(11))).rejects.toThrow(/byte 10 was expected next, not 11/);
  await put(10, bytes.subarray(10));
  expect((await call('architectures.read', { file: 'x.json', content: { upload: 'u' } })).model).toEqual(model);
  await call('files.put', { upload: 'u', offset: 0, done: true });
  await expect(call('architectures.read', { file: 'x.json', content: { upload: 'u' } })).rejects.toThrow(/no upload/);
  await expect(call('architectures.read', { file: 'x', content: { base64: '***' } })).rejects.toThrow(/no base64/);
});
