import { z } from 'zod';
import { storages } from '../../engine/index.ts';
import { specSchema } from '../spec/schema.ts';

/**
 * What the lab tells its shells. Every record is plain JSON data.
 * Times of day are milliseconds since 1970 (UTC); durations are seconds; steps count completed steps.
 */
export const runStatuses = ['queued', 'running', 'paused', 'stopped', 'interrupted', 'finished', 'failed'] as const;
export const runStatusSchema = z.enum(runStatuses);
export type RunStatus = z.output<typeof runStatusSchema>;

export const faultSchema = z.object({ node: z.string().optional(), prop: z.string().optional(), message: z.string() });
export const errorRecordSchema = z.object({ code: z.string(), message: z.string(), faults: z.array(faultSchema) });
export type ErrorRecord = z.output<typeof errorRecordSchema>;

/** Best and last values of a run; null where it has none yet. */
export const runMetricsSchema = z.object({
  trainLoss: z.number().nullable(),
  trainAccuracy: z.number().nullable(),
  validationLoss: z.number().nullable(),
  validationAccuracy: z.number().nullable(),
  bestValidationLoss: z.number().nullable(),
  bestValidationAccuracy: z.number().nullable(),
  testLoss: z.number().nullable(),
  testAccuracy: z.number().nullable(),
});
export type RunMetrics = z.output<typeof runMetricsSchema>;

export const backendChoiceSchema = z.object({
  asked: z.enum(['auto', 'cpu', 'webgpu', 'reference']),
  backend: z.enum(['cpu', 'webgpu', 'reference']),
  reason: z.string(),
  /** The graphics adapter of the machine, where one was asked for. */
  adapter: z.string().nullable(),
  /** Of a run that asks for half precision (f16): how values of the forward pass were kept. Left out: in f32, as asked for. */
  storage: z.enum(storages).optional(),
  measured: z.array(z.object({ backend: z.enum(['cpu', 'webgpu', 'reference']), millisecondsPerStep: z.number() })),
});

/** Stored weights that a run began with. */
export const runStartSchema = z.object({
  /** SHA-256 of the file. */
  weights: z.string(),
  /** As in the spec, ids written out: "run:<id>:best", "group:<id>:last", "architecture:<id>@<version>"; null: nobody said. */
  from: z.string().nullable(),
  /** 'everything': a fork. */
  carry: z.enum(['weights', 'everything']),
  /** Ids of the run or architecture, which may be gone by now. */
  run: z.string().nullable(),
  architecture: z.string().nullable(),
  checkpoint: z.enum(['best', 'last']).nullable(),
  /** Of the checkpoint. */
  step: z.number().nullable(),
  /** Completed steps that the run began with: those of the checkpoint for a fork, else 0. Its curves begin behind it. */
  firstStep: z.number(),
  /** For people: "best weights of MNIST 784-100-10 (r1ab), step 400". */
  words: z.string(),
});
export type RunStart = z.output<typeof runStartSchema>;

export const runRecordSchema = z.object({
  id: z.string(),
  /** Runs that differ in nothing but seed and fold share it: the first 12 hex digits of the spec hash without them. */
  group: z.string(),
  name: z.string(),
  seed: z.number(),
  /** Which fold of a cross-validation it holds out, from 1, and of how many; null: none. */
  fold: z.number().nullable(),
  folds: z.number().nullable(),
  status: runStatusSchema,
  /** 'earlyStopping' | 'completed' | 'stopped' once it has ended. */
  reason: z.string().nullable(),
  error: errorRecordSchema.nullable(),
  createdAt: z.number(),
  startedAt: z.number().nullable(),
  endedAt: z.number().nullable(),
  step: z.number(),
  totalSteps: z.number().nullable(),
  stepsPerEpoch: z.number().nullable(),
  batchSize: z.number(),
  /** Training seconds so far, pauses and evaluations left out. */
  seconds: z.number(),
  imagesPerSecond: z.number().nullable(),
  dataset: z.string(),
  parameters: z.number().nullable(),
  macsPerImage: z.number().nullable(),
  backend: z.string().nullable(),
  /** How it came to that: what was asked for, why, and what 'auto' measured; null before it has begun. */
  backendChoice: backendChoiceSchema.nullable(),
  threads: z.number().nullable(),
  metrics: runMetricsSchema,
  /** About 32 values of validation accuracy (training loss before the first evaluation), for a sparkline. */
  sparkline: z.array(z.number()),
  tags: z.array(z.string()),
  note: z.string(),
  starred: z.boolean(),
  /** Certificate: hashes of spec, data and engine, and of the result. */
  specHash: z.string(),
  dataHash: z.string().nullable(),
  engineVersion: z.string(),
  resultHash: z.string().nullable(),
  /** Null: weights drawn by the seed. */
  start: runStartSchema.nullable(),
  /** Step of the checkpoint a resume would start from; null: none yet. */
  checkpointStep: z.number().nullable(),
});
export type RunRecord = z.output<typeof runRecordSchema>;

/** A run with its whole spec and what happened to it. */
export const runDetailsSchema = runRecordSchema.extend({
  spec: specSchema,
  events: z.array(z.object({ at: z.number(), step: z.number(), kind: z.string(), text: z.string() })),
});
export type RunDetails = z.output<typeof runDetailsSchema>;

export const seriesNames = [
  'train.loss',
  'train.accuracy',
  'learningRate',
  'validation.loss',
  'validation.accuracy',
  'test.loss',
  'test.accuracy',
] as const;
export const seriesNameSchema = z.enum(seriesNames);
export type SeriesName = z.output<typeof seriesNameSchema>;

/** One curve: parallel arrays. `seconds` are training seconds. */
export const seriesSchema = z.object({
  name: seriesNameSchema,
  steps: z.array(z.number()),
  values: z.array(z.number().nullable()),
  seconds: z.array(z.number()),
});
export type Series = z.output<typeof seriesSchema>;

/** What a replay of a run says about it. */
export const verificationSchema = z.object({
  run: z.string(),
  /** Everything that was compared agrees, bit for bit. */
  identical: z.boolean(),
  /** Whether the whole run was replayed, or its first `steps` steps. */
  whole: z.boolean(),
  steps: z.number(),
  /** Result hashes; null when only the first steps were replayed. */
  recordedHash: z.string().nullable(),
  replayedHash: z.string().nullable(),
  /** Values of curves that were compared. */
  compared: z.number(),
  /** Where the curves part; a value that is not finite, or not recorded, is null. */
  firstDifference: z
    .object({
      series: seriesNameSchema,
      step: z.number(),
      recorded: z.number().nullable(),
      replayed: z.number().nullable(),
    })
    .nullable(),
  recordedEngine: z.string(),
  replayedEngine: z.string(),
  /** Of the replay. */
  threads: z.number(),
  seconds: z.number(),
});
export type Verification = z.output<typeof verificationSchema>;

export const datasetRecordSchema = z.object({
  id: z.string(),
  title: z.string(),
  summary: z.string(),
  imageShape: z.tuple([z.number(), z.number(), z.number()]),
  classes: z.array(z.string()),
  trainImages: z.number(),
  testImages: z.number(),
  licence: z.string(),
  source: z.string(),
  /** SHA-256 over the raw files. */
  hash: z.string(),
});
export type DatasetRecord = z.output<typeof datasetRecordSchema>;

export const templateSchema = z.object({
  id: z.string(),
  title: z.string(),
  summary: z.string(),
  /** A whole spec to start from. */
  spec: specSchema,
});
export type Template = z.output<typeof templateSchema>;

export const queueRecordSchema = z.object({
  running: z.array(z.string()),
  queued: z.array(z.string()),
  concurrency: z.number(),
  threadsPerRun: z.number(),
});
export type QueueRecord = z.output<typeof queueRecordSchema>;

export const appInfoSchema = z.object({
  version: z.string(),
  engineVersion: z.string(),
  cores: z.number(),
  threads: z.number(),
  /** 'cpu' and whether SIMD and relaxed SIMD run here, in words. */
  backend: z.string(),
  home: z.string(),
  platform: z.string(),
});
export type AppInfo = z.output<typeof appInfoSchema>;

export const xAxes = ['step', 'epoch', 'images', 'seconds'] as const;

/** One curve of a comparison arm on a common grid of steps: mean over the seeds, with a band. */
export const armCurveSchema = z.object({
  name: seriesNameSchema,
  steps: z.array(z.number()),
  epochs: z.array(z.number()),
  images: z.array(z.number()),
  seconds: z.array(z.number()),
  mean: z.array(z.number().nullable()),
  /** 95 % t interval of the mean over seeds; equal to the mean for one seed. */
  low: z.array(z.number().nullable()),
  high: z.array(z.number().nullable()),
  /** Each run's own values on the same grid. */
  traces: z.array(
    z.object({
      run: z.string(),
      seed: z.number(),
      fold: z.number().nullable(),
      values: z.array(z.number().nullable()),
    }),
  ),
});
export type ArmCurve = z.output<typeof armCurveSchema>;

/** A number per arm, with spread over seeds, and its difference to the baseline arm (paired by seed where seeds are shared). */
export const armMetricSchema = z.object({
  mean: z.number().nullable(),
  sd: z.number().nullable(),
  n: z.number(),
  /** How many of the arm's runs never got there ("steps to 90 %"). */
  missing: z.number(),
  difference: z
    .object({
      mean: z.number(),
      low: z.number().nullable(),
      high: z.number().nullable(),
      /** Ratio to the baseline's mean. */
      ratio: z.number().nullable(),
      n: z.number(),
      paired: z.boolean(),
    })
    .nullable(),
});

export const comparisonSchema = z.object({
  arms: z.array(
    z.object({
      /** Run id or group id as asked for. */
      id: z.string(),
      label: z.string(),
      runs: z.array(runRecordSchema),
      /** Stretches of steps with the batch size and the length of an epoch in each (lab/spec/pace.ts). */
      pace: z.array(
        z.object({
          firstStep: z.number(),
          endStep: z.number(),
          batchSize: z.number(),
          stepsPerEpoch: z.number(),
        }),
      ),
    }),
  ),
  baseline: z.string(),
  /** Only paths whose values differ between arms; values in the arms' order; undefined as null. */
  specDifferences: z.array(z.object({ path: z.string(), values: z.array(z.unknown()) })),
  /** What differs besides the one thing changed: parameters, MACs, images seen, bias terms. Sentences. */
  sideEffects: z.array(z.string()),
  curves: z.array(z.object({ arm: z.string(), curves: z.array(armCurveSchema) })),
  table: z.array(
    z.object({
      /** "testAccuracy", "stepsTo:validation.accuracy:0.9" */
      key: z.string(),
      label: z.string(),
      unit: z.string(),
      /** Whether larger is better; null: neither. */
      better: z.enum(['higher', 'lower']).nullable(),
      values: z.array(armMetricSchema),
    }),
  ),
});
export type Comparison = z.output<typeof comparisonSchema>;
