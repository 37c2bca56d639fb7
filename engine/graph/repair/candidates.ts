import type { Fault } from '../../errors.ts';
import { layers } from '../../layers/index.ts';
import { isLayerName, type LayerName } from '../../layers/layerName.ts';
import { defaultProps, normaliseProp, type PropValues } from '../../layers/props.ts';
import type { Shape } from '../../tensor.ts';
import type { CheckedGraph, CheckOptions } from '../check.ts';
import type { NodeDocument } from '../document.ts';
import { reaches } from '../inputs.ts';
import { nearest } from '../words.ts';
import { freeId, type Repair } from './change.ts';

type Wired = NodeDocument & { readonly inputs: readonly string[] };

interface Case {
  readonly nodes: readonly Wired[];
  readonly node: Wired;
  readonly fault: Fault;
  /** Of nodes whose shape is known. */
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly options: CheckOptions;
}

export function candidates(
  nodes: readonly Wired[],
  fault: Fault,
  checked: CheckedGraph,
  options: CheckOptions,
): Repair[] {
  const shapes = new Map(checked.nodes.map(({ id, outputShape }) => [id, outputShape]));
  if (fault.node === undefined) return ofWhole(nodes, shapes, options);
  const places = nodes.flatMap((each, i) => (each.id === fault.node ? [i] : []));
  const node = nodes[places[0] ?? -1];
  if (node === undefined) return [];
  if (places.length > 1) {
    const place = places[1]!;
    const id = freeId(nodes, node.id.replace(/\d+$/, '') || node.id);
    return [{ label: `Rename the second to ${id}`, change: { kind: 'rename', place, id } }];
  }
  const on: Case = { nodes, node, fault, shapes, options };
  const wiring = ofWiring(on);
  if (wiring.length > 0) return wiring;
  if (!isLayerName(node.layer)) return [remove(node)];
  const prop = ofProps(on);
  if (prop.length > 0) return prop;
  return ofShape(on, node.layer);
}

const remove = ({ id }: NodeDocument): Repair => ({ label: `Remove ${id}`, change: { kind: 'remove', node: id } });

/** Faults that belong to no node: no input, several ends. */
function ofWhole(nodes: readonly Wired[], shapes: ReadonlyMap<string, Shape>, options: CheckOptions): Repair[] {
  if (nodes.length === 0 || !nodes.some(({ layer }) => layer === 'input')) {
    return [{ label: 'Add an input', change: { kind: 'addInput' } }];
  }
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const ends = nodes.filter(({ id }) => !read.has(id));
  if (ends.length < 2) return [];
  // the one that looks like an output stays
  const isOutput = ({ id }: Wired): boolean => shapes.get(id)?.length === 1 && shapes.get(id)![0] === options.classes;
  const keep = ends.find(isOutput) ?? ends.at(-1)!;
  return ends.filter((end) => end !== keep && end.layer !== 'input').map(remove);
}

function ofWiring({ nodes, node, shapes }: Case): Repair[] {
  const ids = nodes.map(({ id }) => id);
  const missing = node.inputs.filter((id) => !ids.includes(id));
  if (missing.length > 0) {
    return missing.map((input) => ({
      label: `Remove the wire from ${input}`,
      change: { kind: 'disconnect', node: node.id, input },
    }));
  }
  const loop = node.inputs.find((input) => input === node.id || reaches(nodes, node.id, input));
  if (loop !== undefined) {
    const change = { kind: 'disconnect', node: node.id, input: loop } as const;
    return [{ label: `Remove the wire ${loop} → ${node.id}`, change }];
  }
  if (!isLayerName(node.layer)) return [];
  const { min, max } = layers[node.layer].inputs;
  if (node.layer === 'input') return node.inputs.length > 0 || isSecondInput(nodes, node) ? [remove(node)] : [];
  if (node.inputs.length === 0 && min > 0) {
    const at = nodes.indexOf(node);
    const before = nodes.slice(0, at).findLast(({ id }) => shapes.has(id) && !reaches(nodes, node.id, id));
    const connect: Repair[] = before
      ? [{ label: `Connect ${before.id}`, change: { kind: 'connect', from: before.id, to: node.id } }]
      : [];
    return [...connect, remove(node)];
  }
  if (node.inputs.length < min) return [remove(node)];
  if (max !== null && node.inputs.length > max) {
    const known = node.inputs.map((id) => shapes.get(id)?.join());
    const equal = known.every((shape) => shape !== undefined && shape === known[0]);
    const layer = equal ? 'add' : 'concat';
    return [{ label: `Join them with ${layer}`, change: { kind: 'join', layer, to: node.id } }];
  }
  return [];
}

const isSecondInput = (nodes: readonly Wired[], node: Wired): boolean =>
  nodes.find(({ layer }) => layer === 'input') !== node;

function ofProps({ node, fault }: Case): Repair[] {
  const schemas = layers[node.layer].props;
  const given = Object.entries(node.props ?? {});
  const repairs: Repair[] = [];
  for (const [name, value] of given) {
    const schema = schemas[name];
    if (schema === undefined) {
      if (fault.prop !== undefined && fault.prop !== name) continue;
      const wish = nearest(name, Object.keys(schemas));
      repairs.push({
        label: wish === undefined ? `Drop “${name}”` : `Drop “${name}” (did you mean ${wish}?)`,
        change: { kind: 'set', node: node.id, prop: name },
      });
    } else if (!('value' in normaliseProp(schema, value)) && (fault.prop ?? name) === name) {
      const label = `Put the default of ${schema.label.toLowerCase()} back`;
      repairs.push({ label, change: { kind: 'set', node: node.id, prop: name } });
    }
  }
  return repairs;
}

function ofShape(on: Case, layer: LayerName): Repair[] {
  const { node, shapes, nodes } = on;
  const inputs = node.inputs.map((id) => ({ id, shape: shapes.get(id) }));
  if (inputs.some(({ shape }) => shape === undefined)) return [];
  const known = inputs as { id: string; shape: Shape }[];
  const own = shapes.get(node.id);
  if (own !== undefined) return ofOutput(on, own);
  const repairs: Repair[] = [];
  const input = known[0];
  if (input === undefined) return [];
  if (layer === 'add' || layer === 'concat') return [...matched(on, layer, known), remove(node)];
  // settings that would do
  for (const [prop, value] of settings(layer, node, input.shape)) {
    if (accepts(layer, { ...node.props, [prop]: value }, known)) {
      const label = `Set ${layers[layer].props[prop]!.label.toLowerCase()} to ${String(value)}`;
      repairs.push({ label, change: { kind: 'set', node: node.id, prop, value } });
    }
  }
  for (const between of ['flatten', 'globalAvgPool2d'] as const) {
    const shape = outputOf(between, {}, [input]);
    if (shape !== undefined && accepts(layer, node.props, [{ id: input.id, shape }])) {
      const label = between === 'flatten' ? 'Insert flatten' : 'Insert global pooling';
      repairs.push({ label, change: { kind: 'insert', layer: between, from: input.id, to: node.id } });
    }
  }
  const isEnd = !nodes.some((each) => each.inputs.includes(node.id));
  if (known.length === 1 && !(isEnd && layer === 'dense')) repairs.push(remove(node));
  return repairs;
}

/** Single settings that often take a shape fault away. */
function settings(layer: LayerName, node: Wired, shape: Shape): [string, unknown][] {
  const schemas = layers[layer].props;
  const tries: [string, unknown][] = [];
  if (Object.hasOwn(schemas, 'groups')) {
    const now = Number(node.props?.['groups'] ?? schemas['groups']!.default);
    const filters = Number(node.props?.['filters'] ?? shape[0]);
    const common = gcd(gcd(shape[0] ?? 1, filters), now);
    tries.push(['groups', layer === 'groupNorm' && common === shape[0] && shape.length === 1 ? 1 : common]);
  }
  if (Object.hasOwn(schemas, 'padding')) tries.push(['padding', 'same']);
  if (Object.hasOwn(schemas, 'kernel')) tries.push(['kernel', Math.min(shape[1] ?? 1, shape[2] ?? 1)]);
  return tries;
}

const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** Inputs of an add or concat brought to one shape: a 1×1 convolution (with stride), or a resize. */
function matched({ node }: Case, layer: 'add' | 'concat', inputs: readonly { id: string; shape: Shape }[]): Repair[] {
  const images = inputs.filter(({ shape }) => shape.length === 3);
  if (images.length < inputs.length) {
    const flat = inputs.filter(({ shape }) => shape.length === 1);
    const odd = images[0];
    if (layer === 'concat' && flat.length > 0 && images.length === 1 && odd) {
      return [{ label: 'Insert flatten', change: { kind: 'insert', layer: 'flatten', from: odd.id, to: node.id } }];
    }
    const [first, second] = inputs;
    if (layer === 'add' && images.length === 0 && first && second) {
      const change = {
        kind: 'insert',
        layer: 'dense',
        props: { units: first.shape[0]! },
        from: second.id,
        to: node.id,
      } as const;
      return [{ label: `Match ${second.id} by a dense layer`, change }];
    }
    return [];
  }
  // the smallest image with the most channels is what the others are brought to: that is where a block has led
  const target = images.reduce((best, each) =>
    each.shape[1]! < best.shape[1]! || (each.shape[1] === best.shape[1] && each.shape[0]! > best.shape[0]!)
      ? each
      : best,
  );
  const [channels, height, width] = target.shape as [number, number, number];
  const repairs: Repair[] = [];
  for (const { id, shape } of images) {
    const fits = shape[1] === height && shape[2] === width;
    if (fits && (layer === 'concat' || shape[0] === channels)) continue;
    const stride = [Math.ceil(shape[1]! / height), Math.ceil(shape[2]! / width)];
    const props = {
      filters: layer === 'add' ? channels : shape[0]!,
      kernel: [1, 1],
      ...(stride.some((each) => each > 1) && { stride }),
    };
    const shaped = outputOf('conv2d', props, [{ id, shape }]);
    if (layer === 'add' && shaped?.join() === target.shape.join()) {
      const change = { kind: 'insert', layer: 'conv2d', props, from: id, to: node.id } as const;
      repairs.push({ label: `Match ${id} by a 1×1 conv`, change });
    } else if (shape[0] === channels || layer === 'concat') {
      const change = {
        kind: 'insert',
        layer: 'resize',
        props: { size: [height, width] },
        from: id,
        to: node.id,
      } as const;
      repairs.push({ label: `Resize ${id} to ${height}×${width}`, change });
    }
  }
  return repairs;
}

/** The last node gives something else than one number per class. */
function ofOutput({ node, options }: Case, shape: Shape): Repair[] {
  const { classes } = options;
  if (classes === undefined) return [];
  const dense = { layer: 'dense', props: { units: classes } } as const;
  if (shape.length === 1) {
    if (node.layer === 'dense') {
      return [
        { label: `Set units to ${classes}`, change: { kind: 'set', node: node.id, prop: 'units', value: classes } },
      ];
    }
    return [{ label: `Add a dense layer of ${classes} units`, change: { kind: 'insert', ...dense, from: node.id } }];
  }
  if (shape.length !== 3) return [];
  return [
    {
      label: 'Add global pooling and a dense layer',
      change: { kind: 'insert', layer: 'globalAvgPool2d', from: node.id, then: dense },
    },
    {
      label: 'Add flatten and a dense layer',
      change: { kind: 'insert', layer: 'flatten', from: node.id, then: dense },
    },
  ];
}

function outputOf(
  layer: LayerName,
  props: Readonly<Record<string, unknown>> | undefined,
  inputs: readonly { readonly id: string; readonly shape: Shape }[],
): Shape | undefined {
  const { props: schemas, shape } = layers[layer];
  const values: Record<string, unknown> = { ...defaultProps(schemas) };
  for (const [name, value] of Object.entries(props ?? {})) {
    const normalised = schemas[name] === undefined ? undefined : normaliseProp(schemas[name], value);
    if (normalised === undefined || !('value' in normalised)) return undefined;
    values[name] = normalised.value;
  }
  const result = shape(values as PropValues, inputs, layer);
  return 'fault' in result ? undefined : result;
}

const accepts = (...trial: Parameters<typeof outputOf>): boolean => outputOf(...trial) !== undefined;
