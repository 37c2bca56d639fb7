import type { Fault } from '../errors.ts';
import { isLayerName, layerNames, type LayerName } from '../layers/layerName.ts';
import { quote, show, suggestion } from './words.ts';

/** What could be read of a node: every field is there or told as a fault. */
export interface ReadNode {
  /** Place in the list. */
  readonly place: number;
  /** The id, or "node 3" (counted from 1) if it has none that can be used. */
  readonly name: string;
  readonly id: string | undefined;
  readonly layer: LayerName | undefined;
  /** undefined: the node before in the list. */
  readonly inputs: readonly string[] | undefined;
  /** Whether `inputs` could be read. */
  readonly wired: boolean;
  readonly props: Readonly<Record<string, unknown>> | undefined;
}

/** More is no model but a mistake, or an attack. */
export const mostNodes = 100_000;
const longestId = 80;
const fields = ['id', 'layer', 'inputs', 'props', 'position', 'title'];

/** Reads any JSON value as a list of nodes. */
export function readDocument(document: unknown, faults: Fault[]): readonly ReadNode[] {
  const nodes = isRecord(document) ? document['nodes'] : undefined;
  if (!Array.isArray(nodes)) {
    faults.push({ message: 'A model is an object with a list "nodes"; this document has none.' });
    return [];
  }
  if (nodes.length > mostNodes) {
    faults.push({ message: `The model has ${nodes.length} nodes; at most ${mostNodes} are allowed.` });
    return [];
  }
  if (nodes.length === 0) {
    faults.push({ message: 'The model has no nodes; add a node of layer "input" and layers behind it.' });
  }
  const read = (nodes as readonly unknown[]).map((node, place) => readNode(node, place, faults));
  tellDuplicates(read, faults);
  return read;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function readNode(node: unknown, place: number, faults: Fault[]): ReadNode {
  const position = `node ${place + 1}`;
  if (!isRecord(node)) {
    faults.push({ message: `${position} of the list is ${show(node)}; a node is an object with "id" and "layer".` });
    return { place, name: position, id: undefined, layer: undefined, inputs: [], wired: false, props: undefined };
  }
  const id = readId(node['id'], position, faults);
  const name = id ?? position;
  const tell = (message: string): void => void faults.push(id === undefined ? { message } : { node: id, message });
  for (const key of Object.keys(node)) {
    if (!fields.includes(key))
      tell(
        `${name} has a field ${quote(key)} that no node has; ${suggestion(key, fields, `a node has ${fields.join(', ')}.`)}`,
      );
  }
  const inputs = readInputs(node['inputs'], name, tell);
  return {
    place,
    name,
    id,
    layer: readLayer(node['layer'], name, tell),
    inputs,
    wired: inputs !== undefined || node['inputs'] === undefined,
    props: readProps(node['props'], name, tell),
  };
}

function readId(id: unknown, position: string, faults: Fault[]): string | undefined {
  if (typeof id === 'string' && id.length <= longestId && /^[\p{L}\p{N}_.-]+$/u.test(id)) return id;
  const problem =
    typeof id === 'string'
      ? `the id ${show(id)}; an id is made of letters, digits, "_", "-" and ".", at most ${longestId} characters`
      : `${show(id)} as its id; give it a short name of its own, such as "dense1"`;
  faults.push({ message: `${position} of the list has ${problem}.` });
  return undefined;
}

function readLayer(layer: unknown, name: string, tell: (message: string) => void): LayerName | undefined {
  if (isLayerName(layer)) return layer;
  const all = `choose one of ${layerNames.join(', ')}.`;
  if (typeof layer === 'string')
    tell(`${name} is of an unknown layer ${quote(layer)}; ${suggestion(layer, layerNames, all)}`);
  else tell(`${name} has ${show(layer)} as its layer; ${all}`);
  return undefined;
}

function readInputs(inputs: unknown, name: string, tell: (message: string) => void): readonly string[] | undefined {
  if (inputs === undefined) return undefined;
  if (Array.isArray(inputs) && inputs.every((input) => typeof input === 'string')) return inputs;
  tell(`${name} has ${show(inputs)} as its inputs; write a list of ids, or leave it out to read the node before.`);
  return undefined;
}

function readProps(
  props: unknown,
  name: string,
  tell: (message: string) => void,
): Readonly<Record<string, unknown>> | undefined {
  if (props === undefined) return {};
  if (isRecord(props)) return props;
  tell(`${name} has ${show(props)} as its props; write an object of properties.`);
  return undefined;
}

function tellDuplicates(nodes: readonly ReadNode[], faults: Fault[]): void {
  const first = new Map<string, number>();
  for (const { id, place } of nodes) {
    if (id === undefined) continue;
    const before = first.get(id);
    if (before === undefined) first.set(id, place);
    else {
      const message = `Two nodes are called "${id}" (number ${before + 1} and ${place + 1} of the list); give one of them another id.`;
      faults.push({ node: id, message });
    }
  }
}
