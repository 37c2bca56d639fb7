import { z } from 'zod';

const split = z.object({ loss: z.number(), accuracy: z.number(), images: z.number() });
const measure = z.object({ train: split, test: split });

/** A model before and after its batch norms took their running statistics anew. */
export const recalibrationSchema = z.object({
  run: z.string(),
  /** Test images, and as many images that it was trained on. */
  before: measure,
  after: measure,
  batches: z.number(),
  /** Images that the statistics were taken over. */
  images: z.number(),
  /** Per batch norm: largest ratio of running to measured variance, or the other way round, before; 1 where they agree. */
  layers: z.array(z.object({ node: z.string(), gap: z.number() })),
});
export type RecalibrationRecord = z.output<typeof recalibrationSchema>;
