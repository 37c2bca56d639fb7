import {
  defaultProps,
  describeShape,
  layers,
  normaliseProp,
  type GraphDocument,
  type LayerName,
  type NamedTensor,
  type NodeDocument,
  type PropValues,
  type Shape,
} from '../../../engine/index.ts';
import type { OnnxAttribute, OnnxNode } from '../../exports/onnx/proto.ts';
import type { Constant } from './tensor.ts';

/** A value that flows through the graph, once it is the output of one of our layers. */
export interface LayerValue {
  readonly kind: 'layer';
  readonly id: string;
  readonly shape: Shape;
}

/** Half of a pattern of several operators that together are one layer. */
export type HalfValue =
  | {
      readonly kind: 'padded';
      readonly of: LayerValue;
      readonly pads: readonly [number, number, number, number];
      readonly fill: number;
    }
  /** [N, C, 1, 1]: the mean of every channel, before its last two axes are taken away. */
  | { readonly kind: 'pooled'; readonly of: LayerValue }
  | {
      readonly kind: 'gate';
      readonly of: LayerValue;
      readonly step: 'scaled' | 'erf' | 'onePlus' | 'double' | 'hardSigmoid' | 'halved';
    }
  | { readonly kind: 'grouped'; readonly of: LayerValue; readonly groups: number; readonly eps: number | null };

export type Value = LayerValue | HalfValue | { readonly kind: 'constant'; readonly constant: Constant };

/** The document under construction, with weights, faults and notes. */
export class ModelBuilder {
  readonly nodes: NodeDocument[] = [];
  readonly weights = new Map<string, NamedTensor>();
  readonly values = new Map<string, Value>();
  readonly notes: string[] = [];
  /** What is wrong with the file, in sentences that name the node. */
  readonly faults: string[] = [];
  /** Nodes of each operator that is not supported. */
  readonly unsupported = new Map<string, string[]>();
  readonly #ids = new Set<string>();
  readonly #layers = new Map<string, { readonly node: NodeDocument; readonly inputs: readonly LayerValue[] }>();

  /** A free id like the name: "/features/conv1/Conv" becomes "features_conv1". */
  idFor(name: string, fallback: string, opType: string): string {
    const parts = name.split('/').filter(Boolean);
    const last = parts.at(-1) ?? '';
    if (parts.length > 1 && last.replace(/_\d+$/, '') === opType) parts.pop();
    const wish =
      parts
        .join('_')
        .replace(/[^\p{L}\p{N}_.-]+/gu, '_')
        .slice(0, 60) || fallback;
    let id = wish;
    for (let n = 2; this.#ids.has(id); n++) id = `${wish}_${n}`;
    this.#ids.add(id);
    return id;
  }

  /** Adds a layer; undefined after telling what does not fit. */
  add(
    layer: LayerName,
    id: string,
    inputs: readonly LayerValue[],
    props: Readonly<Record<string, unknown>>,
    place: string,
  ): LayerValue | undefined {
    const definition = layers[layer];
    const values: Record<string, unknown> = { ...defaultProps(definition.props) };
    const written: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(props)) {
      const schema = definition.props[name]!;
      const normalised = normaliseProp(schema, value);
      if (!('value' in normalised)) {
        this.faults.push(`${place}: ${name} would be ${show(value)}, but ${layer} takes ${normalised.expected}.`);
        return undefined;
      }
      values[name] = normalised.value;
      if (JSON.stringify(normalised.value) !== JSON.stringify(schema.default)) written[name] = normalised.value;
    }
    const shape = definition.shape(values as PropValues, inputs, id);
    if ('fault' in shape) {
      this.faults.push(`${place}: ${shape.fault}`);
      return undefined;
    }
    const node: NodeDocument = {
      id,
      layer,
      inputs: inputs.map((input) => input.id),
      ...(Object.keys(written).length > 0 && { props: written }),
    };
    this.nodes.push(node);
    this.#layers.set(id, { node, inputs });
    return { kind: 'layer', id, shape };
  }

  /** Puts the model's input in front. */
  input(id: string, shape: Shape): LayerValue {
    this.#ids.add(id);
    this.nodes.push({ id, layer: 'input' });
    return { kind: 'layer', id, shape };
  }

  layerOf(id: string): { readonly node: NodeDocument; readonly inputs: readonly LayerValue[] } | undefined {
    return this.#layers.get(id);
  }

  /** Changes properties of a layer that is there already: a bias that an operator behind it adds. */
  setProps(id: string, change: (props: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>): void {
    const at = this.nodes.findIndex((node) => node.id === id);
    const { props, ...rest } = this.nodes[at]!;
    const next = change(props ?? {});
    const node = Object.keys(next).length > 0 ? { ...rest, props: next } : rest;
    this.nodes[at] = node;
    this.#layers.set(id, { node, inputs: this.#layers.get(id)?.inputs ?? [] });
  }

  /** A weight under its name in a plan, if it has as many values as the layer wants. */
  weight(id: string, name: string, constant: Constant, shape: Shape, place: string): void {
    const size = shape.reduce((product, extent) => product * extent, 1);
    if (constant.values.length !== size) {
      this.faults.push(
        `${place}: ${name} has ${constant.shape.join('×')} values where ${shape.join('×')} belong, behind ${describeShape(shape)}.`,
      );
      return;
    }
    const values = Float32Array.from(constant.values);
    const key = `${id}.${name}`;
    const wrong = values.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0)
      this.faults.push(`${place}: value ${wrong} of ${name} is ${values[wrong]}; weights are finite numbers.`);
    this.weights.set(key, { name: key, dtype: 'f32', shape, values });
  }

  refuse(opType: string, place: string): void {
    this.unsupported.set(opType, [...(this.unsupported.get(opType) ?? []), place]);
  }

  /** Nodes that something of the output depends on. */
  document(output: string): GraphDocument {
    const byId = new Map(this.nodes.map((node) => [node.id, node]));
    const needed = new Set<string>();
    const stack = [output];
    while (stack.length > 0) {
      const id = stack.pop()!;
      if (needed.has(id)) continue;
      needed.add(id);
      stack.push(...(byId.get(id)?.inputs ?? []));
    }
    const nodes = this.nodes.filter(({ id }) => needed.has(id));
    for (const key of [...this.weights.keys()]) {
      if (!needed.has(key.slice(0, key.lastIndexOf('.')))) this.weights.delete(key);
    }
    return {
      // inputs are left out where they are the node before
      nodes: nodes.map((node, i) => {
        const { inputs, ...rest } = node;
        const before = i > 0 && node.layer !== 'input' ? [nodes[i - 1]!.id] : [];
        return inputs === undefined || (inputs.length === before.length && inputs[0] === before[0]) ? rest : node;
      }),
    };
  }
}

const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 60) ?? String(value);

/** Attributes of a node by name, each read with its default. */
export class Attributes {
  readonly #byName: ReadonlyMap<string, OnnxAttribute>;
  readonly #read = new Set<string>();

  constructor(node: OnnxNode) {
    this.#byName = new Map(node.attribute.map((attribute) => [attribute.name ?? '', attribute]));
  }

  int(name: string, otherwise: number): number {
    return this.get(name)?.i ?? otherwise;
  }
  float(name: string, otherwise: number): number {
    // a float32 such as 0.1 is written as the number that people meant
    const value = this.get(name)?.f;
    return value === undefined ? otherwise : Number(value.toPrecision(7));
  }
  ints(name: string): readonly number[] | undefined {
    return this.get(name)?.ints;
  }
  text(name: string, otherwise: string): string {
    const bytes = this.get(name)?.s;
    return bytes === undefined ? otherwise : new TextDecoder().decode(bytes.subarray(0, 200));
  }
  get(name: string): OnnxAttribute | undefined {
    this.#read.add(name);
    return this.#byName.get(name);
  }
  /** Names of those that nobody has asked for and that may change what is computed. */
  unread(): string[] {
    return [...this.#byName.keys()].filter((name) => !this.#read.has(name) && !idle.has(name));
  }
}

/** Attributes that change nothing where an operator is read at all: of modes that are refused, of outputs nobody reads, of rounding. */
const idle: ReadonlySet<string> = new Set([
  'cubic_coeff_a',
  'exclude_outside',
  'extrapolation_value',
  'nearest_mode',
  'noop_with_empty_axes',
  'round_mode',
  'saturate',
  'seed',
  'stash_type',
  'storage_order',
]);
