import { z } from 'zod';
import { measureNames } from '../../engine/index.ts';

export const measureSchema = z.enum([...measureNames, 'drift'] as const);
export type Measure = z.output<typeof measureSchema>;

export const findingSchema = z.object({
  /** 'problem' keeps the network from learning, 'warning' may, 'note' is worth knowing. */
  severity: z.enum(['problem', 'warning', 'note']),
  /** Node; empty for the whole network. */
  layer: z.string(),
  measure: measureSchema,
  value: z.number(),
  step: z.number(),
  /** What was seen, in a sentence. */
  text: z.string(),
  /** What to try, in a sentence. */
  advice: z.string(),
});
export type Finding = z.output<typeof findingSchema>;

/** What is healthy: from `low` to `high`; null: no limit on that side. */
export const rangeSchema = z.object({
  measure: measureSchema,
  low: z.number().nullable(),
  high: z.number().nullable(),
  why: z.string(),
});
export type HealthyRange = z.output<typeof rangeSchema>;

export const diagnosticsSchema = z.object({
  run: z.string(),
  /** Probed steps within the range that was asked for, and of how many of them values follow. */
  probes: z.number(),
  /** Time that all of them took, and the part of the training time that it is; null while there is none. */
  seconds: z.number(),
  share: z.number().nullable(),
  /** From 0: parameters after so many steps. */
  steps: z.array(z.number()),
  /** In the order of the graph; the whole network, id '', is the last one. */
  layers: z.array(
    z.object({
      id: z.string(),
      /** Name of the layer; '' for the whole network. */
      kind: z.string(),
      /** Parallel to `steps`; null where there is no value. Measures that the layer does not have are left out. */
      measures: z.partialRecord(measureSchema, z.array(z.number().nullable())),
    }),
  ),
  /** Where the stages of a run with several begin, in order: completed steps before each, and what it is in words. */
  stages: z.array(z.object({ step: z.number(), text: z.string() })),
  findings: z.array(findingSchema),
  healthy: z.array(rangeSchema),
});
export type Diagnostics = z.output<typeof diagnosticsSchema>;

export const histogramsSchema = z.object({
  run: z.string(),
  layer: z.string(),
  of: z.enum(['activation', 'gradient']),
  steps: z.array(z.number()),
  low: z.array(z.number()),
  high: z.array(z.number()),
  /** Per step: values below, in each bin, above. */
  counts: z.array(z.array(z.number())),
});
export type Histograms = z.output<typeof histogramsSchema>;
