import { withBatchNorm, withDropout, type GraphDocument } from '../../engine/index.ts';
import type { DatasetRecord } from '../contract/records.ts';
import type { Spec } from './schema.ts';

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
  /** An epoch drops its last, incomplete batch. */
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
}

/** Zero steps per epoch: the batch is larger than the training split. */
export function lengthOf(spec: Spec, dataset: Pick<DatasetRecord, 'trainImages'>): RunLength {
  const { validation, trainImages: wanted } = spec.data;
  const rest = Math.max(0, dataset.trainImages - validation);
  const trainImages = Math.min(wanted ?? rest, rest);
  const { batchSize, length } = spec.training;
  const stepsPerEpoch = Math.floor(trainImages / batchSize);
  const totalSteps = 'steps' in length ? length.steps : Math.max(1, Math.round(length.epochs * stepsPerEpoch));
  return { trainImages, validationImages: Math.min(validation, dataset.trainImages), stepsPerEpoch, totalSteps };
}
