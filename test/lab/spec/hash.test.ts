import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, groupHash, laterFields, sha256, specHash } from '../../../lab/spec/hash.ts';
import { diffSpecs } from '../../../lab/spec/diff.ts';
import { specSchema, type Spec, type SpecInput } from '../../../lab/spec/schema.ts';
import { upgradeSpec } from '../../../lab/spec/upgrade.ts';
import { smallSpec } from '../fakes.ts';

const input: SpecInput = {
  ablate: 1,
  data: { dataset: 'mnist' },
  model: {
    nodes: [
      { id: 'in', layer: 'input' },
      { id: 'd', layer: 'dense', props: { units: 10 } },
    ],
  },
  training: { optimizer: { kind: 'sgd' } },
};
const spec = specSchema.parse(input);
const example = (name: string): Spec =>
  specSchema.parse(JSON.parse(readFileSync(new URL(`../../../examples/${name}.json`, import.meta.url), 'utf8')));
const templates = Object.fromEntries(['mlp-sigmoid', 'cnn-fashion', 'lenet'].map((name) => [name, example(name)]));

describe('canonical JSON', () => {
  it('is one text for equal values, whatever the order of keys, and parses back', () => {
    expect(canonicalJson({ b: [1, { d: undefined, c: null }], a: 'ü"' })).toBe('{"a":"ü\\"","b":[1,{"c":null}]}');
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
        if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
          const turned = Object.fromEntries(Object.entries(value).reverse());
          expect(canonicalJson(turned)).toBe(canonicalJson(value));
        }
      }),
    );
  });
});

describe('hashes', () => {
  it('are SHA-256', async () => {
    expect(await sha256('ablate')).toBe(createHash('sha256').update('ablate').digest('hex'));
  });

  it('of specs leave out what has no influence', async () => {
    const same = { ...spec, name: 'other', backend: { ...spec.backend, kind: 'reference', threads: 3 } as const };
    expect(await specHash(same)).toBe(await specHash(spec));
    const exact: Spec = { ...spec, backend: { ...spec.backend, precision: 'exact' } };
    expect(await specHash(exact)).not.toBe(await specHash(spec));
    expect(await groupHash(exact)).not.toBe(await groupHash(spec));
    const halves: Spec = { ...spec, backend: { ...spec.backend, storage: 'f16' } };
    expect(await groupHash(halves)).not.toBe(await groupHash(spec));
    const both: Spec = { ...spec, backend: { ...spec.backend, precision: 'exact', storage: 'f16' } };
    expect(new Set(await Promise.all([spec, exact, halves, both].map((each) => specHash(each)))).size).toBe(4);
    const moved = structuredClone(spec);
    moved.model.nodes[0]!.position = { x: 1, y: 2 };
    moved.model.blocks = [{ id: 'part', title: 'Part', copies: [[moved.model.nodes[1]!.id]] }];
    moved.model.nodes[0]!.title = 'Input';
    expect(await specHash(moved)).toBe(await specHash(spec));
    expect(await specHash(specSchema.parse({ ...input, seed: 1 }))).toBe(await specHash(spec));
  });

  it('of specs from before a field was there stay as they were', async () => {
    // computed by the first version of the format
    expect(await specHash(templates['mlp-sigmoid']!)).toBe(
      '9d5eb53b84ac4c1811a24a3200d0bef4b58db1db7c60b007ccd3856ab56024ff',
    );
    expect(await specHash(templates['cnn-fashion']!)).toBe(
      'f38340259e2ae4c641638363529d7f2a6d1b4c09a1216d78a97046b868246f69',
    );
    expect(await groupHash(templates['lenet']!)).toBe('92e19b531575');
  });

  it('count mixup only where it is on', async () => {
    const hash = (augmentation: object): Promise<string> =>
      specHash(specSchema.parse({ ...smallSpec, data: { ...smallSpec.data, augmentation } }));
    // computed before the field was there
    expect(await hash({ shift: 2, flip: 0.5 })).toBe(
      '90a8faf3e1b0bf6238f0aa3fe8530d8cde4c1a0ca1d26d48294af88a3c0cc0e5',
    );
    expect(await hash({ shift: 2, flip: 0.5, mixup: 0 })).toBe(await hash({ shift: 2, flip: 0.5 }));
    expect(await hash({ shift: 2, flip: 0.5, mixup: 0.2 })).not.toBe(await hash({ shift: 2, flip: 0.5 }));
  });

  it('count a later field only where it holds something else', async () => {
    const { training } = input;
    const full = { ...training, optimizer: { kind: 'adam' }, earlyStopping: {} } as const;
    const defaults = specSchema.parse({ ...input, training: full });
    const augmented = specSchema.parse({ ...input, data: { ...input.data, augmentation: {} } });
    // what the table says is the default, is it
    for (const [path, value] of Object.entries(laterFields)) {
      const spec = path.startsWith('data.augmentation.') ? augmented : defaults;
      const held = path.split('.').reduce((at: unknown, name) => (at as Record<string, unknown>)[name], spec);
      expect(held, path).toEqual(value);
    }
    const written = {
      ...full,
      clip: null,
      l1: 0,
      optimizer: { kind: 'adam', biasCorrection: true },
      earlyStopping: { restoreBest: false },
    } as const;
    const hash = (changes: object): Promise<string> =>
      specHash(specSchema.parse({ ...input, training: { ...full, ...changes } }));
    expect(await hash(written)).toBe(await specHash(defaults));
    const changed = await Promise.all([
      specHash(defaults),
      hash({ clip: { norm: 1 } }),
      hash({ clip: { value: 1 } }),
      hash({ l1: 1e-4 }),
      hash({ optimizer: { kind: 'adam', biasCorrection: false } }),
      hash({ earlyStopping: { restoreBest: true } }),
    ]);
    expect(new Set(changed).size).toBe(changed.length);
  });

  it('differ with anything else; the group is the same for all seeds', async () => {
    const seed2 = { ...spec, seed: 2 };
    expect(await specHash(seed2)).not.toBe(await specHash(spec));
    expect(await groupHash(seed2)).toBe(await groupHash(spec));
    expect(await groupHash(spec)).toMatch(/^[0-9a-f]{12}$/);
    const wider = structuredClone(spec);
    wider.model.nodes[1]!.props = { units: 11 };
    expect(await groupHash(wider)).not.toBe(await groupHash(spec));
    expect(await groupHash({ ...spec, model: { ...spec.model, batchNorm: 'before' } })).not.toBe(await groupHash(spec));
  });
});

describe('differences of specs', () => {
  it('are the paths that differ, with all values', () => {
    const other = structuredClone(spec);
    other.name = 'another';
    other.training.optimizer.learningRate = 0.5;
    other.model.batchNorm = 'before';
    other.model.nodes[1]!.props = { units: 12 };
    other.model.nodes[1]!.title = 'Output';
    expect(diffSpecs([spec, other])).toEqual([
      { path: 'training.optimizer.learningRate', values: [0.1, 0.5] },
      { path: 'model.batchNorm', values: ['asDrawn', 'before'] },
      { path: 'model.nodes.d.props.units', values: [10, 12] },
    ]);
    expect(diffSpecs([spec, { ...spec, seed: 2 }])).toEqual([{ path: 'seed', values: [1, 2] }]);
    expect(diffSpecs([spec, { ...spec, seed: 2 }], ['seed'])).toEqual([]);
    expect(diffSpecs([spec, structuredClone(spec)])).toEqual([]);
    expect(diffSpecs([spec, { ...spec, backend: { ...spec.backend, storage: 'f16' } }])).toEqual([
      { path: 'backend.storage', values: ['f32', 'f16'] },
    ]);
  });

  it('name the stage and what is another in it; a stage that only one has is told in words', () => {
    const staged = (...stages: object[]): Spec => specSchema.parse({ ...spec, training: { ...spec.training, stages } });
    const small = { length: { epochs: 1 }, imageSize: 2 };
    const whole = { length: { steps: 4 }, learningRateFactor: 0.1, batchSize: 2, frozen: ['d'] };
    expect(diffSpecs([staged(small, whole), staged({ ...small, imageSize: [2, 3] }, whole)])).toEqual([
      { path: 'training.stages[0].imageSize', values: [2, [2, 3]] },
    ]);
    expect(diffSpecs([staged(small), staged(small, whole), spec])).toEqual([
      { path: 'training.stages[0]', values: ['1 epoch at 2×2', '1 epoch at 2×2', null] },
      { path: 'training.stages[1]', values: [null, '4 steps, batches of 2, rate × 0.1, frozen: d', null] },
    ]);
    expect(diffSpecs([staged(small, whole), staged(small, whole)])).toEqual([]);
  });

  it('match nodes by id, and show a node that is missing as one', () => {
    const other = structuredClone(spec);
    other.model.nodes.splice(1, 0, { id: 'bn', layer: 'batchNorm', props: { eps: 0.1 } });
    expect(diffSpecs([spec, other])).toEqual([{ path: 'model.nodes.bn', values: [null, 'batchNorm'] }]);
  });

  it('show forms whose fields differ', () => {
    const adam = specSchema.parse({ ...input, training: { optimizer: { kind: 'adam' }, length: { steps: 10 } } });
    const paths = diffSpecs([spec, adam]).map(({ path }) => path);
    expect(paths).toContain('training.optimizer.kind');
    expect(paths).toContain('training.optimizer.beta1');
    expect(paths).toContain('training.length.steps');
    expect(paths).toContain('training.length.epochs');
  });
});

describe('upgrades', () => {
  it('run step by step and end in the present version', () => {
    const steps = {
      1: (document: object) => ({ ...document, one: true }),
      2: (document: object) => ({ ...document, two: true }),
    };
    expect(upgradeSpec({ ablate: 1 }, steps, 3)).toEqual({
      document: { ablate: 3, one: true, two: true },
      fault: null,
    });
    expect(upgradeSpec({ ablate: 3 }, steps, 3)).toEqual({ document: { ablate: 3 }, fault: null });
  });

  it('refuse a later format with both versions, and pass over what is no spec', () => {
    expect(upgradeSpec({ ablate: 7 }).fault?.message).toMatch(/format 7.*up to 1/);
    expect(upgradeSpec({ ablate: 0 }).fault?.message).toMatch(/no format 0; write 1/);
    expect(upgradeSpec([])).toEqual({ document: [], fault: null });
    expect(upgradeSpec({ ablate: 'x' })).toEqual({ document: { ablate: 'x' }, fault: null });
  });
});
