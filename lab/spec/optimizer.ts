import { z } from 'zod';

const decay = z.number().min(0).lt(1);
const momentum = decay.default(0);
const eps = z.number().positive();

/** What all optimisers have; the rate is the optimiser's own. */
const common = (learningRate: number) => ({
  learningRate: z.number().positive().default(learningRate),
  weightDecay: z.number().min(0).default(0),
});

const moments = () => ({ beta1: decay.default(0.9), beta2: decay.default(0.999), eps: eps.default(1e-8) });

export const optimizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('sgd'),
    ...common(0.1),
    momentum,
    dampening: z.number().min(0).max(1).default(0),
    nesterov: z.boolean().default(false),
  }),
  z.strictObject({
    kind: z.literal('adam'),
    ...common(0.001),
    ...moments(),
    decoupled: z.boolean().default(false).describe('AdamW: weight decay apart from the gradient'),
    biasCorrection: z.boolean().default(true).describe('Whether the moments are corrected for beginning at 0'),
  }),
  z.strictObject({
    kind: z.literal('rmsprop'),
    ...common(0.01),
    alpha: decay.default(0.99).describe('Decay of the mean square'),
    eps: eps.default(1e-8),
    momentum,
    centered: z.boolean().default(false).describe('Divide by the standard deviation instead of the root mean square'),
  }),
  z.strictObject({
    kind: z.literal('adagrad'),
    ...common(0.01),
    learningRateDecay: z.number().min(0).default(0).describe('The rate falls as 1 / (1 + step * this)'),
    initialAccumulator: z.number().min(0).default(0).describe('What the sums of squares begin with'),
    eps: eps.default(1e-10),
  }),
  z.strictObject({ kind: z.literal('adamax'), ...common(0.002), ...moments() }),
  z.strictObject({
    kind: z.literal('nadam'),
    ...common(0.002),
    ...moments(),
    momentumDecay: z.number().min(0).default(0.004).describe('How soon momentum reaches beta1'),
  }),
]);

/** A limit for the gradient. */
export const clipSchema = z.union([
  z.strictObject({ norm: z.number().positive().describe('For its length over all parameters') }),
  z.strictObject({ value: z.number().positive().describe('For the size of each of its values') }),
]);
