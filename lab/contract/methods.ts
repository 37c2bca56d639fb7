import { z } from 'zod';
import { mostFolds } from '../../engine/index.ts';
import { analysisRequestSchema, analysisSchema } from './analysisRecords.ts';
import { diagnosticsSchema, histogramsSchema, measureSchema } from './diagnosticsRecords.ts';
import { specSchema } from '../spec/schema.ts';
import { architectureMethods, ticketSchema } from './architectureMethods.ts';
import { activationPreviewSchema, stepTimingSchema } from './previewRecords.ts';
import { transferMethods } from './transferMethods.ts';
import { lrRangeSchema } from './lrRangeRecords.ts';
import { recalibrationSchema } from './recalibrationRecords.ts';
import {
  appInfoSchema,
  comparisonSchema,
  datasetRecordSchema,
  faultSchema,
  queueRecordSchema,
  runDetailsSchema,
  runRecordSchema,
  seriesNameSchema,
  seriesSchema,
  templateSchema,
  verificationSchema,
} from './records.ts';

const runId = z.string().min(1).max(64);
const runIds = z.array(runId).min(1).max(10000);
const nothing = z.strictObject({});

/**
 * Every call the lab answers: validator of the input, validator of the output. Inputs are checked at run time on each call,
 * from our own interface too; outputs in tests.
 */
export const methods = {
  ...architectureMethods,
  ...transferMethods,
  'app.info': { input: nothing, output: appInfoSchema },
  /** The graphics adapter that WebGPU finds on this machine; `software`: it computes on the processor. */
  'machine.adapter': {
    input: nothing,
    output: z.object({ adapter: z.object({ name: z.string(), software: z.boolean() }).nullable() }),
  },
  'datasets.list': { input: nothing, output: z.array(datasetRecordSchema) },
  /** `count` raw images of one of a data set's files from `offset`, in the file's order. pixels: base64 of u8 [count, C, H, W]. */
  'datasets.samples': {
    input: z.strictObject({
      id: z.string(),
      split: z.enum(['train', 'test']).default('train').describe('Training or test file'),
      offset: z.int().min(0).default(0),
      count: z.int().min(1).max(200).default(50),
    }),
    output: z.object({ pixels: z.string(), labels: z.array(z.number()), shape: z.array(z.number()) }),
  },
  /** How many images of each class a seed puts into each part of a data set: what a spec's `data` and `seed` mean. */
  'datasets.split': {
    input: z.strictObject({
      id: z.string(),
      validation: z.int().min(0),
      trainImages: z.int().min(1).nullable(),
      split: z.enum(['random', 'stratified']),
      folds: z.strictObject({ count: z.int(), fold: z.int() }).nullable(),
      seed: z.int().min(0),
    }),
    output: z.object({ train: z.array(z.number()), validation: z.array(z.number()), test: z.array(z.number()) }),
  },
  'templates.list': { input: nothing, output: z.array(templateSchema) },
  /** Checks any JSON as a spec: faults of the document and of the graph, all at once; never an error. */
  'spec.check': {
    input: z.strictObject({ spec: z.unknown() }),
    output: z.object({ ok: z.boolean(), faults: z.array(faultSchema), spec: specSchema.nullable() }),
  },
  /**
   * What every node of the network makes of a few training images (the first of each class, and the ones behind them), before
   * training or with the weights of a checkpoint of `run`, whose own spec has to have the same model.
   */
  'models.preview': {
    input: z.strictObject({
      spec: z.unknown(),
      run: runId.optional(),
      checkpoint: z.enum(['last', 'best']).default('last'),
      images: z.int().min(1).max(256).default(64),
      focus: z.int().min(0).default(0).describe('Which of the images is shown, from 0'),
      channels: z.int().min(1).max(512).default(12),
    }),
    output: activationPreviewSchema,
  },
  /** Trains a few steps of the spec and throws them away: how long an epoch takes on this machine, measured. */
  'models.timing': {
    input: z.strictObject({ spec: z.unknown(), milliseconds: z.int().min(50).max(10_000).default(400) }),
    output: stepTimingSchema,
  },
  /**
   * A learning-rate range test: trains from initial weights while the rate grows by the same factor from step to step, until the
   * smoothed loss is more than `divergence` times its least. Stored nowhere; 'job.progress' tells how far it is. One that is
   * cancelled ends with the error 'interrupted'.
   */
  'models.lrRange': {
    input: z.strictObject({
      spec: z.unknown(),
      lowest: z.number().positive().max(1e6).default(1e-5),
      highest: z.number().positive().max(1e6).default(10),
      steps: z.int().min(10).max(100_000).default(200),
      smoothing: z.number().min(0).lt(1).default(0.9).describe('Share of the average loss that stays with every step'),
      divergence: z.number().min(1).default(4),
      ticket: ticketSchema
        .optional()
        .describe("Chosen by the caller: names this test in 'job.progress' and for its end"),
    }),
    output: lrRangeSchema,
  },
  'models.cancelLrRange': {
    input: z.strictObject({ ticket: ticketSchema }),
    output: z.object({ cancelled: z.boolean() }),
  },
  /** Puts one run per seed into the queue, or one per seed and fold. */
  'runs.create': {
    input: z.strictObject({
      spec: z.unknown(),
      seeds: z.array(z.int().min(0)).min(1).max(1000).optional().describe("Left out: the spec's own seed"),
      folds: z
        .int()
        .min(2)
        .max(mostFolds)
        .optional()
        .describe('Cross-validation: for every seed one run per fold of so many. Left out: as the spec says'),
      tags: z.array(z.string().max(60)).max(50).optional(),
    }),
    output: z.array(runRecordSchema),
  },
  /** Newest first. `search`: words found in name, id, tags, note, data set. */
  'runs.list': {
    input: z.strictObject({
      search: z.string().max(500).optional(),
      status: z.array(z.string()).optional(),
      group: z.string().optional(),
      limit: z.int().min(1).max(100000).optional(),
      offset: z.int().min(0).optional(),
    }),
    output: z.object({ runs: z.array(runRecordSchema), total: z.number() }),
  },
  /** `id` may be a unique beginning of an id. */
  'runs.get': { input: z.strictObject({ id: runId }), output: runDetailsSchema },
  /** Curves, thinned to about `maxPoints` per series (first, last, lowest and highest of each bucket are kept). */
  'runs.series': {
    input: z.strictObject({
      id: runId,
      names: z.array(seriesNameSchema).optional(),
      maxPoints: z.int().min(2).max(1000000).default(2000),
    }),
    output: z.array(seriesSchema),
  },
  /**
   * What was seen inside the layers of a run while it trained, with findings in sentences: by layers, measures and steps, thinned to
   * `maxSteps` probes (the first and the last are kept). Empty for a run without diagnostics.
   */
  'diagnostics.get': {
    input: z.strictObject({
      id: runId,
      layers: z.array(z.string().max(80)).max(1000).optional(),
      measures: z.array(measureSchema).optional(),
      from: z.int().min(0).optional(),
      to: z.int().min(0).optional(),
      maxSteps: z.int().min(2).max(2000).default(200),
    }),
    output: diagnosticsSchema,
  },
  /** Histograms of a layer's values or of its weights' gradients over the steps. */
  'diagnostics.histograms': {
    input: z.strictObject({
      id: runId,
      layer: z.string().max(80),
      of: z.enum(['activation', 'gradient']).default('activation'),
      from: z.int().min(0).optional(),
      to: z.int().min(0).optional(),
      maxSteps: z.int().min(1).max(500).default(40),
    }),
    output: histogramsSchema,
  },
  /**
   * Looks at the network of a run at one of its checkpoints: errors on the test images, loss landscape, predictiveness of the gradient,
   * noise scale. Answers at the end; 'job.progress' tells how far it is. One per run: a new one, or `runs.cancelAnalysis`, ends it.
   */
  'runs.analyse': {
    input: z.strictObject({
      id: runId,
      checkpoint: z.enum(['last', 'best']).default('last'),
      request: analysisRequestSchema,
    }),
    output: analysisSchema,
  },
  'runs.cancelAnalysis': { input: z.strictObject({ id: runId }), output: z.object({ cancelled: z.boolean() }) },
  'runs.pause': { input: z.strictObject({ id: runId }), output: runRecordSchema },
  /**
   * A paused run goes on; a stopped, interrupted or failed one is queued again from its last checkpoint. `from` says
   * otherwise: from the one with the best validation value, or from the start. Curve points after it are dropped.
   */
  'runs.resume': {
    input: z.strictObject({ id: runId, from: z.enum(['last', 'best', 'start']).default('last') }),
    output: runRecordSchema,
  },
  'runs.stop': { input: z.strictObject({ id: runId }), output: runRecordSchema },
  /**
   * Replays a finished run from its spec and compares result hash and curves; `steps`: the first steps of any run that is not
   * running, and their curves. Answers at the end of the replay; 'run.verifying' tells how far it is. One at a time.
   */
  'runs.verify': {
    input: z.strictObject({ id: runId, steps: z.int().min(1).optional() }),
    output: verificationSchema,
  },
  /**
   * Measures a finished run with running statistics of batch norm that are taken anew over training batches. Changes nothing of
   * the run but for an event. 'job.progress' tells how far it is. One per run: a new one, or `runs.cancelRecalibration`, ends it with
   * the error 'interrupted'.
   */
  'runs.recalibrate': {
    input: z.strictObject({ id: runId, batches: z.int().min(1).max(100_000).default(100) }),
    output: recalibrationSchema,
  },
  'runs.cancelRecalibration': { input: z.strictObject({ id: runId }), output: z.object({ cancelled: z.boolean() }) },
  'runs.update': {
    input: z.strictObject({
      id: runId,
      name: z.string().max(200).optional(),
      note: z.string().max(100000).optional(),
      tags: z.array(z.string().max(60)).max(50).optional(),
      starred: z.boolean().optional(),
    }),
    output: runRecordSchema,
  },
  /** Deleted runs can be restored until the lab is next started; a running one is stopped first. */
  'runs.delete': { input: z.strictObject({ ids: runIds }), output: z.object({ deleted: z.array(z.string()) }) },
  'runs.restore': { input: z.strictObject({ ids: runIds }), output: z.object({ restored: z.array(z.string()) }) },
  'queue.get': { input: nothing, output: queueRecordSchema },
  'queue.set': { input: z.strictObject({ concurrency: z.int().min(1).max(64) }), output: queueRecordSchema },
  /** Up to 12 arms: run ids (or unique beginnings), or group ids (all runs of the group). The first is the baseline unless named. */
  'compare.get': {
    input: z.strictObject({
      arms: z.array(z.string().min(1)).min(1).max(12),
      baseline: z.string().optional(),
      reach: z
        .array(z.strictObject({ series: seriesNameSchema, value: z.number() }))
        .max(10)
        .default([{ series: 'validation.accuracy', value: 0.9 }])
        .describe('"Steps to": the first step at which the series is at least (losses: at most) the value'),
      maxPoints: z.int().min(2).max(100000).default(400),
    }),
    output: comparisonSchema,
  },
} as const;

export type MethodName = keyof typeof methods;
export type MethodInput<N extends MethodName> = z.input<(typeof methods)[N]['input']>;
export type MethodOutput<N extends MethodName> = z.output<(typeof methods)[N]['output']>;
