import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { layers } from '../../../engine/index.ts';
import { checkSpec } from '../../../lab/spec/check.ts';
import { schemaPaths, specJsonSchema } from '../../../lab/spec/jsonSchema.ts';
import { specSchema } from '../../../lab/spec/schema.ts';
import { dataset } from '../fakes.ts';

const text = readFileSync(new URL('../../../docs/spec.md', import.meta.url), 'utf8');

describe('docs/spec.md', () => {
  it('names every path of the JSON Schema', () => {
    const paths = schemaPaths();
    expect(paths.length).toBeGreaterThan(70);
    expect(paths).toContain('model.nodes[].props.weightInit.kind');
    expect(paths.filter((path) => !text.includes(`\`${path}\``))).toEqual([]);
  });

  it('names no path that the schema does not have', () => {
    const paths = new Set(schemaPaths());
    const named = [...text.matchAll(/`((?:data|model|training|backend)\.[\w.[\]]+)`/g)].map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(60);
    expect(named.filter((path) => !paths.has(path))).toEqual([]);
  });

  it('names every layer, with its settings', () => {
    for (const { name, props } of Object.values(layers)) {
      const row = text.split('\n').find((line) => line.startsWith('|') && line.split('|')[1]!.includes(`\`${name}\``));
      expect(row, name).toBeDefined();
      for (const prop of Object.keys(props)) expect(row, `${name}.${prop}`).toContain(`\`${prop}\``);
    }
  });

  it('begins with a spec that runs', () => {
    const example: unknown = JSON.parse(/```json\n([^`]+)```/.exec(text)![1]!);
    const mnist = dataset('mnist', {
      imageShape: [1, 28, 28],
      classes: Array.from({ length: 10 }, String),
      trainImages: 60000,
    });
    expect(checkSpec(example, [mnist]).faults).toEqual([]);
  });
});

describe('the JSON Schema', () => {
  it('requires what has no default, and refuses what is unknown', () => {
    const schema = specJsonSchema() as {
      required: string[];
      additionalProperties: boolean;
      properties: Record<string, unknown>;
    };
    expect(schema.required.sort()).toEqual(['ablate', 'data', 'model', 'training']);
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties).sort()).toEqual(Object.keys(specSchema.shape).sort());
    expect(JSON.parse(JSON.stringify(schema))).toEqual(schema);
  });
});
