import { z } from 'zod';

const count = z.int().min(1);

/** What is asked about the network of a run at a checkpoint. */
export const analysisRequestSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('classification'), wrongImages: z.int().min(0).max(500).default(24) }),
  z.strictObject({
    kind: z.literal('landscape'),
    points: count.max(101).default(21),
    dimensions: z.union([z.literal(1), z.literal(2)]).default(1),
    span: z.number().positive().max(100).default(1),
    images: count.max(100_000).default(1000),
    seed: z.int().min(0).default(1),
  }),
  z.strictObject({
    kind: z.literal('predictiveness'),
    rates: z.array(z.number().positive()).min(1).max(50).default([0.001, 0.003, 0.01, 0.03, 0.1, 0.3]),
    batches: count.max(100).default(5),
  }),
  z.strictObject({ kind: z.literal('noiseScale'), batches: z.int().min(2).max(1000).default(32) }),
]);
export type AnalysisRequestRecord = z.output<typeof analysisRequestSchema>;

const numbers = z.array(z.number());
const gaps = z.array(z.number().nullable());

export const classificationSchema = z.object({
  step: z.number(),
  /** Of the test file: all. */
  images: z.number(),
  accuracy: z.number(),
  logLoss: z.number(),
  brier: z.number(),
  /** Expected calibration error over the bins (Guo et al. 2017). */
  ece: z.number(),
  /** Of equal width from confidence 0 to 1; means are 0 where a bin is empty. */
  bins: z.array(z.object({ count: z.number(), confidence: z.number(), accuracy: z.number() })),
  /** Counts [label][prediction]. */
  confusion: z.array(numbers),
  classes: z.array(
    z.object({ name: z.string(), support: z.number(), precision: z.number(), recall: z.number(), f1: z.number() }),
  ),
  /** Most confidently wrong first. */
  wrong: z.array(
    z.object({
      /** Position in the test file. */
      image: z.number(),
      label: z.number(),
      prediction: z.number(),
      confidence: z.number(),
      labelProbability: z.number(),
    }),
  ),
});
export type ClassificationRecord = z.output<typeof classificationSchema>;

export const analysisSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('classification'), run: z.string(), result: classificationSchema }),
  z.object({
    kind: z.literal('landscape'),
    run: z.string(),
    /** Mean loss at [second direction][first direction], filter-normalised (Li et al. 2018); null where it is not finite. */
    result: z.object({ step: z.number(), offsets: numbers, loss: z.array(gaps), images: z.number() }),
  }),
  z.object({
    kind: z.literal('predictiveness'),
    run: z.string(),
    result: z.object({
      step: z.number(),
      rates: numbers,
      batches: z.array(z.object({ loss: z.number(), gradientNorm: z.number(), lossAfter: gaps, gradientChange: gaps })),
    }),
  }),
  z.object({
    kind: z.literal('noiseScale'),
    run: z.string(),
    result: z.object({
      step: z.number(),
      batches: z.number(),
      batchSize: z.number(),
      images: z.number().nullable(),
      signal: z.number(),
      variance: z.number(),
    }),
  }),
]);
export type AnalysisRecord = z.output<typeof analysisSchema>;
