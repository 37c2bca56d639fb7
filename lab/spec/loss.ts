import { z } from 'zod';

/** What training makes small. Formulas: docs/spec.md. */
export const lossSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('crossEntropy'),
    labelSmoothing: z.number().min(0).lt(1).default(0),
    // no default, so that a spec without it keeps the hash that it had before there were class weights
    classWeight: z
      .array(z.number().positive())
      .optional()
      .describe('What an image of each class counts; left out: all the same'),
  }),
  z.strictObject({ kind: z.literal('mse') }),
  z.strictObject({ kind: z.literal('mae') }),
  z.strictObject({
    kind: z.literal('huber'),
    delta: z.number().positive().default(1).describe('From this distance on the loss grows linearly'),
  }),
  z.strictObject({ kind: z.literal('binaryCrossEntropy') }),
  z.strictObject({
    kind: z.literal('hinge'),
    p: z
      .union([z.literal(1), z.literal(2)])
      .default(1)
      .describe('Power of what is missing to the margin'),
    margin: z.number().positive().default(1).describe('By so much the right class must lead each other one'),
  }),
]);
