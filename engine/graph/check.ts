import type { Fault } from '../errors.ts';
import { layers } from '../layers/index.ts';
import { describeShape, type BufferSpec, type LayerDefinition, type ParameterSpec } from '../layers/layer.ts';
import type { LayerName } from '../layers/layerName.ts';
import { normaliseProp, type PropValues } from '../layers/props.ts';
import { sizeOf, type Shape } from '../tensor.ts';
import { readDocument, type ReadNode } from './read.ts';
import { listWords, quote, show, suggestion } from './words.ts';
import { wire, type Wiring } from './wiring.ts';

/** A node that has been checked. Shapes are those of one image. */
export interface CheckedNode {
  readonly id: string;
  readonly layer: LayerName;
  /** Every property in its canonical form, defaults filled in. */
  readonly props: PropValues;
  readonly inputs: readonly string[];
  readonly inputShapes: readonly Shape[];
  readonly outputShape: Shape;
  readonly parameters: readonly ParameterSpec[];
  readonly parameterCount: number;
  readonly buffers: readonly BufferSpec[];
  /** Multiply-accumulates per image. */
  readonly macs: number;
  /** Place among `nodes`. */
  readonly order: number;
  /** Place in the document's list. */
  readonly place: number;
}

export interface CheckedGraph {
  /** Whether it can be trained: no faults. */
  readonly ok: boolean;
  /** Everything that is wrong, in the order of the document; what belongs to no node comes last. */
  readonly faults: readonly Fault[];
  /** Inputs before readers. With faults: the nodes whose shape is known all the same. */
  readonly nodes: readonly CheckedNode[];
  /** The node that nobody reads; empty if there is no such one. */
  readonly outputId: string;
}

export interface CheckOptions {
  /** Of one image, [C, H, W]. Null while the data set is not known: shapes stay open, everything else is checked. */
  readonly inputShape: Shape | null;
  /** Classes of the data set; left out, any number of outputs will do. */
  readonly classes?: number;
  /** A part of a network: what it ends in is read elsewhere, and need not be one number per class. */
  readonly isPart?: boolean;
}

/** Values of one node for one image, and of one parameter: more cannot be held in memory with any batch. */
const mostValues = 2 ** 28;

/**
 * Checks a model document, whatever JSON it is, and finds all faults at once. Never throws. What follows from another fault is
 * not told again: a node behind an unknown shape is only asked about its own properties.
 */
export function checkGraph(document: unknown, options: CheckOptions): CheckedGraph {
  const faults: Fault[] = [];
  const nodes = readDocument(document, faults);
  if (nodes.length === 0) return { ok: false, faults, nodes: [], outputId: '' };
  const wiring = wire(nodes, faults);
  const check = new Check(nodes, wiring, options, faults);
  return check.run();
}

class Check {
  readonly #nodes: readonly ReadNode[];
  readonly #wiring: Wiring;
  readonly #options: CheckOptions;
  readonly #faults: Fault[];
  readonly #checked = new Map<number, CheckedNode>();

  constructor(nodes: readonly ReadNode[], wiring: Wiring, options: CheckOptions, faults: Fault[]) {
    this.#nodes = nodes;
    this.#wiring = wiring;
    this.#options = options;
    this.#faults = faults;
  }

  run(): CheckedGraph {
    const entrances = this.#nodes.filter(({ layer }) => layer === 'input');
    const unknown = this.#nodes.some(({ layer }) => layer === undefined);
    if (entrances.length === 0 && !unknown) {
      this.#faults.push({ message: 'The model has no input; add a node of layer "input" in front.' });
    }
    for (const extra of entrances.slice(1)) {
      this.#tell(extra, `${extra.name} is a second input beside ${entrances[0]!.name}; a model has exactly one.`);
    }
    const props = this.#nodes.map((node) => (node.layer === undefined ? undefined : this.#checkProps(node)));
    for (const node of this.#nodes) this.#checkArity(node, entrances.length > 0);
    for (const place of this.#wiring.order) this.#checkNode(this.#nodes[place]!, props[place]);
    const output = this.#checkOutput();
    const checked = [...this.#checked.values()];
    const open = this.#options.inputShape === null;
    if (!open && this.#faults.length === 0 && checked.every(({ parameters }) => parameters.length === 0)) {
      this.#faults.push({ message: 'The model has nothing to learn; add a dense or convolution layer.' });
    }
    return {
      ok: !open && this.#faults.length === 0,
      faults: this.#inOrder(),
      nodes: checked,
      outputId: output?.id ?? '',
    };
  }

  #tell(node: ReadNode, message: string, prop?: string): void {
    this.#faults.push({
      ...(node.id === undefined ? {} : { node: node.id }),
      ...(prop === undefined ? {} : { prop }),
      message,
    });
  }

  /** The node's properties with defaults, or undefined after telling each one that is wrong. */
  #checkProps(node: ReadNode): PropValues | undefined {
    const schemas = layers[node.layer!].props;
    const given = node.props;
    if (given === undefined) return undefined;
    let ok = true;
    for (const name of Object.keys(given)) {
      if (Object.hasOwn(schemas, name)) continue;
      const known = Object.keys(schemas).filter((each) => schemas[each]!.hidden !== true);
      const all = known.length === 0 ? `${node.layer!} has none.` : `${node.layer!} has ${known.join(', ')}.`;
      this.#tell(node, `${node.name} has no property ${quote(name)}; ${suggestion(name, known, all)}`, name);
      ok = false;
    }
    const values: Record<string, unknown> = {};
    for (const [name, schema] of Object.entries(schemas)) {
      const value = Object.hasOwn(given, name) ? given[name] : undefined;
      if (value === undefined) {
        values[name] = schema.default;
        continue;
      }
      const normalised = normaliseProp(schema, value);
      if ('value' in normalised) {
        values[name] = normalised.value;
      } else {
        this.#tell(node, `${node.name} has ${name} ${show(value)}; it takes ${normalised.expected}.`, name);
        ok = false;
      }
    }
    return ok ? (values as PropValues) : undefined;
  }

  #checkArity(node: ReadNode, hasEntrance: boolean): void {
    if (node.layer === undefined || !node.wired) return;
    const { min, max } = layers[node.layer].inputs;
    const read = this.#wiring.inputs[node.place]!;
    const names = listWords(read.map((place) => this.#nodes[place]?.name ?? 'one that is missing'));
    if (max === 0 && read.length > 0) {
      this.#tell(node, `${node.name} is the input and reads ${names}; leave its inputs out.`);
    } else if (read.length === 0 && min > 0) {
      // Without an input node the first layer cannot read one; the missing input has been told.
      if (hasEntrance || node.place > 0) {
        this.#tell(node, `${node.name} reads no node, so nothing of the input reaches it; connect it or remove it.`);
      }
    } else if (read.length < min) {
      this.#tell(node, `${node.name} reads only ${names}, but takes at least ${min} nodes; connect another one.`);
    } else if (max !== null && read.length > max && max > 0) {
      this.#tell(
        node,
        `${node.name} reads ${read.length} nodes (${names}), but takes ${max}; join them with an add or concat before it.`,
      );
    }
  }

  #checkNode(node: ReadNode, props: PropValues | undefined): void {
    const { id, layer } = node;
    if (id === undefined || layer === undefined || props === undefined) return;
    const definition = layers[layer];
    const sources = this.#wiring.inputs[node.place]!.map((place) => this.#checked.get(place));
    const known = sources.filter((source) => source !== undefined);
    if (known.length < sources.length || !node.wired) return;
    const { min, max } = definition.inputs;
    if (known.length < min || (max !== null && known.length > max)) return;
    const inputs = known.map((source) => ({ id: source.id, shape: source.outputShape }));
    const shape = layer === 'input' ? this.#options.inputShape : definition.shape(props, inputs, id);
    if (shape === null) return;
    if ('fault' in shape) {
      this.#tell(node, shape.fault, shape.prop);
      return;
    }
    this.#enter(node, id, definition, props, inputs, shape);
  }

  #enter(
    node: ReadNode,
    id: string,
    definition: LayerDefinition,
    props: PropValues,
    inputs: readonly { readonly id: string; readonly shape: Shape }[],
    outputShape: Shape,
  ): void {
    const inputShapes = inputs.map(({ shape }) => shape);
    const parameters = definition.parameters(props, inputShapes);
    const largest = Math.max(sizeOf(outputShape), ...parameters.map(({ shape }) => sizeOf(shape)));
    if (largest > mostValues) {
      this.#tell(
        node,
        `${id} needs ${largest.toExponential(1)} values in one tensor; make it smaller (at most ${mostValues}).`,
      );
      return;
    }
    this.#checked.set(node.place, {
      id,
      layer: definition.name,
      props,
      inputs: inputs.map((input) => input.id),
      inputShapes,
      outputShape,
      parameters,
      parameterCount: parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      buffers: definition.buffers(props, inputShapes),
      macs: definition.macs(props, inputShapes, outputShape),
      order: this.#checked.size,
      place: node.place,
    });
  }

  /** The one node that nobody reads, and whether it gives one number per class. */
  #checkOutput(): ReadNode | undefined {
    if (!this.#wiring.sound) return undefined;
    const ends = this.#nodes.filter(({ place }) => this.#wiring.readers[place]!.length === 0);
    if (ends.length > 1) {
      const names = listWords(ends.map(({ name }) => name));
      const message = `The model ends in ${ends.length} nodes, ${names}; let others read all but one, or remove them.`;
      this.#faults.push({ message });
      return undefined;
    }
    const end = ends[0];
    const shape = end === undefined ? undefined : this.#checked.get(end.place)?.outputShape;
    const { classes, isPart = false } = this.#options;
    if (end === undefined || shape === undefined || isPart) return end;
    const wanted = classes === undefined ? 'one number per class' : `${classes} numbers, one per class`;
    if (shape.length !== 1) {
      this.#tell(
        end,
        `The model ends in ${end.name} with ${describeShape(shape)}, but must give ${wanted}; put a flatten or a global pooling and a dense layer behind it.`,
      );
    } else if (classes !== undefined && shape[0] !== classes) {
      const unit = shape[0] === 1 ? 'output' : 'outputs';
      this.#tell(
        end,
        `The model ends in ${shape[0]} ${unit} (${end.name}), but the data set has ${classes} classes; give the last dense layer ${classes} units.`,
      );
    }
    return end;
  }

  #inOrder(): readonly Fault[] {
    const places = new Map(this.#nodes.map(({ id, place }) => [id, place]));
    const placeOf = ({ node }: Fault): number => (node === undefined ? Infinity : (places.get(node) ?? Infinity));
    return [...this.#faults].sort((a, b) => {
      const [first, second] = [placeOf(a), placeOf(b)];
      return first === second ? 0 : first - second;
    });
  }
}
