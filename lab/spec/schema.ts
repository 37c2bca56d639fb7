import { z } from 'zod';
import { defaultPrecision, defaultStorage, mostFolds, precisions, storages } from '../../engine/index.ts';
import { diagnosticsSchema, usualDiagnostics } from './diagnostics.ts';
import { augmentationSchema } from './augmentation.ts';
import { lossSchema } from './loss.ts';
import { clipSchema, optimizerSchema } from './optimizer.ts';
import { scheduleSchema } from './schedule.ts';
import { lengthSchema, stagesSchema } from './stages.ts';
import { startSchema } from './start.ts';

/** Version of the spec format; a document of an older one is upgraded on reading (upgrade.ts). */
export const specVersion = 1;

const positiveInteger = z.int().min(1);
const fraction = z.number().min(0).max(1);

const nodeSchema = z.strictObject({
  id: z.string().min(1).max(80).describe('Unique in the model; random draws follow it'),
  layer: z.string().min(1).describe('Name of a layer of the catalogue'),
  inputs: z.array(z.string()).optional().describe('Ids of the nodes read; left out: the node before in the list'),
  props: z.record(z.string(), z.unknown()).optional().describe("The layer's own settings; left out: defaults"),
  position: z.strictObject({ x: z.number(), y: z.number() }).optional().describe('Place on the canvas'),
  title: z.string().max(80).optional(),
});

const blockSchema = z.strictObject({
  id: z.string().min(1).max(80).describe('Unique among the blocks'),
  title: z.string().max(80).describe('Its name on the canvas'),
  copies: z
    .array(z.array(z.string()).min(1))
    .min(1)
    .describe('Ids of the nodes of each repetition, counterparts at the same place of each list'),
  collapsed: z.boolean().optional().describe('Folded up on the canvas'),
});

const modelSchema = z.strictObject({
  nodes: z.array(nodeSchema).min(1).describe('The layers, in any order that the inputs allow'),
  blocks: z
    .array(blockSchema)
    .optional()
    .describe('Named parts of the model for the canvas; no influence on the result, and no part of the spec hash'),
  batchNorm: z
    .enum(['asDrawn', 'none', 'before', 'after'])
    .default('asDrawn')
    .describe('Batch normalisation across the network: as drawn, taken out, or one before/after each activation'),
  dropout: fraction
    .nullable()
    .default(null)
    .describe('Dropout across the network, behind each activation but the last; null: as drawn'),
});

const dataSchema = z.strictObject({
  dataset: z.string().min(1).describe('Id of a data set, see `ablate data list`'),
  validation: z
    .int()
    .min(0)
    .default(5000)
    .describe('Images of the training file held out for validation, drawn by seed; with folds it counts for nothing'),
  trainImages: positiveInteger.nullable().default(null).describe('Train on so many of the rest; null: all'),
  split: z
    .enum(['random', 'stratified'])
    .default('random')
    .describe('How images are drawn: random: any alike; stratified: of each class its share'),
  folds: z
    .strictObject({
      count: z.int().min(2).max(mostFolds).describe('Parts that the training file is dealt out to'),
      fold: positiveInteger.describe('The one that is held out for validation, from 1'),
    })
    .nullable()
    .default(null)
    .describe('One fold of a cross-validation; null: `validation` images are held out'),
  preprocessing: z
    .enum(['raw', 'unit', 'standardise', 'standardiseFeatures', 'pcaWhitening', 'zcaWhitening'])
    .default('unit')
    .describe(
      'raw: 0..255; unit: 0..1; standardise: mean 0, standard deviation 1 over the training split, standardiseFeatures: of every pixel by itself; pcaWhitening, zcaWhitening: pixels uncorrelated as well',
    ),
  whiteningEps: z
    .number()
    .min(1e-8)
    .max(1)
    .default(0.01)
    .describe('Added to the eigenvalues of a whitening, so that faint directions are not blown up'),
  augmentation: augmentationSchema,
});

const cadenceSchema = z.union([
  z.strictObject({ epochs: z.number().positive() }),
  z.strictObject({ steps: positiveInteger }),
]);

const trainingSchema = z.strictObject({
  batchSize: positiveInteger.max(65536).default(64),
  accumulate: positiveInteger
    .max(65536)
    .default(1)
    .describe('Parts that the images of a step are taken in: less memory, one update from the mean of their gradients'),
  length: lengthSchema.default({ epochs: 5 }).describe('Length of a run without stages, in epochs or in steps'),
  stages: stagesSchema,
  loss: lossSchema.default({ kind: 'crossEntropy', labelSmoothing: 0 }),
  optimizer: optimizerSchema,
  clip: clipSchema
    .nullable()
    .default(null)
    .describe('Limits the gradient before the optimiser sees it; null: not at all'),
  l1: z.number().min(0).default(0).describe('Adds this times the sum of the sizes of all parameters to the loss'),
  schedule: scheduleSchema.default({ kind: 'constant' }),
  earlyStopping: z
    .strictObject({
      metric: z.enum(['validation.loss', 'validation.accuracy']).default('validation.loss'),
      patience: positiveInteger.default(5).describe('Evaluations without improvement before the run ends'),
      minDelta: z.number().min(0).default(0),
      restoreBest: z.boolean().default(false).describe('End with the model of the best evaluation'),
    })
    .nullable()
    .default(null),
  recalibrateBatchNorm: z
    .int()
    .min(0)
    .max(100_000)
    .default(0)
    .describe('Batches over which batch norms take their running statistics anew at the end; 0: not at all'),
  evaluateEvery: cadenceSchema.default({ epochs: 1 }).describe('How often the validation images are evaluated'),
  diagnostics: diagnosticsSchema
    .nullable()
    .default(usualDiagnostics)
    .describe('What is looked at inside the layers while it trains; null: nothing. No influence on the result'),
});

// A field that is added here from now on has a default that does what was done before it, and a line in `laterFields` (hash.ts).

/** A run, written down: the same spec and engine give the same result. Format: docs/spec.md. */
export const specSchema = z.strictObject({
  ablate: z.literal(specVersion).describe('Version of this format'),
  name: z.string().max(200).default(''),
  data: dataSchema,
  model: modelSchema,
  start: startSchema,
  training: trainingSchema,
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(1),
  backend: z
    .strictObject({
      kind: z
        .enum(['auto', 'cpu', 'webgpu', 'reference'])
        .default('auto')
        .describe('auto: the CPU or the GPU, whichever is measured to be faster for this network'),
      fallback: z
        .boolean()
        .default(true)
        .describe(
          'Goes on on the CPU when the GPU is lost or cannot run the network; else the run stops and can be resumed',
        ),
      threads: z.int().min(0).max(256).default(0).describe('0: one per core'),
      precision: z
        .enum(precisions)
        .default(defaultPrecision)
        .describe('fast: 3x3 convolutions by Winograd transforms; exact: as products and sums of the plain definition'),
      storage: z
        .enum(storages)
        .default(defaultStorage)
        .describe(
          'f16: a GPU that has half precision keeps the values of the forward pass in it, in half the memory; all else stays f32',
        ),
    })
    .default({ kind: 'auto', fallback: true, threads: 0, precision: defaultPrecision, storage: defaultStorage })
    .describe(
      'Where and how it runs; of this only precision and storage have an influence on the result and count in the hash',
    ),
});

/** A whole spec: validated, every default filled in. */
export type Spec = z.output<typeof specSchema>;
/** A spec as people write it. */
export type SpecInput = z.input<typeof specSchema>;
