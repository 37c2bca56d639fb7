import { z } from 'zod';
import { specSchema } from '../spec/schema.ts';

/** What a model can be written as. */
export const exportFormats = ['json', 'onnx', 'pytorch', 'keras', 'safetensors', 'svg'] as const;
export const exportFormatSchema = z.enum(exportFormats);
export type ExportFormat = z.output<typeof exportFormatSchema>;

/** Which weights go into a file: those that a run begins with, those of its last or its best checkpoint. */
export const exportWeights = ['best', 'last', 'initial'] as const;

const imageShape = z.tuple([z.number(), z.number(), z.number()]);

/** One saved state of an architecture; never changed once it is there. */
export const architectureVersionSchema = z.object({
  /** From 1. */
  version: z.number(),
  createdAt: z.number(),
  /** What was changed, in people's own words. */
  note: z.string(),
  model: specSchema.shape.model,
  /** Id of the data set that it was drawn for; null: not known here. */
  dataset: z.string().nullable(),
  /** Of one image, [C, H, W]. */
  inputShape: imageShape.nullable(),
  classes: z.number().nullable(),
  /** Null for a model with faults, or of unknown images. */
  parameters: z.number().nullable(),
  macsPerImage: z.number().nullable(),
  /** Stored weights (safetensors, names as in a plan), which a run can start from. */
  weights: z.object({ file: z.string(), hash: z.string(), bytes: z.number() }).nullable(),
  /** "drawn", "run r1", "net.onnx". */
  source: z.string(),
});
export type ArchitectureVersion = z.output<typeof architectureVersionSchema>;

/** A named architecture, with its latest version. */
export const architectureRecordSchema = z.object({
  /** Begins with a. */
  id: z.string(),
  /** Unique among those that are not deleted, whatever the case of its letters. */
  name: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  createdAt: z.number(),
  updatedAt: z.number(),
  latest: architectureVersionSchema,
});
export type ArchitectureRecord = z.output<typeof architectureRecordSchema>;

export const architectureDetailsSchema = architectureRecordSchema.extend({
  /** Newest first. */
  versions: z.array(architectureVersionSchema),
});
export type ArchitectureDetails = z.output<typeof architectureDetailsSchema>;

/**
 * Which model: `template:lenet`, `run:r1ab`, `architecture:Name@2` or just one of these words (a version counts from 1; left out,
 * the latest), or the spec of a bench that is not stored.
 */
export const modelRefSchema = z.union([z.string().min(1).max(400), z.strictObject({ spec: z.unknown() })]);
export type ModelRef = z.output<typeof modelRefSchema>;

export const exportedFileSchema = z.object({
  file: z.string(),
  mediaType: z.string(),
  /** Base64. */
  content: z.string(),
  /** What the format does not keep, in sentences. */
  notes: z.array(z.string()),
});

/** What an imported file holds. */
export const importedSchema = z.object({
  name: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  model: specSchema.shape.model,
  dataset: z.string().nullable(),
  inputShape: imageShape.nullable(),
  classes: z.number().nullable(),
  /** The whole experiment, where the file is one. */
  spec: specSchema.nullable(),
  hasWeights: z.boolean(),
  notes: z.array(z.string()),
});

const diffNode = z.object({
  id: z.string(),
  layer: z.string(),
  inputs: z.array(z.string()),
  outputShape: z.array(z.number()).nullable(),
  parameters: z.number().nullable(),
  macs: z.number().nullable(),
});
const totals = z.object({ nodes: z.number(), parameters: z.number().nullable(), macs: z.number().nullable() });

/** Two models side by side; see engine/graph/diff.ts. */
export const architectureDiffSchema = z.object({
  labels: z.tuple([z.string(), z.string()]),
  entries: z.array(
    z.object({
      kind: z.enum(['same', 'added', 'removed', 'changed']),
      before: diffNode.nullable(),
      after: diffNode.nullable(),
      matched: z.enum(['id', 'structure']).nullable(),
      changes: z.array(z.object({ name: z.string(), before: z.unknown(), after: z.unknown() })),
    }),
  ),
  before: totals,
  after: totals,
});
export type ArchitectureDiff = z.output<typeof architectureDiffSchema>;

/** Layers of a run's model, for a picture of it. */
export const runModelSchema = z.object({
  /** Runs of one group have the same model. */
  group: z.string(),
  nodes: z.array(
    z.object({
      id: z.string(),
      title: z.string(),
      category: z.string(),
      properties: z.string(),
      inputs: z.array(z.string()),
      outputShape: z.array(z.number()).nullable(),
      parameters: z.number().nullable(),
    }),
  ),
});
