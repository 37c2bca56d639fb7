import { page, userEvent, type Locator } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import type { MethodInput, MethodOutput } from '../../lab/contract/methods.ts';
import type { RunRecord } from '../../lab/contract/records.ts';
import type { TransferPreview, TransferReportRecord, TransferSource } from '../../lab/contract/transferRecords.ts';
import { specSchema, type Spec } from '../../lab/contract/spec.ts';
import { fateOf, unusedNodes, type ReportNode } from '../../renderer/start/fate.ts';
import { forkChanges, lengthOf, setLength } from '../../renderer/start/forkChanges.ts';
import { inspectChain, type SpecNode } from '../../renderer/builder/model.ts';
import { moved, withTyped } from '../../renderer/start/stem.ts';
import { FakeLab, makeRun, makeSpec, until } from './fakeLab.ts';
import { showApp } from './showApp.ts';

let lab: FakeLab;
let run: RunRecord;

const tensor = (name: string, more: Partial<ReportNode['tensors'][number]> = {}): ReportNode['tensors'][number] => ({
  name,
  shape: [10, 100],
  kind: 'parameter',
  state: 'reused',
  from: name,
  reason: null,
  sourceShape: null,
  ...more,
});
const node = (id: string, more: Partial<ReportNode> = {}): ReportNode => ({
  node: id,
  layer: 'dense',
  state: 'reused',
  from: id,
  parameters: 1000,
  reusedParameters: 1000,
  frozen: [false],
  statistics: null,
  tensors: [tensor(`${id}.weight`)],
  ...more,
});
const asNew = (id: string, reason: 'absent' | 'shape' | 'asked'): ReportNode =>
  node(id, {
    state: 'new',
    from: null,
    reusedParameters: 0,
    tensors: [
      tensor(`${id}.weight`, {
        state: 'new',
        reason,
        from: null,
        ...(reason === 'shape' && { sourceShape: [10, 50] }),
      }),
    ],
  });

/** What the lab would say of the sigmoid network: dense1 reused, classes of another shape, and an old head nobody takes. */
function reportOf({ start }: Spec): TransferReportRecord {
  const fresh = start?.fresh ?? [];
  const mapped = start?.map['classes'] !== undefined;
  const nodes = [
    { ...node('flatten'), layer: 'flatten', tensors: [], parameters: 0, reusedParameters: 0 },
    fresh.includes('dense1') ? asNew('dense1', 'asked') : node('dense1'),
    mapped ? node('classes', { from: 'head' }) : asNew('classes', 'shape'),
  ];
  const reused = nodes.reduce((sum, each) => sum + each.reusedParameters, 0);
  return {
    nodes,
    discarded: mapped ? [] : [{ name: 'head.weight', shape: [10, 100], reason: 'unused' }],
    totals: { parameters: 2000, reused, new: 2000 - reused, discarded: 1000, frozen: [{ reused: 0, new: 0 }] },
  };
}
function previewOf(spec: Spec): TransferPreview {
  const words = `best weights of ${run.name} (${run.id}), step 400`;
  return {
    ok: true,
    faults: [],
    notes: ['It saw other validation images.'],
    start: {
      weights: 'a'.repeat(64),
      from: spec.start?.from ?? null,
      carry: spec.start?.carry ?? 'weights',
      run: run.id,
      architecture: null,
      checkpoint: 'best',
      step: 400,
      firstStep: 0,
      words,
    },
    report: reportOf(spec),
    spec,
  };
}
const sourcesOf = (of: RunRecord): TransferSource[] =>
  (['best', 'last'] as const).map((checkpoint) => ({
    from: `run:${of.id}:${checkpoint}`,
    kind: 'run',
    id: of.id,
    label: of.name,
    checkpoint,
    step: checkpoint === 'best' ? 400 : 1000,
    group: of.group,
    seed: of.seed,
    status: of.status,
    version: null,
    dataset: of.dataset,
    parameters: of.parameters,
    createdAt: of.createdAt,
  }));

const open = (address: string): ReturnType<typeof showApp> => showApp(lab, address);

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  await page.viewport(1440, 900);
  lab = new FakeLab();
  run = makeRun({ name: 'Trained', group: 'trained' });
  lab.runs = [run];
  lab.specs.set(
    run.id,
    makeSpec((spec) => (spec.training.length = { epochs: 2 })),
  );
  lab.answers = {
    'transfer.sources': () => sourcesOf(run),
    'transfer.preview': ({ spec }: { spec: unknown }) => previewOf(specSchema.parse(spec)),
  };
});

describe('start weights in the builder', () => {
  const panel = () => page.getByRole('region', { name: 'Start weights' });

  it('are chosen from what is stored, laid beside the network, and marked on its cards', async () => {
    await open('#/build');
    await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
    await page.getByRole('button', { name: 'Choose weights ...' }).click();
    await page.getByRole('option', { name: /Trained best weights/ }).click();
    await expect.element(panel().getByText(/best weights of Trained/)).toBeVisible();
    expect(lab.callsOf('transfer.preview').at(-1)).toMatchObject({
      spec: { start: { from: `run:${run.id}:best`, carry: 'weights' } },
    });
    await expect.element(panel().getByText('It saw other validation images.')).toBeVisible();
    await expect.element(panel().getByRole('row', { name: /dense1 reused 1,000/ })).toBeVisible();
    await expect.element(panel().getByText('10×100 here, 10×50 in the source')).toBeVisible();
    const card = page.getByRole('group', { name: /^Dense dense1/ });
    await expect.element(card.getByTitle('Its weights are reused and train on.')).toBeVisible();
    // a layer without weights has no mark
    expect(document.querySelectorAll('.svelte-flow__node .fate')).toHaveLength(2);
    await page.getByRole('button', { name: 'Draw the weights by the seed' }).click();
    await expect.element(page.getByRole('button', { name: 'Choose weights ...' })).toBeVisible();
    await until(() => document.querySelectorAll('.svelte-flow__node .fate').length === 0, 'marks are gone');
  });

  it('can be drawn anew or given to another layer, each a step that can be taken back', async () => {
    lab.templates[0]!.spec.start = { from: `run:${run.id}:best`, weights: null, map: {}, fresh: [], carry: 'weights' };
    await open('#/build');
    await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
    await page.getByRole('button', { name: 'Draw new weights for dense1' }).click();
    await expect.element(panel().getByRole('row', { name: /^dense1 new/ })).toBeVisible();
    await page.getByRole('combobox', { name: 'Weights for classes' }).selectOptions('those of head');
    await expect
      .element(
        panel()
          .getByText(/of head/)
          .first(),
      )
      .toBeVisible();
    expect(lab.callsOf('transfer.preview').at(-1)).toMatchObject({
      spec: { start: { fresh: ['dense1'], map: { classes: 'head' } } },
    });
    await page.getByRole('button', { name: 'Undo: Give classes the weights of head' }).click();
    await page.getByRole('button', { name: 'Undo: Draw new weights for dense1' }).click();
    await expect.element(panel().getByRole('row', { name: /^dense1 reused/ })).toBeVisible();
  });

  it('say on the card that they are about what is wrong with them', async () => {
    lab.templates[0]!.spec.start = { from: `run:${run.id}:best`, weights: null, map: {}, fresh: [], carry: 'weights' };
    const message = 'start.fresh: dense1 has no weights in the source.';
    const fault = { node: 'dense1', message };
    lab.answers = {
      ...lab.answers,
      'transfer.preview': ({ spec }: { spec: unknown }) => ({
        ...previewOf(specSchema.parse(spec)),
        ok: false,
        faults: [fault],
      }),
      'spec.check': ({ spec }: { spec: unknown }) => ({ ok: false, faults: [fault], spec: specSchema.parse(spec) }),
    };
    await open('#/build');
    await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
    await expect.element(page.getByRole('group', { name: /^Dense dense1/ }).getByText(message)).toBeVisible();
    const start = page.getByRole('button', { name: 'Run this experiment' });
    await expect.element(start).toHaveAttribute('aria-disabled', 'true');
  });
});

const menu = async (item: RegExp): Promise<void> => {
  await page.getByRole('button', { name: 'Go on from this run' }).click();
  await page.getByRole('menuitem', { name: item }).click();
};

describe('a run that goes on', () => {
  it('opens in the builder with its best weights', async () => {
    await open(`#/run/${run.id}`);
    await menu(/Start from these weights/);
    await expect.element(page.getByRole('region', { name: 'Start weights' }).getByText(/best weights/)).toBeVisible();
    expect(location.hash).toBe('#/build');
  });

  it('has nothing to go on from before its first checkpoint', async () => {
    run = { ...run, checkpointStep: null };
    lab.runs = [run];
    await open(`#/run/${run.id}`);
    await page.getByRole('button', { name: 'Go on from this run' }).click();
    await expect.element(page.getByRole('menuitem', { name: /Fork/ })).toHaveAttribute('aria-disabled', 'true');
  });

  it('is forked with one thing changed; the new run shows the curve of its parent up to there', async () => {
    const points = { values: [0.5, 0.6, 0.7], seconds: [1, 2, 3] };
    lab.series.set(run.id, [{ name: 'validation.accuracy', steps: [500, 1000, 1500], ...points }]);
    const { start } = previewOf(makeSpec());
    lab.answers = {
      ...lab.answers,
      'runs.fork': ({ name, spec }: MethodInput<'runs.fork'>): MethodOutput<'runs.fork'> => {
        const made = makeRun({
          name: name ?? '',
          group: 'fork',
          status: 'running',
          start: { ...start!, carry: 'everything', firstStep: 1000 },
        });
        lab.specs.set(made.id, specSchema.parse(spec));
        lab.runs.unshift(made);
        return made;
      },
    };
    await open(`#/run/${run.id}`);
    await menu(/Fork/);
    const dialog = page.getByRole('dialog', { name: 'Fork Trained' });
    // the last checkpoint is its end: it has to be made longer to go on
    await expect.element(dialog.getByText(/It was 2 and came to its end/)).toBeVisible();
    await expect.element(dialog.getByRole('textbox', { name: 'Train for' })).toHaveValue('4');
    await dialog.getByRole('combobox', { name: 'Change' }).selectOptions('Learning rate');
    await dialog.getByRole('textbox', { name: 'To', exact: true }).fill('0.02');
    await userEvent.keyboard('{Enter}');
    const go = dialog.getByRole('button', { name: 'Fork and train' });
    await expect.element(go).toBeEnabled();
    await go.click();
    await expect.poll(() => lab.callsOf('runs.fork')).toHaveLength(1);
    expect(lab.callsOf('runs.fork')[0]).toMatchObject({
      id: run.id,
      checkpoint: 'last',
      name: 'Trained, fork at step 1000',
      spec: { training: { length: { epochs: 4 }, optimizer: { learningRate: 0.02 } } },
    });
    const origin = page.getByRole('region', { name: 'Origin' });
    await expect.element(origin.getByText('Forked at step 1,000')).toBeVisible();
    const chart = page.getByRole('application', { name: /^Accuracy.*Before the fork: 60.00/ });
    await expect.element(chart).toBeVisible();
    await origin.getByRole('link', { name: /Trained/ }).click();
    await expect.element(page.getByRole('region', { name: 'Runs that go on from this one' })).toBeVisible();
  });

  it('gets a stem in front, with every weight accounted for before it trains', async () => {
    const spec = makeSpec((each) => (each.name = 'With a stem'));
    const preview = previewOf(spec);
    const totals = { nodes: 5, parameters: 2000, macs: 1000 };
    lab.answers = {
      ...lab.answers,
      'models.prepend': (): MethodOutput<'models.prepend'> => ({
        spec,
        stem: ['stem_conv', 'stem_pool'],
        dropped: [],
        receivers: ['flatten'],
        expected: [1, 28, 28],
        given: [1, 28, 28],
        diff: { labels: ['a', 'b'], entries: [], before: totals, after: totals },
        preview,
      }),
    };
    await open(`#/run/${run.id}`);
    await menu(/Prepend/);
    const dialog = page.getByRole('dialog', { name: /^Put a stem in front of Trained/ });
    await expect.element(dialog.getByText('stem_conv → stem_pool')).toBeVisible();
    await expect.element(dialog.getByRole('row', { name: /dense1 reused 10×100 1,000/ })).toBeVisible();
    await dialog.getByRole('combobox', { name: 'Leave out' }).selectOptions('up to dense1');
    await dialog.getByRole('switch', { name: 'Freeze at first' }).click();
    await dialog.getByRole('combobox', { name: 'Layers' }).selectOptions('Halving by stride');
    await expect
      .poll(() => lab.callsOf('models.prepend').at(-1))
      .toMatchObject({
        of: `run:${run.id}:best`,
        stem: { kind: 'stride', kernel: 3 },
        drop: ['flatten', 'dense1'],
        freeze: false,
        lengths: [{ epochs: 1 }, { epochs: 4 }],
      });
    // an answer does not make it ask again
    const asked = lab.callsOf('models.prepend').length;
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(lab.callsOf('models.prepend')).toHaveLength(asked);
    await dialog.getByRole('button', { name: 'Train' }).click();
    await expect.poll(() => lab.callsOf('runs.create')).toHaveLength(1);
    expect(lab.callsOf('runs.create')[0]).toMatchObject({ spec: { name: 'With a stem' } });
    expect(location.hash).toMatch(/^#\/run\//);
  });
});

describe('a stem of layers of one’s own', () => {
  const text = (dialog: Locator): Locator => dialog.getByRole('textbox', { name: 'Layers to add' });
  const rows = (dialog: Locator): string[] =>
    [...dialog.getByRole('list', { name: 'Layers of the stem' }).element().querySelectorAll('.title')].map(
      (each) => each.textContent ?? '',
    );
  const asked = () => (lab.callsOf('models.prepend').at(-1) as MethodInput<'models.prepend'>).stem;

  async function openOwn(): Promise<Locator> {
    const spec = makeSpec((each) => {
      const [input, ...rest] = each.model.nodes;
      each.model.nodes = [
        input!,
        { id: 'stem_conv', layer: 'conv2d', inputs: ['image'], props: { filters: 1, padding: 'same', bias: false } },
        { id: 'stem_pool', layer: 'maxPool2d', inputs: ['stem_conv'] },
        ...rest,
      ];
      each.training.stages = [
        {
          length: { epochs: 1 },
          imageSize: [56, 56],
          batchSize: null,
          learningRateFactor: 1,
          augmentationStrength: 1,
          frozen: [],
          frozenBatchNorm: 'running',
        },
      ];
    });
    const totals = { nodes: 5, parameters: 2000, macs: 1000 };
    lab.answers = {
      ...lab.answers,
      'models.prepend': ({ stem }: MethodInput<'models.prepend'>): MethodOutput<'models.prepend'> => ({
        spec,
        stem: stem?.kind === 'nodes' ? stem.nodes.map(({ id }) => id) : ['stem_conv', 'stem_pool'],
        dropped: [],
        receivers: ['flatten'],
        expected: [1, 28, 28],
        given: [1, 28, 28],
        diff: { labels: ['a', 'b'], entries: [], before: totals, after: totals },
        preview: previewOf(spec),
      }),
    };
    await open(`#/run/${run.id}`);
    await menu(/Prepend/);
    const dialog = page.getByRole('dialog', { name: /^Put a stem in front/ });
    await expect.element(dialog.getByText('stem_conv → stem_pool')).toBeVisible();
    await dialog.getByRole('combobox', { name: 'Layers' }).selectOptions('My own');
    return dialog;
  }

  it('begins with the usual one, takes typed layers, and shows what each gives as they are set', async () => {
    const dialog = await openOwn();
    // images stay as large as for the stem it began with
    await expect.poll(asked).toEqual({
      kind: 'nodes',
      nodes: [
        { id: 'stem_conv', layer: 'conv2d', props: { filters: 1, padding: 'same', bias: false } },
        { id: 'stem_pool', layer: 'maxPool2d' },
      ],
    });
    expect(lab.callsOf('models.prepend').at(-1)).toMatchObject({ imageSize: 56 });
    // it ends in an image, as it should
    expect(
      inspectChain((asked() as { nodes: SpecNode[] }).nodes, [1, 56, 56], 'image').flatMap(({ faults }) => faults),
    ).toEqual([]);
    expect(dialog.getByText(/must give one number per class/).elements()).toEqual([]);
    await text(dialog).fill('conv 4 5x5 relu');
    await userEvent.keyboard('{Enter}');
    expect(rows(dialog)).toEqual(['Convolution', 'Max pooling', 'Convolution', 'ReLU']);
    await expect.element(dialog.getByTitle('What it gives of one image').nth(2)).toHaveTextContent('4×24×24');
    await dialog.getByRole('button', { name: /^Convolution 4 filters/ }).click();
    await dialog.getByRole('textbox', { name: 'Filters' }).fill('8');
    await userEvent.keyboard('{Enter}');
    await expect.element(dialog.getByTitle('What it gives of one image').nth(3)).toHaveTextContent('8×24×24');
    await expect
      .poll(asked)
      .toMatchObject({ nodes: [{}, {}, { id: 'stem_conv1', props: { filters: 8, kernel: [5, 5] } }, {}] });
    // Enter took the value and started nothing
    expect(lab.callsOf('runs.create')).toEqual([]);
  });

  it('is moved and emptied from the keyboard; a fault stands on its layer, and an empty stem is not trained', async () => {
    const dialog = await openOwn();
    await dialog.getByRole('button', { name: /^Max pooling/ }).click();
    await userEvent.keyboard('{Alt>}{ArrowUp}{/Alt}');
    await expect.poll(() => rows(dialog)).toEqual(['Max pooling', 'Convolution']);
    await expect.element(dialog.getByRole('button', { name: /^Max pooling/ })).toHaveFocus();
    await text(dialog).fill('nonsense 3');
    await userEvent.keyboard('{Enter}');
    await expect.element(dialog.getByText('There is no layer called “nonsense”.')).toBeVisible();
    await text(dialog).fill('flatten conv 3');
    await userEvent.keyboard('{Enter}');
    await expect.element(dialog.getByText(/stem_conv1.*image/)).toBeVisible();
    for (let left = 4; left > 0; left--) {
      await dialog
        .getByRole('button', { name: /^(Convolution|Max pooling|Flatten)/ })
        .first()
        .click();
      await userEvent.keyboard('{Delete}');
      await expect.poll(() => rows(dialog)).toHaveLength(left - 1);
    }
    await expect.element(text(dialog)).toHaveFocus();
    await expect.element(dialog.getByText(/A stem of no layers/)).toBeVisible();
    await expect.element(dialog.getByRole('button', { name: 'Train' })).toHaveAttribute('aria-disabled', 'true');
  });

  it('names its layers as the network names none', () => {
    const taken = [{ id: 'stem_conv1', layer: 'conv2d' }];
    const { chain } = withTyped([], 'conv 8 bn', taken);
    expect(chain.map(({ id }) => id)).toEqual(['stem_conv2', 'stem_bn1']);
    expect(moved(chain, 0, 1).map(({ id }) => id)).toEqual(['stem_bn1', 'stem_conv2']);
    expect(withTyped(chain, 'conf', taken)).toMatchObject({ chain, fault: expect.stringContaining('conf') as string });
  });
});

describe('what becomes of weights', () => {
  it('is told in a word and a sentence', () => {
    expect(fateOf(node('a', { tensors: [] }))).toBeNull();
    expect(fateOf(node('a'))).toMatchObject({ kind: 'reused' });
    expect(fateOf(node('a', { from: 'b', frozen: [true, false] }))).toEqual({
      kind: 'frozen',
      word: 'frozen',
      text: 'Its weights are reused from b and are frozen in stage 1.',
    });
    expect(fateOf(node('a', { frozen: [true, true] }))!.text).toContain('stay frozen');
    expect(fateOf(node('a', { state: 'partly', reusedParameters: 900 }))!.text).toContain('900 of its 1,000');
    expect(fateOf(asNew('a', 'absent'))!.text).toBe('Its weights are new: the source has no weights for it.');
    expect(unusedNodes(reportOf(makeSpec()))).toEqual(['head']);
  });

  it('a fork makes the last stage longer where there are stages, and offers only what the spec has', () => {
    const spec = makeSpec();
    setLength(spec, 7);
    expect(spec.training.length).toEqual({ epochs: 7 });
    const stage = { imageSize: null, batchSize: null, learningRateFactor: 1, augmentationStrength: 1 };
    const more = { frozen: [], frozenBatchNorm: 'running' as const };
    spec.training.stages = [
      { length: { epochs: 1 }, ...stage, ...more },
      { length: { steps: 30 }, ...stage, ...more },
    ];
    expect(lengthOf(spec)).toEqual({ label: 'Last stage takes', value: 30, unit: 'steps' });
    setLength(spec, 60.4);
    expect(spec.training.stages.map(({ length }) => length)).toEqual([{ epochs: 1 }, { steps: 60 }]);
    spec.training.optimizer = specSchema.shape.training.shape.optimizer.parse({ kind: 'adam' });
    const offered = forkChanges.filter(({ value }) => value(spec) !== null).map(({ id }) => id);
    expect(offered).not.toContain('momentum');
    expect(offered).not.toContain('trainImages');
    expect(offered).toContain('weightDecay');
  });
});
