import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkSpec, requireSpec } from '../../../lab/spec/check.ts';
import { lengthOf } from '../../../lab/spec/resolve.ts';
import { dataset, smallSpec } from '../fakes.ts';

const datasets = [dataset('dots'), dataset('lines')];
const messages = (json: unknown): string[] => checkSpec(json, datasets).faults.map(({ message }) => message);
type Change = Partial<Record<'data' | 'model' | 'training', object>>;
const changed = ({ data, model, training }: Change): object => ({
  ...smallSpec,
  data: { ...smallSpec.data, ...data },
  model: { ...smallSpec.model, ...model },
  training: { ...smallSpec.training, ...training },
});

describe('checking a spec', () => {
  it('passes a good one, with defaults filled in, graph, costs and length', () => {
    const check = checkSpec(smallSpec, datasets);
    expect(check.faults).toEqual([]);
    expect(check).toMatchObject({
      ok: true,
      spec: { seed: 1, training: { schedule: { kind: 'constant' } } },
      dataset: { id: 'dots' },
      length: { trainImages: 500, validationImages: 500, stepsPerEpoch: 10, totalSteps: 50 },
      checked: { ok: true, outputId: 'd' },
    });
  });

  it('tells the faults of the layers too when the data set is not known', () => {
    const nodes = [
      { id: 'in', layer: 'input' },
      { id: 'd', layer: 'dense', props: { units: -3 } },
      { id: 's', layer: 'sigmoyd' },
    ];
    const found = messages(changed({ data: { dataset: 'dust' }, model: { nodes } }));
    expect(found).toHaveLength(3);
    expect(found[0]).toContain('no data set "dust"');
    expect(found[1]).toContain('units -3');
    expect(found[2]).toContain('sigmoyd');
    expect(checkSpec(changed({ data: { dataset: 'dust' } }), datasets)).toMatchObject({
      ok: false,
      checked: { ok: false },
    });
    expect(messages(changed({ data: { dataset: 'dust' } }))).toHaveLength(1);
  });

  it('refuses half precision on a backend that has none', () => {
    const stored = (backend: object): string[] => messages({ ...smallSpec, backend });
    for (const kind of ['cpu', 'reference']) {
      expect(stored({ kind, storage: 'f16' })).toEqual([
        `backend.storage: f16 is for graphics cards, and backend.kind is ${kind}, which keeps float32; choose backend.kind=webgpu or auto, or backend.storage=f32.`,
      ]);
      expect(stored({ kind, storage: 'f32' })).toEqual([]);
    }
    for (const kind of ['auto', 'webgpu']) expect(stored({ kind, storage: 'f16' })).toEqual([]);
    expect(stored({ kind: 'webgpu', storage: 'half' })[0]).toMatch(/^backend\.storage: .*f16/);
  });

  it('tells faults of the document and of the graph at once', () => {
    const found = messages({
      ...changed({
        model: {
          nodes: [
            { id: 'in', layer: 'input' },
            { id: 'd', layer: 'dense', props: { units: 3 } },
            { id: 'e', layer: 'dropout', props: { rate: 1 } },
          ],
        },
        training: { batchSize: 0 },
      }),
      sead: 3,
    });
    expect(found).toContain('sead: unknown name. Did you mean seed?');
    expect(found).toContain('training.batchSize: expected at least 1, found 0');
    expect(found.some((text) => text.includes('d takes features'))).toBe(true);
    expect(found.some((text) => text.includes('rate'))).toBe(true);
  });

  it('puts faults inside a node on the node', () => {
    const nodes = [
      { id: 'in', layer: 'input' },
      { id: 'x', layer: 'relu', titel: 3 },
      { id: 'y', layer: 'relu', title: 3 },
    ];
    const { faults } = checkSpec(changed({ model: { nodes } }), datasets);
    expect(faults).toContainEqual({ node: 'x', message: 'model.nodes[1].titel: unknown name. Did you mean title?' });
    expect(faults).toContainEqual({ node: 'y', message: 'model.nodes[2].title: expected text, found 3' });
  });

  it('knows the data sets', () => {
    expect(messages(changed({ data: { dataset: 'dot' } }))).toEqual([
      'data.dataset: there is no data set "dot". Did you mean dots? The lab has dots, lines.',
    ]);
    expect(checkSpec(smallSpec, []).faults[0]?.message).toMatch(/The lab has none/);
  });

  it('knows which layers there are to look at', () => {
    const watch = (layers: string[]): string[] => messages(changed({ training: { diagnostics: { layers } } }));
    const ids = checkSpec(smallSpec, datasets).checked!.nodes.map(({ id }) => id);
    expect(watch([ids.at(-1)!])).toEqual([]);
    expect(watch([ids.at(-1)!, 'densee1'])).toEqual([
      expect.stringMatching(/^training\.diagnostics\.layers\[1\]: the model has no layer "densee1" to look at\./),
    ]);
    expect(watch([`${ids.at(-1)!}x`])[0]).toContain(`Did you mean ${ids.at(-1)!}`);
    // an input is no layer whose outputs are learnt
    expect(watch([ids[0]!])).toHaveLength(1);
  });

  it('compares fields with one another and with the data', () => {
    expect(messages(changed({ data: { validation: 1000 } }))).toEqual([
      'data.validation: 1000 of the 1000 images of dots are held out, so none is left to train on; take fewer.',
    ]);
    expect(messages(changed({ data: { trainImages: 501 } }))[0]).toMatch(/^data\.trainImages: 501 .* at most 500/);
    expect(messages(changed({ training: { batchSize: 501 } }))[0]).toMatch(
      /^training\.batchSize: .* 500 images; take at most 500/,
    );
    expect(messages(changed({ data: { trainImages: 40 } }))[0]).toMatch(/take at most 40/);
    expect(messages(changed({ data: { validation: 0 }, training: { earlyStopping: {} } }))[0]).toMatch(
      /^training\.earlyStopping/,
    );
    const schedule = (of: object): string | undefined => messages(changed({ training: { schedule: of } }))[0];
    expect(schedule({ kind: 'cosine', steps: 51 })).toMatch(/the run only 50/);
    expect(schedule({ kind: 'polynomial', steps: 51 })).toMatch(/^training\.schedule\.steps: .*the run only 50/);
    expect(schedule({ kind: 'warmupCosine', warmupSteps: 50 })).toMatch(/^training\.schedule\.warmupSteps: .* only 50/);
    expect(schedule({ kind: 'warmupCosine', warmupSteps: 49 })).toBeUndefined();
    expect(schedule({ kind: 'multiStep', milestones: [3, 3], gamma: 0.5 })).toMatch(/each must lie behind/);
    expect(schedule({ kind: 'oneCycle', threePhase: true, risePart: 0.6 })).toMatch(/at most 0\.5 .* not 0\.6/);
    expect(schedule({ kind: 'oneCycle', risePart: 0.6 })).toBeUndefined();
    const plateau = { kind: 'reduceOnPlateau' };
    expect(schedule(plateau)).toBeUndefined();
    expect(messages(changed({ data: { validation: 0 }, training: { schedule: plateau } }))[0]).toMatch(
      /^training\.schedule: it watches validation\.loss/,
    );
    expect(messages(changed({ training: { schedule: { kind: 'cosine', steps: 50 } } }))).toEqual([]);
    expect(messages(changed({ training: { batchSize: 500 } }))).toEqual([]);
  });

  it('knows every loss with its own fields', () => {
    const filled = (loss: object): unknown => checkSpec(changed({ training: { loss } }), datasets).spec?.training.loss;
    expect(filled({ kind: 'crossEntropy' })).toEqual({ kind: 'crossEntropy', labelSmoothing: 0 });
    expect(filled({ kind: 'hinge' })).toEqual({ kind: 'hinge', p: 1, margin: 1 });
    expect(filled({ kind: 'huber' })).toEqual({ kind: 'huber', delta: 1 });
    for (const kind of ['mse', 'mae', 'binaryCrossEntropy']) expect(filled({ kind })).toEqual({ kind });
    const fault = (loss: object): string => messages(changed({ training: { loss } })).join();
    expect(fault({ kind: 'mse', delta: 1 })).toMatch(/^training\.loss/);
    expect(fault({ kind: 'hinge', p: 3 })).toMatch(/^training\.loss\.p/);
    expect(fault({ kind: 'huber', delta: 0 })).toMatch(/^training\.loss\.delta/);
    expect(fault({ kind: 'crossEntropy', classWeight: [1, 0] })).toMatch(/^training\.loss\.classWeight/);
    expect(fault({ kind: 'crossEntropy', classWeight: [1, 2, 3] })).toMatch(
      /^training\.loss\.classWeight: it has 3 weights, but dots has 2 classes/,
    );
    expect(fault({ kind: 'crossEntropy', classWeight: [1, 2] })).toBe('');
  });

  it('checks the graph that is trained, not only the drawn one', () => {
    const check = checkSpec(
      changed({
        model: {
          batchNorm: 'before',
          nodes: [
            { id: 'in', layer: 'input' },
            { id: 'flat', layer: 'flatten' },
            { id: 'h', layer: 'dense', props: { units: 4 } },
            { id: 'act', layer: 'relu' },
            { id: 'd', layer: 'dense', props: { units: 2 } },
          ],
        },
      }),
      datasets,
    );
    expect(check.faults).toEqual([]);
    expect(check.graph?.nodes.map(({ layer }) => layer)).toEqual([
      'input',
      'flatten',
      'dense',
      'batchNorm',
      'relu',
      'dense',
    ]);
  });

  it('refuses a newer format with one fault', () => {
    expect(messages({ ...smallSpec, ablate: 2 })).toEqual([
      'ablate: this spec is of format 2; this version of the lab reads up to 1. Update the lab.',
    ]);
  });

  it('never throws, whatever it is given', () => {
    const path = fc.constantFrom('ablate', 'data', 'model', 'training', 'seed', 'name');
    fc.assert(
      fc.property(fc.jsonValue(), path, (value, key) => {
        checkSpec(value, datasets);
        checkSpec({ ...smallSpec, [key]: value }, datasets);
        checkSpec(changed({ model: { nodes: value } }), datasets);
        checkSpec(changed({ model: { nodes: [{ id: 'a', layer: 'dense', props: value }] } }), datasets);
      }),
      { numRuns: 300 },
    );
    for (const odd of [undefined, null, Number.NaN, () => 1, new Map(), [[]]])
      expect(checkSpec(odd, datasets).ok).toBe(false);
  });
});

it('requireSpec throws all faults as one LabError', () => {
  expect(() => requireSpec({ ...smallSpec, a: 1, b: 2 }, datasets)).toThrow(/has 2 faults:\n- a: .*\n- b: /);
});

describe('length of a run', () => {
  it('counts whole batches, and parts of epochs to the nearest step', () => {
    const spec = requireSpec(
      changed({ data: { trainImages: 120 }, training: { length: { epochs: 0.3 } } }),
      datasets,
    ).spec;
    expect(lengthOf(spec, dataset('dots'))).toMatchObject({
      trainImages: 120,
      validationImages: 500,
      stepsPerEpoch: 2,
      totalSteps: 1,
    });
    expect(
      lengthOf({ ...spec, training: { ...spec.training, length: { steps: 7 } } }, dataset('dots')).totalSteps,
    ).toBe(7);
  });
});
