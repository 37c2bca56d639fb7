import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { methods } from '../../../lab/contract/methods.ts';
import type { RunDetails } from '../../../lab/contract/records.ts';
import { realLab, stripesSpec, type RealLab } from './realLab.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** Starts, forks and prepended networks, through the contract, trained for real. */

let real: RealLab;
let parent: RunDetails;

beforeAll(async () => {
  real = await realLab();
  [parent] = (await real.train(stripesSpec)) as [RunDetails];
});
afterAll(() => real.close());

const withStart = (start: object, changes: object = {}) => ({ ...stripesSpec, start, ...changes });
const stored = () => readdirSync(real.folder).filter((name) => name.startsWith('weights-'));
const lossOf = async (id: string) =>
  (await real.lab.call('runs.series', { id, names: ['train.loss'] })).map(({ steps, values }) => ({
    steps,
    values,
  }))[0]!;

describe('a start from stored weights', () => {
  let run: RunDetails;

  it('takes them from the best checkpoint, and writes down which they were', async () => {
    [run] = (await real.train(withStart({ from: parent.id, fresh: ['classes'] }))) as [RunDetails];
    const { start } = run;
    expect(start).toMatchObject({
      from: `run:${parent.id}:best`,
      run: parent.id,
      checkpoint: 'best',
      carry: 'weights',
      firstStep: 0,
    });
    expect(start!.words).toBe(`best weights of Stripes (${parent.id}), step ${start!.step}`);
    expect(run.spec.start).toMatchObject({ from: start!.from, weights: start!.weights, fresh: ['classes'] });
    expect(run.group).not.toBe(parent.group);
    expect(run.events[0]!.text).toContain(`It starts from the ${start!.words}.`);
    expect((await lossOf(run.id)).steps[0]).toBe(1);
  });

  it('keeps one file for the same weights, and replays to the same hash', async () => {
    const [twin] = (await real.train(withStart({ from: `run:${parent.id}:best` }))) as [RunDetails];
    expect(twin.start!.weights).toBe(run.start!.weights);
    expect(stored()).toEqual([`weights-${run.start!.weights}.safetensors`]);
    // the spec as it was stored, hash and all, is a spec like any other
    const [again] = (await real.train(twin.spec)) as [RunDetails];
    expect(again.resultHash).toBe(twin.resultHash);
    expect(again.specHash).toBe(twin.specHash);
    const verification = await real.lab.call('runs.verify', { id: run.id });
    expect(verification).toMatchObject({ identical: true, whole: true, replayedHash: run.resultHash });
  });

  it('tells what is taken over before it runs, as the contract says', async () => {
    const spec = withStart({ from: `run:${parent.id}:last`, map: { other: 'conv1' } });
    const renamed = {
      ...spec,
      model: {
        nodes: stripesSpec.model.nodes.map((node) => {
          if (node.id === 'conv1') return { ...node, id: 'other' };
          if (node.id === 'classes') return { ...node, id: 'out' };
          return node;
        }),
      },
    };
    const preview = methods['transfer.preview'].output.parse(
      await real.lab.call('transfer.preview', { spec: renamed }),
    );
    expect(preview.ok).toBe(true);
    const { nodes, discarded, totals } = preview.report!;
    expect(nodes.map(({ node, state, from }) => [node, state, from])).toEqual([
      ['other', 'reused', 'conv1'],
      ['bn1', 'reused', 'bn1'],
      ['out', 'new', null],
    ]);
    expect(discarded.map(({ name, reason }) => [name, reason])).toEqual([
      ['classes.bias', 'unused'],
      ['classes.weight', 'unused'],
    ]);
    // conv 6 * 9 + 6, batch norm 2 * 6; dense 4 * 6 + 4
    expect(totals).toMatchObject({ parameters: 100, reused: 72, new: 28, discarded: 28 });
    expect(preview.start).toMatchObject({ checkpoint: 'last', step: 24 });
    // a preview stores nothing
    expect(stored()).toHaveLength(1);
  });

  it('says what is wrong, all at once', async () => {
    const check = await real.lab.call('spec.check', {
      spec: withStart({ from: parent.id, map: { nope: 'conv1', conv1: 'gone' }, fresh: ['also'] }),
    });
    expect(check.ok).toBe(false);
    expect(check.faults.map(({ message }) => message.split(':')[0])).toEqual([
      'start.map.nope',
      'start.map.conv1',
      'start.fresh[0]',
    ]);
    const refused = (start: object, words: RegExp) =>
      expect(real.lab.call('runs.create', { spec: withStart(start) })).rejects.toThrow(words);
    await refused({ from: 'rnothing' }, /start\.from: There is no run "rnothing"/);
    await refused({}, /start\.from: name the run or architecture/);
    await refused({ weights: 'a'.repeat(64) }, /no stored weights aaaaaaaaaaaa/);
    await refused({ from: parent.id, weights: 'b'.repeat(64) }, /holds other weights by now/);
  });

  it('gives jobs about it the same weights', async () => {
    const spec = withStart({ from: parent.id });
    const drawn = await real.lab.call('models.lrRange', { spec: stripesSpec, steps: 10, lowest: 1e-6, highest: 1e-5 });
    const trained = await real.lab.call('models.lrRange', { spec, steps: 10, lowest: 1e-6, highest: 1e-5 });
    const series = await lossOf((await real.train(withStart({ from: parent.id })))[0]!.id);
    expect(trained.points[0]!.loss).toBeCloseTo(series.values[0]!, 6);
    expect(trained.points[0]!.loss).toBeLessThan(drawn.points[0]!.loss);
    const timing = await real.lab.call('models.timing', { spec, milliseconds: 50 });
    expect(timing.steps).toBeGreaterThan(0);
    const exported = await real.lab.call('architectures.export', {
      of: `run:${run.id}`,
      format: 'safetensors',
      weights: 'initial',
    });
    expect(exported.notes[0]).toContain(`best weights of Stripes (${parent.id})`);
  });

  it('pairs the seeds of a group, and keeps its arms one group', async () => {
    const source = await real.train({ ...stripesSpec, name: 'Source', seed: 5 }, [5, 6]);
    const group = source[0]!.group;
    const runs = await real.train(withStart({ from: `group:${group}` }, { name: 'Paired' }), [5, 6]);
    expect(runs.map(({ start }) => start!.run)).toEqual(source.map(({ id }) => id));
    expect(new Set(runs.map((each) => each.group)).size).toBe(1);
    expect(new Set(runs.map(({ start }) => start!.weights)).size).toBe(2);
    await expect(
      real.lab.call('runs.create', { spec: withStart({ from: `group:${group}` }), seeds: [5, 7] }),
    ).rejects.toThrow(/none of seed 7 to start from/);
    const comparison = await real.lab.call('compare.get', { arms: [group, runs[0]!.group] });
    expect(comparison.specDifferences).toContainEqual({
      path: 'start',
      values: ['drawn weights', `group:${group}:best`],
    });
    expect(comparison.sideEffects.join(' ')).toMatch(
      /Paired begins with the best weights of Source .*, and 1 more of other seeds, (Source|Stripes) begins with drawn weights\./,
    );
  });

  it('starts from an architecture that was saved with weights', async () => {
    await real.lab.call('architectures.save', {
      name: 'Kept net',
      model: parent.spec.model,
      dataset: 'stripes',
      weightsOf: parent.id,
    });
    const sources = methods['transfer.sources'].output.parse(await real.lab.call('transfer.sources', {}));
    const architecture = sources.find(({ kind }) => kind === 'architecture')!;
    expect(architecture).toMatchObject({ label: 'Kept net', version: 1, dataset: 'stripes' });
    expect(sources.filter(({ id }) => id === parent.id).map(({ from }) => from)).toEqual([
      `run:${parent.id}:best`,
      `run:${parent.id}:last`,
    ]);
    const [own] = (await real.train(withStart({ from: 'Kept net' }))) as [RunDetails];
    expect(own.start).toMatchObject({ from: architecture.from, run: null, architecture: architecture.id });
    await expect(
      real.lab.call('runs.create', { spec: withStart({ from: 'Kept net', carry: 'everything' }) }),
    ).rejects.toThrow(/weights alone, and only a run can be gone on with/);
  });

  it('writes its file once when several runs are made at the same time', async () => {
    const spec = withStart({ from: `run:${parent.id}:last` });
    const made = await Promise.all([1, 2, 3].map(() => real.lab.call('runs.create', { spec })));
    const runs = made.flat();
    expect(new Set(runs.map(({ start }) => start!.weights)).size).toBe(1);
    expect(stored()).toContain(`weights-${runs[0]!.start!.weights}.safetensors`);
    await real.lab.call('runs.delete', { ids: runs.map(({ id }) => id) });
  });
});

describe('a fork', () => {
  it('goes on from the checkpoint, and its curves begin behind it', async () => {
    const set = ['training.length.steps=40', 'training.optimizer.learningRate=0.05'];
    const { id } = await real.lab.call('runs.fork', { id: parent.id, set });
    const fork = await real.ended(id);
    expect(fork).toMatchObject({ step: 40, name: 'Stripes, fork at step 24' });
    expect(fork.start).toMatchObject({
      carry: 'everything',
      run: parent.id,
      checkpoint: 'last',
      step: 24,
      firstStep: 24,
    });
    const curve = await lossOf(id);
    expect([curve.steps[0], curve.steps.at(-1)]).toEqual([25, 40]);
    // the parent is as it was, but for a note
    const after = await real.lab.call('runs.get', { id: parent.id });
    expect(after.resultHash).toBe(parent.resultHash);
    expect((await lossOf(parent.id)).steps.at(-1)).toBe(24);
    expect(after.events.at(-1)).toMatchObject({ kind: 'forked', step: 24 });
    expect(after.events.at(-1)!.text).toContain('training.optimizer.learningRate 0.2 → 0.05');
    expect(await real.lab.call('runs.verify', { id })).toMatchObject({ identical: true, steps: 40 });
    await expect(real.lab.call('runs.verify', { id, steps: 10 })).rejects.toThrow(/begins behind step 24/);
  });

  it('that changes nothing but its length ends as one run of that length', async () => {
    const long = { ...stripesSpec, training: { ...stripesSpec.training, length: { steps: 36 } } };
    const [whole] = (await real.train(long)) as [RunDetails];
    const { id } = await real.lab.call('runs.fork', { id: parent.id, set: ['training.length.steps=36'] });
    expect((await real.ended(id)).resultHash).toBe(whole.resultHash);
  });

  it('is refused before it is made where the machine cannot train it', async () => {
    const before = real.store.listRuns({}).total;
    const set = ['training.length.steps=40', 'backend.kind=webgpu', 'backend.storage=f16'];
    await expect(real.lab.call('runs.fork', { id: parent.id, set })).rejects.toThrow(
      /^This machine cannot train the spec: backend\.storage: .*Bare GPU, has none; choose backend\.storage=f32/,
    );
    expect(real.store.listRuns({}).total).toBe(before);
  });

  it('is refused where it has nothing left to do, and told where it lies elsewhere', async () => {
    await expect(real.lab.call('runs.fork', { id: parent.id })).rejects.toThrow(
      /ends after 24 steps, but the fork begins behind step 24/,
    );
    const spec = withStart(
      { from: `run:${parent.id}:last`, carry: 'everything' },
      { seed: 9, training: { ...stripesSpec.training, batchSize: 32, length: { steps: 30 } } },
    );
    const { ok, notes } = await real.lab.call('transfer.preview', { spec });
    expect(ok).toBe(true);
    expect(notes.join(' ')).toMatch(
      /held out other validation images \(seed 1\).*Batches have 32 images instead of 16/s,
    );
  });
});

describe('a fork that is cut off', () => {
  it('goes on, or begins anew behind its step, to the same weights in another process', async () => {
    const set = ['training.length.steps=120', 'training.optimizer.learningRate=0.02'];
    const whole = await real.ended((await real.lab.call('runs.fork', { id: parent.id, set })).id);
    vi.stubEnv('ABLATE_HOLD', '40');
    const { id } = await real.lab.call('runs.fork', { id: parent.id, set });
    await vi.waitFor(() => expect(real.store.getRun(id)!.step).toBe(40), 15_000);
    real = await real.reopen();
    vi.unstubAllEnvs();
    expect(real.store.getRun(id)!).toMatchObject({ status: 'interrupted', step: 40 });
    // its own checkpoint is gone: it begins with the stored weights once more, behind the step of the fork
    await real.lab.call('runs.resume', { id, from: 'start' });
    const again = await real.ended(id);
    expect(again.resultHash).toBe(whole.resultHash);
    expect((await lossOf(id)).steps).toEqual((await lossOf(whole.id)).steps);

    vi.stubEnv('ABLATE_HOLD', '50');
    const other = await real.lab.call('runs.fork', { id: parent.id, set });
    await vi.waitFor(() => expect(real.store.getRun(other.id)!.step).toBeGreaterThanOrEqual(48), 15_000);
    await real.lab.call('runs.stop', { id: other.id });
    vi.unstubAllEnvs();
    expect(real.store.getRun(other.id)!.checkpointStep).toBeGreaterThan(24);
    await real.lab.call('runs.resume', { id: other.id });
    expect((await real.ended(other.id)).resultHash).toBe(whole.resultHash);
    await expect(real.lab.call('runs.create', { spec: whole.spec })).resolves.toHaveLength(1);
  });
});

describe('a stem in front', () => {
  it('of an architecture with weights, by layers of one own', async () => {
    const nodes = [
      { id: 'down', layer: 'conv2d', props: { filters: 1, padding: 'same', stride: 2 } },
      { id: 'act', layer: 'tanh' },
    ];
    const of = 'architecture:Own net';
    const { model } = parent.spec;
    await real.lab.call('architectures.save', { name: 'Own net', model, dataset: 'stripes', weightsOf: parent.id });
    const around = { spec: stripesSpec, imageSize: 16, batchNorm: 'batch' } as const;
    const made = methods['models.prepend'].output.parse(
      await real.lab.call('models.prepend', { of, stem: { kind: 'nodes', nodes }, ...around }),
    );
    expect(made).toMatchObject({ stem: ['down', 'act'], receivers: ['conv1'], expected: [1, 8, 8], given: [1, 8, 8] });
    expect(made.preview).toMatchObject({
      ok: true,
      faults: [],
      start: { architecture: expect.stringMatching(/^a/) as string },
    });
    const bn = made.preview.report!.nodes.find(({ node }) => node === 'bn1')!;
    expect(bn).toMatchObject({ state: 'reused', frozen: [true, false], statistics: ['batch', 'batch'] });
    expect(made.spec.training.stages.map(({ imageSize }) => imageSize)).toEqual([
      [16, 16],
      [16, 16],
    ]);
    const added = made.diff.entries.filter(({ kind }) => kind === 'added').map(({ after }) => after!.id);
    expect(added).toEqual(['down', 'act']);
    await expect(real.lab.call('models.prepend', { of, drop: ['pool'] })).rejects.toMatchObject({ code: 'graph' });
  });
});

describe('stored weights', () => {
  it('that are damaged or gone are written again by the next run from their source', async () => {
    const [run] = (await real.train(withStart({ from: `run:${parent.id}:best` }))) as [RunDetails];
    const file = join(real.folder, `weights-${run.start!.weights}.safetensors`);
    const bytes = readFileSync(file);
    const damages = [
      () => writeFileSync(file, bytes.subarray(0, bytes.length / 2)),
      () =>
        writeFileSync(
          file,
          bytes.map((byte, i) => (i === bytes.length - 9 ? byte ^ 4 : byte)),
        ),
      () => rmSync(file),
    ];
    for (const damage of damages) {
      damage();
      await expect(real.lab.call('runs.verify', { id: run.id }), String(damage)).rejects.toMatchObject({
        code: 'checkpoint',
      });
      // by its source, and by hash and source as the run's own spec has it
      const [again] = (await real.train(withStart({ from: `run:${parent.id}:best` }))) as [RunDetails];
      expect(readFileSync(file)).toEqual(bytes);
      damage();
      const [same] = (await real.train(run.spec)) as [RunDetails];
      expect(readFileSync(file)).toEqual(bytes);
      expect([again.resultHash, same.resultHash]).toEqual([run.resultHash, run.resultHash]);
    }
    expect(await real.lab.call('runs.verify', { id: run.id })).toMatchObject({ identical: true });
  });

  it('outlive the run they came from, and are gone with the last run that names them', async () => {
    const { id } = await real.lab.call('runs.fork', { id: parent.id, set: ['training.length.steps=30'] });
    const fork = await real.ended(id);
    await real.lab.call('runs.delete', { ids: [parent.id] });
    real = await real.reopen();
    await expect(real.lab.call('runs.get', { id: parent.id })).rejects.toThrow(/no run/);
    expect(await real.lab.call('runs.verify', { id })).toMatchObject({ identical: true });
    const file = join(real.folder, `weights-${fork.start!.weights}.safetensors`);
    const bytes = readFileSync(file);

    writeFileSync(
      file,
      bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
    );
    await expect(real.lab.call('runs.verify', { id })).rejects.toMatchObject({
      code: 'checkpoint',
      message: /are damaged: their SHA-256/,
    });
    rmSync(file);
    await expect(real.lab.call('runs.verify', { id })).rejects.toMatchObject({
      code: 'checkpoint',
      message: /cannot be read/,
    });
    writeFileSync(file, bytes);

    const all = (await real.lab.call('runs.list', {})).runs;
    const users = all.filter(({ start }) => start?.weights === fork.start!.weights).map((each) => each.id);
    await real.lab.call('runs.delete', { ids: users });
    const others = stored().length;
    real = await real.reopen();
    expect(stored()).toHaveLength(others - 1);
    expect(stored()).not.toContain(`weights-${fork.start!.weights}.safetensors`);
  });
});
