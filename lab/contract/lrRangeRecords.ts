import { z } from 'zod';

/** What a learning-rate range test found. */
export const lrRangeSchema = z.object({
  points: z.array(z.object({ learningRate: z.number(), loss: z.number(), smoothed: z.number() })),
  /** At the highest rate; because the loss went far above its least; or at a loss without a value. */
  end: z.enum(['complete', 'diverged', 'nonFinite']),
  /** Where the smoothed loss falls fastest against the logarithm of the rate. */
  steepest: z.number().nullable(),
  /** A tenth of the rate at the least smoothed loss. */
  tenthOfLeast: z.number().nullable(),
  /** The smaller of the two; null: the loss fell at no rate. */
  suggestion: z.number().nullable(),
  /** In a sentence or two. */
  reason: z.string(),
});
export type LrRangeRecord = z.output<typeof lrRangeSchema>;
