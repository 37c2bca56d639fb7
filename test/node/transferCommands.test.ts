import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunRecord } from '../../lab/contract/records.ts';
import {
  prependedSchema,
  transferPreviewSchema,
  type Prepended,
  type TransferPreview,
} from '../../lab/contract/transferRecords.ts';
import { jsonHere, runHere } from './cliHere.ts';
import { Shell } from './cliProcess.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const shell = new Shell();
afterAll(() => shell.close());
const here = (...words: string[]) => runHere(...words, '--home', shell.home);
const json = <T>(...words: string[]) => jsonHere<T>(...words, '--home', shell.home);

const spec = {
  ablate: 1,
  name: 'Small images',
  data: { dataset: 'mnist', validation: 200, trainImages: 400 },
  model: {
    nodes: [
      { id: 'image', layer: 'input' },
      { id: 'conv1', layer: 'conv2d', props: { filters: 4, padding: 'same' } },
      { id: 'relu1', layer: 'relu' },
      { id: 'conv2', layer: 'conv2d', props: { filters: 6, padding: 'same' } },
      { id: 'relu2', layer: 'relu' },
      { id: 'pool', layer: 'globalAvgPool2d' },
      { id: 'classes', layer: 'dense', props: { units: 10 } },
    ],
  },
  training: {
    batchSize: 40,
    stages: [{ length: { steps: 12 }, imageSize: 14 }],
    optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0.9 },
    diagnostics: null,
  },
  backend: { kind: 'cpu', threads: 1 },
};

describe('starts, forks and stems from the terminal', () => {
  const file = shell.file('small.json', spec);
  let runs: RunRecord[];

  beforeAll(async () => {
    runs = (await json<{ runs: RunRecord[] }>('run', file, '--seeds', '1,2')).runs;
  });

  it('list what there is to start from', async () => {
    const { sources } = await json<{ sources: { from: string }[] }>('transfer', 'list');
    expect(sources.map(({ from }) => from).sort()).toEqual(
      runs.flatMap(({ id }) => [`run:${id}:best`, `run:${id}:last`]).sort(),
    );
    const { out } = await here('transfer', 'list', '--limit', '2');
    expect(out).toContain('Small images');
  });

  it('preview what is taken over, and end with 3 where there are faults', async () => {
    const from = ['--from', `${runs[0]!.id}:last`];
    const preview = await json<TransferPreview>('transfer', 'preview', file, ...from, '--fresh', 'classes');
    expect(transferPreviewSchema.parse(preview)).toEqual(preview);
    expect(preview.report!.nodes.map(({ node, state }) => [node, state])).toEqual([
      ['conv1', 'reused'],
      ['conv2', 'reused'],
      ['classes', 'new'],
    ]);
    const { out } = await here('transfer', 'preview', file, ...from, '--set', 'model.nodes.conv2.props.filters=5');
    expect(out).toMatch(/conv2 +conv2d +new: 5×4×3×3, there 6×4×3×3/);
    expect(out).toMatch(/classes\.weight +10×6 +another shape here/);
    expect(out).toContain('Of 285 parameters 40 are reused (14 %) and 245 new; 292 of the source are discarded.');
    const faulty = await here('transfer', 'preview', file, ...from, '--map', 'nope=conv1');
    expect([faulty.code, faulty.out]).toEqual([
      3,
      expect.stringContaining('start.map.nope: the model has no node "nope"'),
    ]);
    expect((await here('transfer', 'preview', file)).out).toContain('its seed draws all weights');
    expect((await here('run', file, '--map', 'conv1=conv1')).code).toBe(2);
    expect((await here('run', file, '--from', 'rnothing')).code).toBe(3);
  });

  it('run from a group: each seed from its own', async () => {
    const words = ['--from', `group:${runs[0]!.group}`, '--seeds', '1,2', '--name', 'again'];
    const { runs: paired } = await json<{ runs: RunRecord[] }>('run', file, ...words);
    expect(paired.map(({ start }) => start!.run)).toEqual(runs.map(({ id }) => id));
    expect(paired[0]!.group).toBe(paired[1]!.group);
    expect((await here('show', paired[0]!.id)).out).toMatch(/start +best weights of Small images/);
  });

  it('prepend a stem: report, spec file, and a run of it', async () => {
    const made = await json<Prepended>('prepend', runs[0]!.id, '--drop', 'relu1');
    expect(prependedSchema.parse(made)).toEqual(made);
    const { stages } = made.spec.training;
    expect(made).toMatchObject({
      stem: ['stem_conv', 'stem_bn', 'stem_relu', 'stem_pool'],
      dropped: ['conv1', 'relu1'],
      receivers: ['conv2'],
    });
    expect([made.expected, made.given]).toEqual([
      [4, 14, 14],
      [4, 14, 14],
    ]);
    expect(made.spec.model.nodes[1]!.props).toMatchObject({ filters: 4 });
    expect(stages.map(({ frozen, imageSize, learningRateFactor }) => [frozen, imageSize, learningRateFactor])).toEqual([
      [['conv2', 'classes'], null, 1],
      [[], null, 0.1],
    ]);
    const shown = await here('prepend', runs[0]!.id, '--drop', 'relu1', '--no-freeze', '--size', '20');
    expect(shown.out).toContain(
      'Dropped: conv1, relu1. It gives 4×10×10; when the network was trained it read 4×14×14.',
    );
    expect(shown.err).toContain('Nothing is stored yet');
    const out = shell.file('larger.json', {});
    const written = await here('prepend', runs[0]!.id, '--stem', 'stride', '--epochs', '0.5,0.5', '--out', out);
    expect([written.code, written.out]).toEqual([
      0,
      expect.stringMatching(/stem_conv +conv2d +new: not in the source/),
    ]);
    const again = JSON.parse(readFileSync(out, 'utf8')) as { start: { weights: string } };
    expect(again.start.weights).toMatch(/^[0-9a-f]{64}$/);
    const { runs: trained } = await json<{ runs: RunRecord[] }>('run', out);
    expect(trained[0]).toMatchObject({
      status: 'finished',
      step: 10,
      start: { weights: again.start.weights, firstStep: 0 },
    });
    expect((await here('prepend', runs[0]!.id, '--drop', 'nothing')).code).toBe(3);
    expect((await here('prepend', runs[0]!.id, '--seeds', '1')).code).toBe(2);
  });

  it('fork a run, and a group', async () => {
    const set = ['--set', 'training.stages[0].length.steps=16'];
    const { runs: forks } = await json<{ runs: RunRecord[] }>('fork', runs[0]!.id, ...set);
    expect(forks[0]).toMatchObject({ name: 'Small images, fork at step 12', step: 16, start: { firstStep: 12 } });
    const verified = await here('verify', forks[0]!.id);
    expect([verified.code, verified.out]).toEqual([0, expect.stringContaining('identical')]);
    const { runs: both } = await json<{ runs: RunRecord[] }>('fork', `group:${runs[0]!.group}`, ...set);
    expect(both.map(({ seed, start }) => [seed, start!.run])).toEqual(runs.map(({ seed, id }) => [seed, id]));
    expect(both[0]!.group).toBe(both[1]!.group);
    // the same state and spec: the same weights
    expect(both[0]!.resultHash).toBe(forks[0]!.resultHash);
    const refused = await here('fork', runs[0]!.id);
    expect([refused.code, refused.err]).toEqual([
      3,
      expect.stringContaining('training.stages: the run ends after 12 steps'),
    ]);
  });
});
