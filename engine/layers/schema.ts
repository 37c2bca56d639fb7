import { initializerKinds } from './initializer.ts';
import { layers } from './index.ts';
import { layerNames } from './layerName.ts';
import type { LayerDefinition } from './layer.ts';
import type { PropSchema } from './props.ts';

/** A JSON Schema (2020-12), as plain data. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Schema of `props` of one layer. */
export function propsSchema({ title, props }: LayerDefinition): JsonSchema {
  return {
    type: 'object',
    description: `Properties of ${title}`,
    properties: Object.fromEntries(Object.entries(props).map(([name, prop]) => [name, propSchema(prop)])),
    additionalProperties: false,
  };
}

/** Schema of a node: a choice by `layer`, each with its own properties. `fields` are the schemas of the other fields. */
export function nodeSchema(fields: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return {
    oneOf: layerNames.map((name) => ({
      type: 'object',
      description: layers[name].summary,
      properties: { ...fields, layer: { const: name }, props: propsSchema(layers[name]) },
      required: ['id', 'layer'],
      additionalProperties: false,
    })),
  };
}

function propSchema(prop: PropSchema): JsonSchema {
  const description = prop.unit === undefined ? prop.help : `${prop.help} Unit: ${prop.unit}.`;
  return { ...valueSchema(prop), default: prop.default, description };
}

function valueSchema(prop: PropSchema): JsonSchema {
  switch (prop.kind) {
    case 'integer':
      return { type: 'integer', minimum: prop.min, maximum: prop.max };
    case 'number':
      return orNull({ type: 'number', minimum: prop.min, maximum: prop.max }, prop.nullMeans);
    case 'boolean':
      return { type: 'boolean' };
    case 'choice':
      return { enum: prop.options.map(({ value }) => value) };
    case 'pair': {
      const { whole, list } = wholes(prop);
      return { anyOf: [whole, list(2), ...(prop.nullMeans === undefined ? [] : [{ type: 'null' }])] };
    }
    case 'pads': {
      const { whole, list } = wholes(prop);
      return { anyOf: [whole, list(2), list(4)] };
    }
    case 'initializer':
      return initializerSchema();
  }
}

function wholes({ min, max }: { readonly min: number; readonly max: number }): {
  readonly whole: JsonSchema;
  list(length: number): JsonSchema;
} {
  const whole = { type: 'integer', minimum: min, maximum: max };
  return { whole, list: (length) => ({ type: 'array', items: whole, minItems: length, maxItems: length }) };
}

const orNull = (schema: JsonSchema, nullMeans: string | undefined): JsonSchema =>
  nullMeans === undefined ? schema : { anyOf: [schema, { type: 'null' }] };

function initializerSchema(): JsonSchema {
  const kinds = Object.entries(initializerKinds).map(([kind, { help, numbers, distributions }]) => ({
    type: 'object',
    description: help,
    properties: {
      kind: { const: kind },
      ...(distributions ? { distribution: { enum: ['normal', 'uniform'], default: 'normal' } } : {}),
      ...Object.fromEntries(
        numbers.map((each) => [
          each.name,
          {
            type: each.whole === true ? 'integer' : 'number',
            minimum: each.min,
            maximum: each.max,
            default: each.default,
          },
        ]),
      ),
    },
    required: ['kind'],
    additionalProperties: false,
  }));
  return { anyOf: [{ enum: Object.keys(initializerKinds) }, ...kinds] };
}
