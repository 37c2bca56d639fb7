import { applyTransform, whiten } from '../../data/preprocess.ts';
import { resizeImages } from '../../data/resizeImages.ts';
import { deadUnits } from '../../diagnostics/deadUnits.ts';
import { adaptiveHistogram } from '../../diagnostics/histogram.ts';
import { saturation } from '../../diagnostics/saturation.ts';
import { summarise } from '../../diagnostics/summary.ts';
import { EngineError } from '../../errors.ts';
import type { CheckedNode } from '../../graph/check.ts';
import { randomSize, randomSlot } from '../../ops/op.ts';
import { lowerForwardOnly } from '../../plan/forwardOnly.ts';
import { formatShape, sizeOf, type Shape, type TensorValues } from '../../tensor.ts';
import { beginningOfRun } from '../../train/beginning.ts';
import { decodeCheckpoint } from '../../train/checkpoint.ts';
import { prepareTraining } from '../../train/prepare.ts';
import { stageOfStep } from '../../train/stages.ts';
import { originOf } from '../../train/start.ts';
import type { TrainingJob } from '../protocol.ts';
import { compileOptionsOf } from './compileOptions.ts';
import type { JobContext } from './job.ts';

export interface PreviewInput {
  /** `resumeFrom`: the checkpoint whose weights are looked at; null: those that the run begins with. */
  readonly training: TrainingJob;
  /** Positions in the training file, at most 256. Statistics are over all of them. */
  readonly images: readonly number[];
  /** The one (a place in `images`) whose values are shown. */
  readonly focus: number;
  /** Channels (or units in rows) shown per node, at most. */
  readonly channels: number;
}

/** What one node makes of the images. */
export interface NodeActivation {
  readonly id: string;
  /** Of one image. */
  readonly shape: Shape;
  /** These and the histogram are of 16,384 values, taken evenly, where there are more. */
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  /** 15th, 50th and 85th percentile, the band of Ioffe & Szegedy's figure 1. */
  readonly band: readonly [number, number, number];
  readonly histogram: { readonly range: readonly [number, number]; readonly counts: readonly number[] };
  /** Share of units that are 0 for all images, behind a ReLU; null elsewhere. */
  readonly dead: number | null;
  /** Share of values within 0.05 of a limit of a sigmoid or tanh; null elsewhere. */
  readonly saturated: number | null;
  /** The values of the image in focus, 0 for `low` and 255 for `high`: u8 [channels, height, width]. */
  readonly picture: {
    readonly channels: number;
    readonly height: number;
    readonly width: number;
    readonly low: number;
    readonly high: number;
    readonly pixels: Uint8Array;
  };
}

export interface ActivationPreview {
  /** 'batch': batch norm looked at these images, as in the first step of training; 'running': at its running statistics. */
  readonly statistics: 'batch' | 'running';
  /** Completed steps of the weights. */
  readonly step: number;
  readonly images: number;
  readonly nodes: readonly NodeActivation[];
}

const histogramBins = 32;
/** Values that statistics are computed of: sorting all of a wide convolution's would take seconds. */
const mostSampled = 16_384;
const mostPicturedUnits = 1024;

/** Runs a few images through the network and tells what every node makes of them. One pass forward, on one thread. */
export async function runPreview(input: PreviewInput, context: JobContext): Promise<ActivationPreview> {
  const { training, images, focus, channels } = input;
  const prepared = prepareTraining(training);
  const { stages, transform, whitening } = prepared;
  const checkpoint = training.resumeFrom === null ? null : decodeCheckpoint(training.resumeFrom);
  const step = checkpoint?.step ?? originOf(training).step;
  const stage = stageOfStep(stages, step);
  const { checked, settings } = stage;
  const backend = await context.backend('cpu');
  const compile = { ...compileOptionsOf(training, context), threads: 1 };
  const begin = checkpoint ? null : await beginningOfRun(training, prepared, stage, backend, compile);
  // weights that have not met any data have no running statistics to speak of
  const met = checked.nodes.every(({ id, buffers }) => buffers.length === 0 || begin?.reused.has(id) === true);
  const statistics = checkpoint || (training.start && met) ? 'running' : 'batch';
  const plan = lowerForwardOnly(checked, images.length, statistics === 'batch' ? 'train' : 'evaluate');
  const values = checkpoint
    ? new Map<string, TensorValues>(checkpoint.tensors.map((tensor) => [tensor.name, tensor.values]))
    : begin!.values;
  const executable = await backend.compile(plan);
  try {
    for (const [name, id] of plan.handles.named) executable.write(id, valueOf(values, name, plan.tensors[id]!.shape));
    const seen = applyTransform(transform, pick(training, images), imageSize(training));
    const { imageShape } = training.data;
    const [, height, width] = imageShape;
    const size = settings.imageSize ?? ([height, width] as const);
    const resized = resizeImages(seen, imageShape, size);
    executable.write(plan.handles.input, whitening ? whiten(resized, await whitening.matrix(size)) : resized);
    const random = new Int32Array(randomSize);
    random[randomSlot.seedLow] = training.seed | 0;
    random[randomSlot.seedHigh] = Math.floor(training.seed / 4294967296) | 0;
    executable.write(plan.handles.random, random);
    executable.run('forward');
    const nodes: NodeActivation[] = [];
    for (const node of checked.nodes) {
      const id = plan.handles.values.get(node.id)!;
      const x = new Float32Array(images.length * sizeOf(node.outputShape));
      await executable.read(id, x);
      nodes.push(describe(node, x, images.length, focus, channels));
      context.progress(nodes.length / checked.nodes.length, node.id);
      await context.turn();
      if (context.cancelled) break;
    }
    return { statistics, step, images: images.length, nodes };
  } finally {
    await executable.dispose();
  }
}

/** Throws EngineError('checkpoint') for weights of another network. */
function valueOf(values: ReadonlyMap<string, TensorValues>, name: string, shape: Shape): TensorValues {
  const found = values.get(name);
  if (found?.length === sizeOf(shape)) return found;
  const what = found ? `holds ${found.length} values` : 'is missing';
  throw new EngineError(
    'checkpoint',
    `The weights are those of another network: ${name} (${formatShape(shape)}) ${what} in them. Choose a run of this network.`,
  );
}

const imageSize = ({ data }: TrainingJob): number => sizeOf(data.imageShape);

function pick(training: TrainingJob, images: readonly number[]): Uint8Array {
  const size = imageSize(training);
  const pixels = new Uint8Array(images.length * size);
  images.forEach((image, i) => {
    pixels.set(training.data.train.pixels.subarray(image * size, (image + 1) * size), i * size);
  });
  return pixels;
}

function describe(node: CheckedNode, x: Float32Array, images: number, focus: number, channels: number): NodeActivation {
  const { id, layer, outputShape } = node;
  const shape = [images, ...outputShape];
  const some = sample(x);
  const { mean, std, min, max, percentiles } = summarise(some, [15, 50, 85]);
  const { range, counts } = adaptiveHistogram(some, histogramBins);
  const size = sizeOf(outputShape);
  return {
    id,
    shape: outputShape,
    mean,
    std,
    min,
    max,
    band: percentiles as unknown as [number, number, number],
    histogram: { range, counts: [...counts] },
    dead: layer === 'relu' ? deadUnits(x, shape).deadFraction : null,
    saturated: layer === 'sigmoid' || layer === 'tanh' ? saturation(x, shape, { activation: layer }).fraction : null,
    picture: picture(x.subarray(focus * size, (focus + 1) * size), outputShape, channels),
  };
}

/** At most `mostSampled` values, taken evenly. The step is odd, so that it does not beat with the extents of images. */
function sample(x: Float32Array): Float32Array {
  if (x.length <= mostSampled) return x;
  const step = Math.ceil(x.length / mostSampled) | 1;
  return Float32Array.from({ length: Math.floor((x.length - 1) / step) + 1 }, (_, i) => x[i * step]!);
}

/** The values of one image as grey levels: channels side by side, or features in rows. */
function picture(x: Float32Array, shape: Shape, most: number): NodeActivation['picture'] {
  const [first = 1, height = 1, width = 1] = shape;
  const isImage = shape.length === 3;
  const channels = isImage ? Math.min(first, most) : 1;
  const units = isImage ? channels * height * width : Math.min(x.length, mostPicturedUnits);
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < units; i++) {
    low = Math.min(low, x[i]!);
    high = Math.max(high, x[i]!);
  }
  const step = high > low ? 255 / (high - low) : 0;
  const pixels = Uint8Array.from({ length: units }, (_, i) => Math.round((x[i]! - low) * step));
  return isImage
    ? { channels, height, width, low, high, pixels }
    : { channels: 1, height: 1, width: units, low, high, pixels };
}
