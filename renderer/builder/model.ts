/**
 * The network of a spec as the builder shows it: with the network-wide switches applied, checked, described, costed.
 * The one place of the interface that talks to the engine's catalogue.
 */
import {
  checkGraph,
  costOf,
  defaultProps,
  describeGraph,
  isLayerName,
  layers,
  normaliseProp,
  heldOut,
  stageSpans,
  withBatchNorm,
  withDropout,
  withRepairs,
  type CheckedGraph,
  type Cost,
  type GraphDocument,
  type LayerCategory,
  type LayerDefinition,
  type LayerName,
  type NodeDescription,
  type PropValues,
  type Repair,
  type RepairedFault,
} from '../../engine/index.ts';
import type { LabFault } from '../../lab/contract/errors.ts';
import type { DatasetRecord } from '../../lab/contract/records.ts';
import { stageSettings, type Spec } from '../../lab/contract/spec.ts';
import { isSame } from '../state/patch.ts';

export type SpecNode = Spec['model']['nodes'][number];

export interface ModelNode {
  readonly id: string;
  readonly layer: LayerName;
  readonly title: string;
  readonly category: LayerCategory;
  readonly properties: string;
  readonly inputs: readonly string[];
  /** Of one image; null while it cannot be known. */
  readonly outputShape: readonly number[] | null;
  readonly parameters: number | null;
  readonly macs: number | null;
  readonly receptiveField: readonly [number, number] | null;
  /** Put there by a network-wide switch, not drawn. */
  readonly inserted: boolean;
  readonly faults: readonly RepairedFault[];
  /** What would take its first fault away. */
  readonly repairs: readonly Repair[];
}

export interface Inspection {
  readonly nodes: readonly ModelNode[];
  readonly faults: readonly RepairedFault[];
  /** Null while the graph has faults: sums over a part of it would mislead. */
  readonly cost: Cost | null;
  readonly outputId: string;
}

/** The network that is trained: as drawn, with batch norm and dropout across it where the spec says so. */
export function effectiveGraph(model: Spec['model']): GraphDocument {
  let graph = { nodes: model.nodes } as GraphDocument;
  if (model.batchNorm !== 'asDrawn') graph = withBatchNorm(graph, model.batchNorm);
  if (model.dropout !== null) graph = withDropout(graph, model.dropout);
  return graph;
}

/** Whether the network that is trained keeps running statistics. Of a faulty drawing, what a sound one would have. */
export function hasBatchNorm({ nodes, batchNorm }: Spec['model']): boolean {
  // switches leave the noisy ones of a control experiment where they are
  if (nodes.some(({ layer }) => layer === 'noisyBatchNorm')) return true;
  if (batchNorm === 'asDrawn') return nodes.some(({ layer }) => layer === 'batchNorm');
  return batchNorm !== 'none';
}

/** Of one image as the last stage trains on it. */
function inputShapeOf({ training }: Spec, { imageShape }: DatasetRecord): readonly number[] {
  const size = stageSettings(training).at(-1)?.imageSize;
  return size ? [imageShape[0], ...size] : imageShape;
}

export function inspectModel(spec: Spec, dataset: DatasetRecord): Inspection {
  const options = { inputShape: inputShapeOf(spec, dataset), classes: dataset.classes.length };
  const drawn = { nodes: spec.model.nodes } as GraphDocument;
  // the network-wide switches need a sound graph to work on; a faulty one is shown as it is drawn
  let graph = drawn;
  let checked = checkGraph(drawn, options);
  if (checked.ok) {
    graph = effectiveGraph(spec.model);
    checked = checkGraph(graph, options);
  }
  const { optimizer } = spec.training;
  const cost = checked.ok ? costOf(checked, { batchSize: spec.training.batchSize, optimizer }) : null;
  const faults = withRepairs(graph, checked, options);
  const own = new Set(spec.model.nodes.map((node) => node.id));
  return { nodes: nodesOf(graph, own, checked, faults), faults, cost, outputId: checked.outputId };
}

/** Layers one behind the other that read images of this shape, and are read by nobody yet: what each gives and what is wrong. */
export function inspectChain(chain: readonly SpecNode[], inputShape: readonly number[], input: string): ModelNode[] {
  const graph = { nodes: [{ id: input, layer: 'input' }, ...chain] } as GraphDocument;
  const options = { inputShape, isPart: true };
  const checked = checkGraph(graph, options);
  const own = new Set(graph.nodes.map((node) => node.id));
  return nodesOf(graph, own, checked, withRepairs(graph, checked, options)).slice(1);
}

function nodesOf(
  graph: GraphDocument,
  drawn: ReadonlySet<string>,
  checked: CheckedGraph,
  all: readonly RepairedFault[],
): ModelNode[] {
  const known = new Map<string, NodeDescription>(describeGraph(checked).map((node) => [node.id, node]));
  const faults = new Map<string, RepairedFault[]>();
  for (const fault of all) {
    if (fault.node !== undefined) faults.set(fault.node, [...(faults.get(fault.node) ?? []), fault]);
  }
  return graph.nodes.map((node, i) => {
    const description = known.get(node.id);
    // the layer of an imported document may be none of the catalogue
    const layer = (layers as Partial<typeof layers>)[node.layer];
    return {
      id: node.id,
      layer: node.layer,
      title: titleOf(node.layer),
      category: layer?.category ?? 'shape',
      properties: description?.properties ?? (layer ? words(layer, node.props ?? {}) : ''),
      inputs: node.inputs ?? (i > 0 && node.layer !== 'input' ? [graph.nodes[i - 1]!.id] : []),
      outputShape: description?.outputShape ?? null,
      parameters: description?.parameters ?? null,
      macs: description?.macs ?? null,
      receptiveField: description?.receptiveField ?? null,
      inserted: !drawn.has(node.id),
      faults: faults.get(node.id) ?? [],
      repairs: faults.get(node.id)?.[0]?.repairs ?? [],
    };
  });
}

/** Faults that only the lab finds, such as weights that do not fit, on the nodes that they are about. */
export function withLabFaults(inspection: Inspection, faults: readonly LabFault[]): Inspection {
  if (inspection.faults.length > 0 || faults.every(({ node }) => node === undefined)) return inspection;
  const nodes = inspection.nodes.map((node) => {
    const own = faults.filter((fault) => fault.node === node.id);
    return own.length === 0 ? node : { ...node, faults: own.map((fault) => ({ ...fault, repairs: [] })) };
  });
  return { ...inspection, nodes };
}

/** The same inspection with every node that says what it said before as the very same object, so that its card is left alone. */
export function keepNodes(before: Inspection | null, after: Inspection | null): Inspection | null {
  if (before === null || after === null) return after;
  const known = new Map(before.nodes.map((node) => [node.id, node]));
  const nodes = after.nodes.map((node) => {
    const old = known.get(node.id);
    return old !== undefined && isSame(old, node) ? old : node;
  });
  return { ...after, nodes };
}

/** What people call a kind of layer; one that the catalogue does not have keeps its name. */
export const titleOf = (layer: string): string => (isLayerName(layer) ? layers[layer].title : layer);

/** The properties in words where the shapes are not known; nothing while one of them is wrong. */
function words(layer: LayerDefinition, given: Readonly<Record<string, unknown>>): string {
  const values = fullProps(layer, given);
  return values === null ? '' : layer.describe(values);
}

/** Every property in its canonical form, defaults filled in; null while one of them is wrong. */
export function fullProps(layer: LayerDefinition, given: Readonly<Record<string, unknown>>): PropValues | null {
  const values: Record<string, unknown> = { ...defaultProps(layer.props) };
  for (const [name, schema] of Object.entries(layer.props)) {
    if (given[name] === undefined) continue;
    const normalised = normaliseProp(schema, given[name]);
    if (!('value' in normalised)) return null;
    values[name] = normalised.value;
  }
  return values as PropValues;
}

/** Images that are trained on, and steps, as the lab counts them: a last batch that is not full is left out. Steps per epoch are those of the first stage. */
export function lengthOf(
  spec: Spec,
  dataset: DatasetRecord,
): { trainImages: number; validationImages: number; stepsPerEpoch: number; totalSteps: number } {
  const { data, training } = spec;
  const validationImages = heldOut(data, dataset.trainImages);
  const rest = dataset.trainImages - validationImages;
  const trainImages = data.trainImages === null ? rest : Math.min(data.trainImages, rest);
  const { batchSize, length } = training;
  const spans = stageSpans({ batchSize, length, stages: stageSettings(training) }, trainImages);
  const { stepsPerEpoch } = spans[0]!;
  const totalSteps = spans.at(-1)!.endStep;
  return { trainImages, validationImages, stepsPerEpoch, totalSteps };
}
