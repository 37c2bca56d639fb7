import type { GraphDocument } from '../../../engine/graph/document.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import type { StageSettings } from '../../../engine/train/stages.ts';
import type { ImageFile, TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';

/** Small jobs for tests, and drivers that run them to the end. */

/** Images [count, C, H, W] of `classes` kinds: a bright stripe whose place tells the class, under noise. */
export function stripes(
  count: number,
  [c, h, w]: readonly [number, number, number],
  classes: number,
  salt = 1,
): ImageFile {
  const stream = new RandomStream(salt, streamKind.noise);
  const pixels = new Uint8Array(count * c * h * w);
  const labels = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    const label = stream.below(classes);
    labels[n] = label;
    for (let i = 0; i < c * h * w; i++) {
      const row = Math.floor(i / w) % h;
      pixels[n * c * h * w + i] = stream.below(120) + (row % classes === label ? 100 : 0);
    }
  }
  return { pixels, labels, count };
}

/** A stage of batches of 8 that changes and freezes nothing. */
export const stage = (changes: Partial<StageSettings>): StageSettings => ({
  length: { steps: 4 },
  imageSize: null,
  batchSize: 8,
  learningRateFactor: 1,
  augmentationStrength: 1,
  frozen: [],
  frozenBatchNorm: 'running',
  ...changes,
});

/** One of `steps` steps with frozen nodes. */
export const frozenStage = (steps: number, frozen: readonly string[]): StageSettings =>
  stage({ length: { steps }, frozen });

export const mlp: GraphDocument = {
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'flat', layer: 'flatten' },
    { id: 'hidden', layer: 'dense', props: { units: 12 } },
    { id: 'act', layer: 'tanh' },
    { id: 'out', layer: 'dense', props: { units: 3 } },
  ],
};

/** With running statistics, random draws and two readers of one value. */
export const cnn: GraphDocument = {
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'conv', layer: 'conv2d', props: { filters: 5, kernel: [3, 3], padding: 'same' } },
    { id: 'norm', layer: 'batchNorm' },
    { id: 'relu', layer: 'relu' },
    { id: 'conv2', layer: 'conv2d', props: { filters: 5, kernel: [3, 3], padding: 'same' } },
    { id: 'sum', layer: 'add', inputs: ['relu', 'conv2'] },
    { id: 'drop', layer: 'dropout', props: { p: 0.3 } },
    { id: 'pool', layer: 'globalAvgPool2d' },
    { id: 'out', layer: 'dense', props: { units: 3 } },
  ],
};

const imageShape = [1, 6, 5] as const;

export function smallJob(changes: Partial<TrainingJob> = {}, data: Partial<TrainingJob['data']> = {}): TrainingJob {
  return {
    graph: mlp,
    data: {
      train: stripes(90, imageShape, 3),
      test: stripes(31, imageShape, 3, 2),
      imageShape,
      classes: 3,
      validation: 22,
      trainImages: null,
      preprocessing: 'standardise',
      ...data,
    },
    batchSize: 8,
    length: { epochs: 3 },
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer: { kind: 'sgd', learningRate: 0.2, momentum: 0.9, dampening: 0.1, nesterov: false, weightDecay: 1e-4 },
    schedule: { kind: 'constant' },
    earlyStopping: null,
    evaluateEvery: { steps: 5 },
    seed: 3,
    backend: 'reference',
    threads: 1,
    checkpointSeconds: 3600,
    resumeFrom: null,
    ...changes,
  };
}

export type EventOf<K extends TrainingEvent['kind']> = Extract<TrainingEvent, { kind: K }>;

export function all<K extends TrainingEvent['kind']>(events: readonly TrainingEvent[], kind: K): EventOf<K>[] {
  return events.filter((event): event is EventOf<K> => event.kind === kind);
}

export function only<K extends TrainingEvent['kind']>(events: readonly TrainingEvent[], kind: K): EventOf<K> {
  const found = all(events, kind);
  if (found.length !== 1) throw new Error(`one "${kind}" was expected among: ${events.map((e) => e.kind).join(', ')}`);
  return found[0]!;
}

/** Entries of all progress events, one after the other. */
export function curve(
  events: readonly TrainingEvent[],
  name: 'loss' | 'accuracy' | 'learningRate' | 'seconds',
): number[] {
  return all(events, 'progress').flatMap((event) => [...event[name]]);
}

/** A clock that moves one millisecond at every look, so that slices have the same length in every run of a test. */
export function tickingClock(): () => number {
  let now = 0;
  return () => now++;
}
