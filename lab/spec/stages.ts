import { z } from 'zod';
import type { StageSettings } from '../../engine/index.ts';

const positiveInteger = z.int().min(1);
const extent = positiveInteger.max(1024);

/** A length in epochs or in steps. */
export const lengthSchema = z.union([
  z.strictObject({ epochs: z.number().positive().max(100000) }),
  z.strictObject({ steps: positiveInteger }),
]);

const stageSchema = z.strictObject({
  length: lengthSchema.describe('Of this stage, in epochs or in steps'),
  imageSize: z
    .union([extent, z.tuple([extent, extent])])
    .nullable()
    .default(null)
    .describe('Images are resized to this many pixels, or [height, width]; null: as the data set has them'),
  batchSize: positiveInteger.max(65536).nullable().default(null).describe('null: training.batchSize'),
  learningRateFactor: z
    .number()
    .positive()
    .max(1e6)
    .default(1)
    .describe('The rate that optimiser and schedule give is multiplied by it'),
  augmentationStrength: z
    .number()
    .min(0)
    .max(10)
    .default(1)
    .describe('Every strength of data.augmentation is multiplied by it; 0: none'),
  frozen: z.array(z.string().min(1).max(80)).default([]).describe('Ids of nodes whose parameters stay as they are'),
  frozenBatchNorm: z
    .enum(['running', 'batch'])
    .default('running')
    .describe('What frozen batch norms use: their running statistics, kept as they are, or those of the batch'),
});

export const stagesSchema = z
  .array(stageSchema)
  .max(64)
  .default([])
  .describe('Stretches of the run with settings of their own; none: one of training.length');

type SpecStage = z.output<typeof stageSchema>;

/** A stage in a few words, for differences between specs: "4 epochs at 28×28, rate × 0.1, frozen: conv1". */
export function stageWords({ length, imageSize, batchSize, learningRateFactor, frozen }: SpecStage): string {
  const [amount, unit] = 'epochs' in length ? [length.epochs, 'epoch'] : [length.steps, 'step'];
  const size = typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize;
  return [
    `${amount} ${unit}${amount === 1 ? '' : 's'}${size === null ? '' : ` at ${size.join('×')}`}`,
    ...(batchSize === null ? [] : [`batches of ${batchSize}`]),
    ...(learningRateFactor === 1 ? [] : [`rate × ${learningRateFactor}`]),
    ...(frozen.length === 0 ? [] : [`frozen: ${frozen.join(', ')}`]),
  ].join(', ');
}

/** The stages of a spec as the engine takes them. */
export function stageSettings(training: {
  readonly batchSize: number;
  readonly stages: readonly SpecStage[];
}): StageSettings[] {
  return training.stages.map(({ imageSize, batchSize, ...stage }) => ({
    ...stage,
    imageSize: typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize,
    batchSize: batchSize ?? training.batchSize,
  }));
}
