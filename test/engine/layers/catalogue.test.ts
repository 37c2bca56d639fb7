import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { layers } from '../../../engine/layers/index.ts';
import { describeInitializer, initializerKinds, type InitializerKind } from '../../../engine/layers/initializer.ts';
import { describeShape } from '../../../engine/layers/layer.ts';
import { isLayerName, layerNames } from '../../../engine/layers/layerName.ts';
import { defaultProps, normaliseProp, type PropSchema } from '../../../engine/layers/props.ts';
import { nodeSchema, propsSchema } from '../../../engine/layers/schema.ts';

const sentence = /^[A-Z0-9(].*[.]$/;

describe.each(layerNames)('layer %s', (name) => {
  const layer = layers[name];

  it('stands in its own file, under its own name, with words for people', () => {
    expect(layer.name).toBe(name);
    expect(existsSync(new URL(`../../../engine/layers/${name}.ts`, import.meta.url))).toBe(true);
    expect(layer.title).toMatch(/^[A-Z]/);
    expect(layer.summary).toMatch(sentence);
    expect(layer.help).toMatch(sentence);
    if (layer.reference !== undefined) expect(layer.reference.url).toMatch(/^https:\/\//);
  });

  it('declares properties that a form can show and whose defaults are legal', () => {
    for (const [prop, schema] of Object.entries(layer.props)) {
      expect(schema.label, prop).toMatch(/^[A-Z]/);
      expect(schema.help, prop).toMatch(/^[A-Za-z0-9[].*\.$/);
      expect(normaliseProp(schema, schema.default), prop).toEqual({ value: schema.default });
      if (schema.when !== undefined) expect(Object.keys(layer.props), prop).toContain(schema.when.prop);
    }
    expect(layer.describe(defaultProps(layer.props))).not.toContain('undefined');
  });

  it('has a JSON schema with its properties and nothing else', () => {
    const schema = propsSchema(layer) as { properties: Record<string, { description: string; default: unknown }> };
    expect(Object.keys(schema.properties)).toEqual(Object.keys(layer.props));
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    for (const each of Object.values(schema.properties)) {
      expect(each.description.length).toBeGreaterThan(5);
      expect(each).toHaveProperty('default');
    }
  });
});

describe('the catalogue', () => {
  it('knows its names', () => {
    expect(Object.keys(layers)).toEqual([...layerNames]);
    expect(isLayerName('dense')).toBe(true);
    expect(isLayerName('toString')).toBe(false);
    expect(isLayerName(3)).toBe(false);
  });

  it('gives a node schema that tells the layers apart', () => {
    const schema = nodeSchema({ id: { type: 'string' } }) as { oneOf: { properties: { layer: { const: string } } }[] };
    expect(schema.oneOf.map(({ properties }) => properties.layer.const)).toEqual([...layerNames]);
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });

  it('names shapes for people', () => {
    expect(describeShape([1])).toBe('1 feature');
    expect(describeShape([784])).toBe('784 features');
    expect(describeShape([3, 32, 32])).toBe('an image of 3×32×32');
    expect(describeShape([2, 3])).toBe('2×3');
  });
});

describe('properties', () => {
  const base = { label: 'L', help: 'H.' };
  const integer: PropSchema = { ...base, kind: 'integer', default: 1, min: 1, max: 9 };
  const number: PropSchema = { ...base, kind: 'number', default: 1, min: 0, max: 2, nullMeans: 'none' };
  const pair: PropSchema = { ...base, kind: 'pair', default: [1, 1], min: 1, max: 9 };
  const pads: PropSchema = { ...base, kind: 'pads', default: [0, 0, 0, 0], min: 0, max: 9 };
  const init: PropSchema = { ...base, kind: 'initializer', default: { kind: 'zeros' } };

  it.each<[PropSchema, unknown, unknown]>([
    [integer, 9, 9],
    [number, null, null],
    [number, 0.5, 0.5],
    [pair, 3, [3, 3]],
    [pair, [2, 3], [2, 3]],
    [pads, 1, [1, 1, 1, 1]],
    [pads, [1, 2], [1, 2, 1, 2]],
    [pads, [1, 2, 3, 4], [1, 2, 3, 4]],
    [init, 'he', { kind: 'he', distribution: 'normal', gain: 1 }],
    [init, { kind: 'glorot', distribution: 'uniform' }, { kind: 'glorot', distribution: 'uniform', gain: 1 }],
    [init, { kind: 'normal' }, { kind: 'normal', std: 0.1 }],
    [init, { kind: 'zeros' }, { kind: 'zeros' }],
  ])('brings %j %j to one form', (schema, value, canonical) => {
    expect(normaliseProp(schema, value)).toEqual({ value: canonical });
  });

  it.each<[PropSchema, unknown]>([
    [integer, 10],
    [integer, 1.5],
    [integer, null],
    [integer, '3'],
    [number, Infinity],
    [number, 2.1],
    [pair, null],
    [pair, [1]],
    [pair, [1, 2, 3]],
    [pair, [0, 1]],
    [pads, [1, 2, 3]],
    [pads, -1],
    [init, 'xavier'],
    [init, null],
    [init, []],
    [init, { kind: 'he', mode: 'fanIn' }],
    [init, { kind: 'he', distribution: 'odd' }],
    [init, { kind: 'normal', std: -1 }],
    [init, { kind: 'constant', value: '1' }],
  ])('refuses %j %j and says what it takes', (schema, value) => {
    const answer = normaliseProp(schema, value);
    expect(answer).toHaveProperty('expected');
    expect((answer as { expected: string }).expected.length).toBeGreaterThan(5);
  });

  it('names initialisers', () => {
    const names = (Object.keys(initializerKinds) as InitializerKind[]).map((kind) => {
      const answer = normaliseProp(init, kind);
      return 'value' in answer ? describeInitializer(answer.value as Parameters<typeof describeInitializer>[0]) : '';
    });
    expect(names).toEqual([
      'zeros',
      'constant 0',
      'normal, std 0.1',
      'uniform ±0.1',
      'Glorot normal',
      'He normal',
      'LeCun normal',
      'orthogonal',
      'LSUV',
    ]);
  });
});
