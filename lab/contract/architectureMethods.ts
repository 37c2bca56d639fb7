import { z } from 'zod';
import { specSchema } from '../spec/schema.ts';
import {
  architectureDetailsSchema,
  architectureDiffSchema,
  architectureRecordSchema,
  exportedFileSchema,
  exportFormatSchema,
  exportWeights,
  importedSchema,
  modelRefSchema,
  runModelSchema,
} from './architectureRecords.ts';

/** Names work under way, so that it can be told of and ended. */
export const ticketSchema = z.string().min(1).max(64);

const name = z.string().trim().min(1).max(200);
const description = z.string().max(100_000);
const tags = z.array(z.string().max(60)).max(50);
const id = z.string().min(1).max(300);
/** Messages have a size; larger files come in parts (`files.put`). */
const content = z.string().max(6 * 2 ** 20);

/** The bytes of a file: whole, or what `files.put` has gathered under this name. */
const fileContent = z.union([z.strictObject({ base64: content }), z.strictObject({ upload: z.string().max(80) })]);

/** Calls about models as such: saved architectures, files, differences. */
export const architectureMethods = {
  /** Latest changed first. `search`: words found in name, description and tags. */
  'architectures.list': {
    input: z.strictObject({ search: z.string().max(500).optional(), tag: z.string().max(60).optional() }),
    output: z.array(architectureRecordSchema),
  },
  /** `id`: an id, a unique beginning of one, or a name. */
  'architectures.get': { input: z.strictObject({ id }), output: architectureDetailsSchema },
  /**
   * Saves a model under a name: a new architecture, or the next version of the one that has the name. Faults are saved along. A
   * model that equals the latest version makes no new one.
   */
  'architectures.save': {
    input: z.strictObject({
      name,
      model: specSchema.shape.model,
      dataset: z.string().max(80).nullable().default(null),
      description: description.optional(),
      tags: tags.optional(),
      note: z.string().max(1000).default(''),
      /** Id of a run whose best weights are stored along. */
      weightsOf: z.string().max(64).optional(),
    }),
    output: architectureRecordSchema,
  },
  'architectures.update': {
    input: z.strictObject({ id, name: name.optional(), description: description.optional(), tags: tags.optional() }),
    output: architectureRecordSchema,
  },
  /** Deleted ones can be restored until the lab is next started. */
  'architectures.delete': {
    input: z.strictObject({ ids: z.array(id).min(1).max(1000) }),
    output: z.object({ deleted: z.array(z.string()) }),
  },
  'architectures.restore': {
    input: z.strictObject({ ids: z.array(id).min(1).max(1000) }),
    output: z.object({ restored: z.array(z.string()) }),
  },
  'architectures.diff': {
    input: z.strictObject({ before: modelRefSchema, after: modelRefSchema }),
    output: architectureDiffSchema,
  },
  /**
   * A model as a file. `weights` matters for ONNX and safetensors: of a run its best checkpoint, unless said otherwise; of a model
   * that was never trained the weights that its seed draws. Where a whitening is fitted for it, which takes seconds, 'job.progress'
   * tells how far it is; one that is cancelled ends with the error 'interrupted'.
   */
  'architectures.export': {
    input: z.strictObject({
      of: modelRefSchema,
      format: exportFormatSchema,
      weights: z.enum(exportWeights).optional(),
      ticket: ticketSchema
        .optional()
        .describe("Chosen by the caller: names this export in 'job.progress' and for its end"),
    }),
    output: exportedFileSchema,
  },
  'architectures.cancelExport': {
    input: z.strictObject({ ticket: ticketSchema }),
    output: z.object({ cancelled: z.boolean() }),
  },
  /** What a JSON or ONNX file holds; nothing is stored. `file` is its name, for messages. */
  'architectures.read': {
    input: z.strictObject({ file: z.string().min(1).max(400), content: fileContent }),
    output: importedSchema,
  },
  /** The same, saved as an architecture (its weights along) under `name` or the name that the file gives. */
  'architectures.import': {
    input: z.strictObject({
      file: z.string().min(1).max(400),
      content: fileContent,
      name: name.optional(),
      tags: tags.optional(),
    }),
    output: z.object({ architecture: architectureRecordSchema, notes: z.array(z.string()) }),
  },
  /** Gathers the parts of a file, in order. `offset` is where the part belongs; `done` throws the upload away. */
  'files.put': {
    input: z.strictObject({
      upload: z.string().min(1).max(80),
      offset: z.int().min(0),
      base64: content.default(''),
      done: z.boolean().default(false),
    }),
    output: z.object({ bytes: z.number() }),
  },
  /** Layers of the models of these runs, one entry per group. Runs that are gone are left out. */
  'runs.models': {
    input: z.strictObject({ ids: z.array(z.string().min(1).max(64)).max(500) }),
    output: z.array(runModelSchema),
  },
} as const;
