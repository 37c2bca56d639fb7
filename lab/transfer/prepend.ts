import {
  checkGraph,
  diffGraphs,
  EngineError,
  prependStages,
  stageOfStep,
  stageShape,
  withStem,
  type Prepended,
} from '../../engine/index.ts';
import type { z } from 'zod';
import { graphOf, resolveModel } from '../architectures/refs.ts';
import { LabError } from '../contract/errors.ts';
import type { DatasetRecord } from '../contract/records.ts';
import type { transferMethods } from '../contract/transferMethods.ts';
import type { Prepended as PrependedRecord } from '../contract/transferRecords.ts';
import type { Datasets, Store } from '../ports.ts';
import { checkSpec, faultsError } from '../spec/check.ts';
import { type effectiveGraph, lengthOf } from '../spec/resolve.ts';
import type { Spec } from '../spec/schema.ts';
import { checkWithStart, type StartCheck } from './check.ts';
import { previewOf } from './preview.ts';
import { anyCounterpart, findSource, type Source } from './source.ts';
import type { StartWeights } from './weights.ts';

export interface PrependerOptions {
  readonly store: Store;
  readonly datasets: Datasets;
  readonly weights: StartWeights;
}
type Input = z.output<(typeof transferMethods)['models.prepend']['input']>;
type Size = readonly [height: number, width: number];

/** The experiment that puts a stem in front of a trained network. Throws LabError 'graph' with why it cannot be done. */
export async function prepend(input: Input, options: PrependerOptions): Promise<PrependedRecord> {
  const { store, datasets } = options;
  const known = await datasets.list();
  const source = findSource(store, input.of, anyCounterpart(store, input.of), 'weights');
  const { spec: trained, dataset } = await trainedModel(source, options);
  const base = input.spec === undefined ? trained : requireDocument(input.spec, known);
  const target = known.find(({ id }) => id === base.data.dataset);
  if (!target) throw new LabError('data', `There is no data set ${base.data.dataset} here to train on.`);
  const size = trainedSize(source, trained, dataset);
  const inputShape = [dataset.imageShape[0], ...size] as const;
  // switches are applied once and for all: they would change the stem, and ids have to stay
  const graph = graphOf({ spec: trained, dataset });
  const made = putInFront(graph, input, inputShape);
  const wanted = input.imageSize === undefined ? defaultSize(input, size) : sizeOf(input.imageSize);
  const imageSize = wanted !== null && same(wanted, target.imageShape) ? null : wanted;
  const { document } = made;
  const model: Spec['model'] = {
    nodes: document.nodes.map((node) => ({ ...node })) as Spec['model']['nodes'],
    ...(document.blocks && { blocks: document.blocks.map((block) => structuredClone(block)) as never }),
    batchNorm: 'asDrawn',
    dropout: null,
  };
  const start = { from: source.from, weights: null, map: {}, fresh: [...input.fresh], carry: 'weights' as const };
  const draft: Spec = { ...base, name: nameOf(base), model, start };
  // what is reused is known once the weights have been laid beside the model, which needs stages for its image size
  const first = await checkWithStart(withStages(draft, input, imageSize, []), known, options);
  const trainedNodes = (first.report?.nodes ?? []).filter(({ state }) => state !== 'new').map(({ node }) => node);
  const spec = withStages(first.spec ?? draft, input, imageSize, input.freeze ? trainedNodes : []);
  const check: StartCheck = await checkWithStart(spec, known, options);
  const shape = stageShape(target.imageShape, { imageSize });
  const checked = checkGraph(document, { inputShape: shape, classes: target.classes.length });
  const given = checked.nodes.find(({ id }) => id === made.stem.at(-1))?.outputShape ?? null;
  const diff = diffGraphs(graph, document, { before: { inputShape }, after: { inputShape: shape } });
  const labels: [string, string] = [source.words, draft.name];
  return {
    spec: check.spec ?? spec,
    stem: [...made.stem],
    dropped: [...made.dropped],
    receivers: [...made.receivers],
    expected: [...made.expected],
    given: given && [...given],
    diff: structuredClone({ labels, ...diff }) as never,
    preview: previewOf(check),
  };
}

async function trainedModel(
  { content }: Source,
  options: PrependerOptions,
): Promise<{ readonly spec: Spec; readonly dataset: DatasetRecord }> {
  const ref =
    content.kind === 'run' ? `run:${content.run.id}` : `architecture:${content.id}@${content.version.version}`;
  const { spec, dataset, label } = await resolveModel(ref, options);
  if (dataset) return { spec, dataset };
  throw new LabError(
    'state',
    `${label} does not say what images it takes, so nothing can be put in front of it. Open it in the builder with a data set and save it again.`,
  );
}

function requireDocument(json: unknown, datasets: readonly DatasetRecord[]): Spec {
  const { spec, faults } = checkSpec(json, datasets);
  if (!spec) throw faultsError(faults);
  return spec;
}

/** Height and width of the images on which the weights were trained last. */
function trainedSize({ content }: Source, spec: Spec, dataset: DatasetRecord): Size {
  const [, height, width] = dataset.imageShape;
  if (content.kind !== 'run') return [height, width];
  const { settings } = stageOfStep(lengthOf(spec, dataset).stages, content.checkpoint.step);
  return settings.imageSize ?? [height, width];
}

function putInFront(graph: ReturnType<typeof effectiveGraph>, input: Input, inputShape: readonly number[]): Prepended {
  try {
    return withStem(graph, { stem: input.stem as never, drop: input.drop, inputShape });
  } catch (error) {
    if (error instanceof EngineError)
      throw new LabError(
        'graph',
        error.message,
        error.faults.map((fault) => ({ ...fault })),
      );
    throw error;
  }
}

const sizeOf = (size: number | readonly [number, number] | null): Size | null =>
  typeof size === 'number' ? [size, size] : size;

/** A stem that halves images takes them twice as large; of others nobody knows. */
const defaultSize = ({ stem }: Input, [height, width]: Size): Size | null =>
  stem.kind === 'nodes' ? null : [2 * height, 2 * width];

const same = ([height, width]: Size, [, h, w]: readonly [number, number, number]): boolean =>
  height === h && width === w;

const nameOf = ({ name }: Spec): string => `${name.trim() || 'Network'}, with a stem in front`.slice(0, 200);

function withStages(spec: Spec, input: Input, size: Size | null, reused: readonly string[]): Spec {
  const { batchNorm, lengths, learningRateFactors } = input;
  const { batchSize } = spec.training;
  const stages = prependStages({ reused, batchNorm, imageSize: size, batchSize, lengths, learningRateFactors });
  return {
    ...spec,
    training: {
      ...spec.training,
      stages: stages.map((stage) => ({
        ...stage,
        length: { ...stage.length },
        imageSize: stage.imageSize === null ? null : [...stage.imageSize],
        batchSize: null,
        frozen: [...stage.frozen],
      })),
    },
  };
}
