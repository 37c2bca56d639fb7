import {
  heldOut,
  stageSpans,
  withBatchNorm,
  withDropout,
  type GraphDocument,
  type StageSpan,
} from '../../engine/index.ts';
import type { DatasetRecord } from '../contract/records.ts';
import type { Spec } from './schema.ts';
import { stageSettings } from './stages.ts';

/** The graph that is trained: the drawn one with the network-wide switches applied. For specs that passed `checkSpec`. */
export function effectiveGraph(model: Spec['model']): GraphDocument {
  let graph = drawnGraph(model);
  if (model.batchNorm !== 'asDrawn') graph = withBatchNorm(graph, model.batchNorm);
  if (model.dropout !== null) graph = withDropout(graph, model.dropout);
  return graph;
}

/** The graph as it is written. Its layer names may be any text: `checkGraph` says so. */
export function drawnGraph(model: Spec['model']): GraphDocument {
  return { nodes: model.nodes as GraphDocument['nodes'] };
}

/** Counts that follow from a spec and its data set. */
export interface RunLength {
  /** Images trained on. */
  readonly trainImages: number;
  readonly validationImages: number;
  /** An epoch drops its last, incomplete batch. Of a run in stages: the mean over its epochs. */
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** At least one. */
  readonly stages: readonly StageSpan[];
}

/** Zero steps per epoch: a batch is larger than the training split. */
export function lengthOf(
  spec: Pick<Spec, 'data' | 'training'>,
  dataset: Pick<DatasetRecord, 'trainImages'>,
): RunLength {
  const { trainImages: wanted } = spec.data;
  const validationImages = heldOut(spec.data, dataset.trainImages);
  const rest = dataset.trainImages - validationImages;
  const trainImages = Math.min(wanted ?? rest, rest);
  const { batchSize, length } = spec.training;
  const stages = stageSpans({ batchSize, length, stages: stageSettings(spec.training) }, trainImages);
  return {
    trainImages,
    validationImages,
    stepsPerEpoch: stepsPerEpochOf(stages),
    totalSteps: stages.at(-1)!.endStep,
    stages,
  };
}

function stepsPerEpochOf(stages: readonly StageSpan[]): number {
  const [first] = stages;
  if (stages.some(({ stepsPerEpoch }) => stepsPerEpoch === 0)) return 0;
  if (stages.every(({ stepsPerEpoch }) => stepsPerEpoch === first!.stepsPerEpoch)) return first!.stepsPerEpoch;
  const epochs = stages.reduce(
    (sum, { firstStep, endStep, stepsPerEpoch }) => sum + (endStep - firstStep) / stepsPerEpoch,
    0,
  );
  return stages.at(-1)!.endStep / epochs;
}
