import { z } from 'zod';
import { lengthSchema } from '../spec/stages.ts';
import { runRecordSchema } from './records.ts';
import { prependedSchema, stemSchema, transferPreviewSchema, transferSourceSchema } from './transferRecords.ts';

const id = z.string().min(1).max(300);
const extent = z.int().min(1).max(1024);

/** Calls about runs that begin with the weights of others. */
export const transferMethods = {
  /** Weights that a run can start from: checkpoints of runs, newest first, then architectures that were saved with weights. */
  'transfer.sources': {
    input: z.strictObject({ search: z.string().max(500).optional(), limit: z.int().min(1).max(10_000).default(200) }),
    output: z.array(transferSourceSchema),
  },
  /** What a spec with a start takes over, before it runs; never an error for what is in the spec. Stores nothing. */
  'transfer.preview': { input: z.strictObject({ spec: z.unknown() }), output: transferPreviewSchema },
  /**
   * A stem in front of a trained network: changes the model, starts from the trained weights, and trains in two stages, of which the
   * first leaves the trained layers frozen (`freeze`). Stores nothing and starts nothing: the answer's spec is for runs.create.
   */
  'models.prepend': {
    input: z.strictObject({
      /** As `start.from` of a spec: "run:<id>:best", "architecture:<name>@<version>", or just an id or a name. */
      of: id,
      stem: stemSchema.default({ kind: 'pool' }),
      /** Layers at the front of the trained network that go, with all in front of them. */
      drop: z.array(z.string().min(1).max(80)).max(1000).default([]),
      /** Nodes that draw new weights all the same. */
      fresh: z.array(z.string().min(1).max(80)).max(1000).default([]),
      freeze: z.boolean().default(true),
      batchNorm: z.enum(['running', 'batch']).default('running').describe('What frozen batch norms normalise with'),
      /** Of both stages. Left out: twice the size at which the network was trained; null: as the data set has them. */
      imageSize: z
        .union([extent, z.tuple([extent, extent])])
        .nullable()
        .optional(),
      lengths: z.tuple([lengthSchema, lengthSchema]).default([{ epochs: 1 }, { epochs: 4 }]),
      learningRateFactors: z.tuple([z.number().positive().max(1e6), z.number().positive().max(1e6)]).default([1, 0.1]),
      /** The experiment that the model is put into. Left out: the run's own; of an architecture a plain one with Adam. */
      spec: z.unknown().optional(),
    }),
    output: prependedSchema,
  },
  /**
   * Goes on from a run's checkpoint as a new run, perhaps with another spec. The parent stays as it is; the curves of the new run begin
   * behind the step of the fork. `spec`: left out, the parent's; `set`: changes of it, "path=value".
   */
  'runs.fork': {
    input: z.strictObject({
      id: z.string().min(1).max(64),
      checkpoint: z.enum(['last', 'best']).default('last'),
      spec: z.unknown().optional(),
      set: z.array(z.string().max(10_000)).max(1000).default([]),
      name: z.string().max(200).optional().describe('Left out: the name of the parent, with the step'),
      tags: z.array(z.string().max(60)).max(50).optional(),
    }),
    output: runRecordSchema,
  },
} as const;
