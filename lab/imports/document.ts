import { z } from 'zod';
import { inputsOf, type GraphDocument } from '../../engine/index.ts';
import { LabError, type LabFault } from '../contract/errors.ts';
import { faultsOf } from '../contract/validate.ts';
import { specSchema } from '../spec/schema.ts';
import { upgradeSpec } from '../spec/upgrade.ts';
import { largestDocument, mostNodes, type Imported } from './imported.ts';
import { jsonFault } from './jsonFault.ts';
import { modelSchema } from './model.ts';

/** Version of the document that describes one architecture. */
export const architectureVersion = 1;

/** A named model as a file. */
export const architectureSchema = z.strictObject({
  ablateArchitecture: z.literal(architectureVersion).describe('Version of this format'),
  name: z.string().max(200).default(''),
  description: z.string().max(100_000).default(''),
  tags: z.array(z.string().max(60)).max(50).default([]),
  dataset: z.string().max(80).nullable().default(null).describe('Id of the data set that it was made for'),
  inputShape: z
    .tuple([z.int().min(1).max(65536), z.int().min(1).max(65536), z.int().min(1).max(65536)])
    .nullable()
    .default(null)
    .describe('Of one image: channels, height, width'),
  classes: z.int().min(1).max(65536).nullable().default(null),
  model: modelSchema,
});

const bareGraph = z.strictObject({ nodes: modelSchema.shape.nodes });

/**
 * Reads a JSON file: an architecture document, a whole spec, or a bare model { "nodes": [...] }. Throws LabError 'invalid' that
 * names file and place; a graph with faults is taken all the same, as it can be put right on the canvas.
 */
export function importDocument(text: string, file: string): Imported {
  if (text.length > largestDocument) {
    throw new LabError(
      'invalid',
      `${file} is larger than ${largestDocument / 2 ** 20} MiB; a model is a small JSON file.`,
    );
  }
  const body = text.replace(/^\ufeff/, '');
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    throw new LabError('invalid', `${file}${jsonFault(body)}`);
  }
  const bare = { name: '', description: '', tags: [], dataset: null, inputShape: null, classes: null, spec: null };
  const none = { weights: null, notes: [] };
  if (isObject(json) && 'ablate' in json) {
    const { document, fault } = upgradeSpec(json);
    if (fault) throw refusal(file, [fault]);
    const spec = parse(specSchema, document, file);
    return limited({ ...bare, name: spec.name, dataset: spec.data.dataset, model: spec.model, spec, ...none }, file);
  }
  if (isObject(json) && 'ablateArchitecture' in json) {
    const { ablateArchitecture: _version, ...architecture } = parse(architectureSchema, json, file);
    return limited({ ...bare, ...architecture, ...none }, file);
  }
  if (isObject(json) && 'nodes' in json) {
    const graph = parse(bareGraph, json, file);
    return limited({ ...bare, name: nameOf(file), model: modelSchema.parse(graph), ...none }, file);
  }
  throw new LabError(
    'invalid',
    `${file} is JSON, but no architecture, spec or model: it has neither "ablateArchitecture" nor "ablate" nor "nodes" at its top.`,
  );
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const nameOf = (file: string): string =>
  file
    .replace(/^.*[\\/]/, '')
    .replace(/\.[^.]*$/, '')
    .slice(0, 200);

function parse<S extends z.ZodType>(schema: S, json: unknown, file: string): z.output<S> {
  const nodes = isObject(json) ? (isObject(json['model']) ? json['model']['nodes'] : json['nodes']) : undefined;
  // the validator would list a fault for each of a million entries
  if (Array.isArray(nodes) && nodes.length > mostNodes) throw refusal(file, [tooMany(nodes.length)]);
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw refusal(file, faultsOf(parsed.error, json, schema));
}

const tooMany = (count: number): LabFault => ({
  message: `the model has ${count} nodes; models of up to ${mostNodes} are read.`,
});

function refusal(file: string, faults: readonly LabFault[]): LabError {
  const list = faults.slice(0, 12).map(({ message }) => `- ${message}`);
  const more = faults.length > 12 ? [`- and ${faults.length - 12} more`] : [];
  return new LabError(
    'invalid',
    [`${file} cannot be imported; nothing was stored:`, ...list, ...more].join('\n'),
    faults.slice(0, 200),
  );
}

/** Tells of a cycle: it can be drawn and put right, but should not surprise. */
function limited(imported: Imported, file: string): Imported {
  const { nodes } = imported.model;
  const name = imported.name === '' ? nameOf(file) : imported.name;
  const places = new Map(nodes.map(({ id }, i) => [id, i]));
  const reads = nodes.map((_, i) => inputsOf(nodes as GraphDocument['nodes'], i).flatMap((id) => places.get(id) ?? []));
  const cyclic = findCycle(reads);
  const notes =
    cyclic === undefined
      ? []
      : [`The model goes round in a circle at ${nodes[cyclic]!.id}; take one wire out before it is trained.`];
  return { ...imported, name, notes };
}

/** A node of a cycle; without recursion, as a chain may be thousands long. */
function findCycle(reads: readonly (readonly number[])[]): number | undefined {
  const waiting = reads.map((inputs) => inputs.length);
  const readers: number[][] = reads.map(() => []);
  reads.forEach((inputs, i) => inputs.forEach((from) => readers[from]!.push(i)));
  const ready = waiting.flatMap((count, i) => (count === 0 ? [i] : []));
  for (let at = 0; at < ready.length; at++) {
    for (const reader of readers[ready[at]!]!) if (--waiting[reader]! === 0) ready.push(reader);
  }
  const left = waiting.findIndex((count) => count > 0);
  return left < 0 ? undefined : left;
}
