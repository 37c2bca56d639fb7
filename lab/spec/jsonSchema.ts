import { z } from 'zod';
import { nodeSchema, type JsonSchema } from '../../engine/index.ts';
import { specSchema, specVersion } from './schema.ts';

type Properties = Readonly<Record<string, JsonSchema>>;

/**
 * The JSON Schema (draft 2020-12) of a spec as people write it: fields with a default may be left out, and a node's `props`
 * are those of its layer.
 */
export function specJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(specSchema, { io: 'input', target: 'draft-2020-12' });
  const model = child(schema, 'model');
  const nodes = child(model, 'nodes');
  const {
    layer: _layer,
    props: _props,
    ...fields
  } = nodes['items'] ? ((nodes['items'] as JsonSchema)['properties'] as Properties) : {};
  return {
    $schema,
    title: 'Ablate spec',
    description: `A training run, written down (format ${specVersion}). Fields with a default may be left out.`,
    ...withChild(schema, 'model', withChild(model, 'nodes', { ...nodes, items: nodeSchema(fields) })),
  };
}

const child = (schema: JsonSchema, name: string): JsonSchema => (schema['properties'] as Properties)[name]!;

const withChild = (schema: JsonSchema, name: string, changed: JsonSchema): Record<string, unknown> => ({
  ...schema,
  properties: { ...(schema['properties'] as Properties), [name]: changed },
});

/** Every path that the schema names, lists as `[]`: `training.optimizer.learningRate`, `model.nodes[].id`. */
export function schemaPaths(schema: Record<string, unknown> = specJsonSchema()): string[] {
  const paths = new Set<string>();
  const visit = (part: unknown, path: string): void => {
    if (typeof part !== 'object' || part === null) return;
    const { properties, items, anyOf, oneOf } = part as Record<string, unknown>;
    for (const [name, below] of Object.entries(properties ?? {})) {
      const at = path === '' ? name : `${path}.${name}`;
      paths.add(at);
      visit(below, at);
    }
    if (items) visit(items, `${path}[]`);
    for (const form of [anyOf, oneOf].flat()) visit(form, path);
  };
  visit(schema, '');
  return [...paths];
}
