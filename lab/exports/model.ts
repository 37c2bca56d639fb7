import {
  checkGraph,
  stageOfStep,
  stageShape,
  type CheckedGraph,
  type CheckedNode,
  type GraphDocument,
  type NamedTensor,
} from '../../engine/index.ts';
import { LabError } from '../contract/errors.ts';
import type { DatasetRecord } from '../contract/records.ts';
import { lengthOf } from '../spec/resolve.ts';
import type { Spec } from '../spec/schema.ts';

/** Values of parameters and running statistics by their names in a plan ("dense1.weight", "bn1.runningMean"). */
export type Weights = ReadonlyMap<string, NamedTensor>;

/** What every exporter is given: a sound model, what it was made for, and perhaps its weights. */
export interface ExportModel {
  readonly name: string;
  /** As it is trained, network-wide switches applied. */
  readonly graph: GraphDocument;
  readonly checked: CheckedGraph;
  /** Of one image, [C, H, W]. */
  readonly inputShape: readonly [number, number, number];
  /** Names of the classes, in the order of the outputs. */
  readonly classes: readonly string[];
  readonly weights: Weights | null;
}

/** Of one image, [C, H, W], as the network sees it after so many completed steps of a run: stages have sizes of their own. */
export function inputShapeAt(spec: Spec, dataset: DatasetRecord, step: number): readonly [number, number, number] {
  const { settings } = stageOfStep(lengthOf(spec, dataset).stages, step);
  return stageShape(dataset.imageShape, settings) as readonly [number, number, number];
}

/** Checks a graph for export. Throws LabError 'graph' with every fault. */
export function exportModel(
  model: Omit<ExportModel, 'checked'>,
  options: { readonly anyOutputs?: boolean } = {},
): ExportModel {
  const { graph, inputShape, classes } = model;
  const checked = checkGraph(graph, {
    inputShape,
    ...(options.anyOutputs === true ? {} : { classes: classes.length }),
  });
  if (!checked.ok) {
    const head = `${model.name}: the model has faults, so it has no form in which it could be exported`;
    throw new LabError(
      'graph',
      `${head}:\n${checked.faults.map(({ message }) => `- ${message}`).join('\n')}`,
      checked.faults.map((fault) => ({ ...fault })),
    );
  }
  return { ...model, checked };
}

/** Every parameter and buffer of a checked model, in the order of the document. */
export function tensorsOf({
  nodes,
}: CheckedGraph): readonly { readonly name: string; readonly shape: readonly number[] }[] {
  return [...nodes]
    .sort((a, b) => a.place - b.place)
    .flatMap(({ id, parameters, buffers }) =>
      [...parameters, ...buffers].map(({ name, shape }) => ({ name: `${id}.${name}`, shape })),
    );
}

/** The node that a model ends in. */
export const outputNode = ({ nodes, outputId }: CheckedGraph): CheckedNode => nodes.find(({ id }) => id === outputId)!;
