import { z } from 'zod';

const steps = z.int().min(1);
/** A part of the optimiser's learning rate. */
const factor = z.number().min(0).max(1);
const over = { steps: steps.nullable().default(null).describe('Over so many steps; null: over the whole run') };
const gamma = z.number().positive().max(1);

/** How the learning rate changes from step to step. */
export const scheduleSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('constant') }),
  z.strictObject({ kind: z.literal('step'), stepSize: steps, gamma }),
  z.strictObject({ kind: z.literal('multiStep'), milestones: z.array(steps).min(1).max(1000), gamma }),
  z.strictObject({ kind: z.literal('exponential'), gamma }),
  z.strictObject({ kind: z.literal('polynomial'), power: z.number().positive().default(1), ...over }),
  z.strictObject({ kind: z.literal('cosine'), finalFactor: factor.default(0), ...over }),
  z.strictObject({
    kind: z.literal('warmRestarts'),
    period: steps,
    periodFactor: z.int().min(1).default(1),
    finalFactor: factor.default(0),
  }),
  z.strictObject({
    kind: z.literal('warmupCosine'),
    warmupSteps: steps,
    startFactor: factor.default(0.01),
    finalFactor: factor.default(0),
    ...over,
  }),
  z.strictObject({
    kind: z.literal('oneCycle'),
    risePart: z.number().positive().lt(1).default(0.3),
    anneal: z.enum(['cosine', 'linear']).default('cosine'),
    divFactor: z.number().min(1).default(25),
    finalDivFactor: z.number().min(1).default(10000),
    threePhase: z.boolean().default(false),
    ...over,
  }),
  z.strictObject({
    kind: z.literal('reduceOnPlateau'),
    metric: z.enum(['validation.loss', 'validation.accuracy']).default('validation.loss'),
    factor: z.number().positive().lt(1).default(0.1),
    patience: z.int().min(0).default(10),
    threshold: z.number().min(0).default(0.0001),
    thresholdMode: z.enum(['relative', 'absolute']).default('relative'),
    cooldown: z.int().min(0).default(0),
    minimumFactor: factor.default(0),
  }),
]);
