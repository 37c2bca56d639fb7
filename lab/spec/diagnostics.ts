import { z } from 'zod';
import { defaultDiagnostics, layerNames, measureGroups } from '../../engine/index.ts';

const { every, early, deepEvery, measures, histogram } = defaultDiagnostics;

/** What is looked at inside the layers while a run trains. */
export const diagnosticsSchema = z.strictObject({
  every: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(every)
    .describe('Steps from one probe to the next; step 0 is always probed'),
  early: z
    .union([z.boolean(), z.literal('auto')])
    .default(early)
    .describe('Also at steps 1, 2, 4, 8 ... below `every`; auto: in a short run at so many of them as it can afford'),
  deepEvery: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(deepEvery)
    .describe('Steps between two of the costly measures, noiseScale and gradientShift'),
  layers: z.array(z.string()).max(1000).nullable().default(null).describe('Ids of nodes; null: as `kinds` says'),
  kinds: z
    .array(z.enum(layerNames))
    .nullable()
    .default(null)
    .describe('Kinds of layers; null: those with weights, normalisations and activations'),
  measures: z.array(z.enum(measureGroups)).default([...measures]),
  histogram: z
    .strictObject({
      bins: z.int().min(1).max(256).default(histogram.bins),
      range: z
        .tuple([z.number(), z.number()])
        .refine(([low, high]) => low < high, 'takes a lower and a higher number')
        .nullable()
        .default(null)
        .describe('null: from the smallest to the largest value of each step'),
    })
    .default({ ...histogram, range: null }),
});

/** As a spec without the field has it. */
export const usualDiagnostics: z.output<typeof diagnosticsSchema> = diagnosticsSchema.parse({});
