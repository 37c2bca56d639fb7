import { z } from 'zod';
import { specSchema, specVersion } from './schema.ts';

/** The JSON Schema (draft 2020-12) of a spec as people write it: fields with a default may be left out. */
export function specJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(specSchema, { io: 'input', target: 'draft-2020-12' });
  return {
    $schema,
    title: 'Ablate spec',
    description: `A training run, written down (format ${specVersion}). Fields with a default may be left out.`,
    ...schema,
  };
}

/** Every path that the schema names: `training.optimizer.learningRate`, `model.nodes[].id`. */
export function schemaPaths(schema: Record<string, unknown> = specJsonSchema(), at = ''): string[] {
  const paths = new Set<string>();
  const visit = (part: unknown, path: string): void => {
    if (typeof part !== 'object' || part === null) return;
    const { properties, items, anyOf, oneOf } = part as Record<string, unknown>;
    for (const [name, child] of Object.entries(properties ?? {})) {
      const below = path === '' ? name : `${path}.${name}`;
      paths.add(below);
      visit(child, below);
    }
    if (items) visit(items, `${path}[]`);
    for (const form of [anyOf, oneOf].flat()) visit(form, path);
  };
  visit(schema, at);
  return [...paths];
}
