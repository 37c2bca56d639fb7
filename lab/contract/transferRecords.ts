import { z } from 'zod';
import { specSchema } from '../spec/schema.ts';
import { architectureDiffSchema } from './architectureRecords.ts';
import { faultSchema, runStartSchema } from './records.ts';

const shape = z.array(z.number());

/** Stored weights that a run can start from. */
export const transferSourceSchema = z.object({
  /** For `start.from` of a spec. */
  from: z.string(),
  kind: z.enum(['run', 'architecture']),
  id: z.string(),
  label: z.string(),
  /** Of a run. */
  checkpoint: z.enum(['best', 'last']).nullable(),
  step: z.number().nullable(),
  group: z.string().nullable(),
  seed: z.number().nullable(),
  status: z.string().nullable(),
  /** Of an architecture. */
  version: z.number().nullable(),
  dataset: z.string().nullable(),
  parameters: z.number().nullable(),
  /** When the weights were stored. */
  createdAt: z.number(),
});
export type TransferSource = z.output<typeof transferSourceSchema>;

/**
 * What a network takes over, tensor by tensor (engine/train/transfer.ts). Reasons why one is new: `absent`, the source has none;
 * `shape`, it has another shape there; `node`, another tensor of the node has; `asked`, `start.fresh` names its node.
 */
export const transferReportSchema = z.object({
  nodes: z.array(
    z.object({
      node: z.string(),
      layer: z.string(),
      state: z.enum(['reused', 'partly', 'new']),
      from: z.string().nullable(),
      parameters: z.number(),
      reusedParameters: z.number(),
      /** Per stage of the run; one entry for a run without stages. */
      frozen: z.array(z.boolean()),
      /** Of a batch norm, per stage, what it normalises training images with; else null. */
      statistics: z.array(z.enum(['batch', 'running'])).nullable(),
      tensors: z.array(
        z.object({
          name: z.string(),
          shape,
          kind: z.enum(['parameter', 'buffer']),
          state: z.enum(['reused', 'new']),
          from: z.string().nullable(),
          reason: z.enum(['absent', 'shape', 'node', 'asked']).nullable(),
          sourceShape: shape.nullable(),
        }),
      ),
    }),
  ),
  discarded: z.array(z.object({ name: z.string(), shape, reason: z.enum(['unused', 'shape', 'node', 'asked']) })),
  /** Of parameters; running statistics are not counted. */
  totals: z.object({
    parameters: z.number(),
    reused: z.number(),
    new: z.number(),
    discarded: z.number(),
    frozen: z.array(z.object({ reused: z.number(), new: z.number() })),
  }),
});
export type TransferReportRecord = z.output<typeof transferReportSchema>;

/** A spec with a start, looked at before it runs. */
export const transferPreviewSchema = z.object({
  ok: z.boolean(),
  faults: z.array(faultSchema),
  /** What is not wrong but should be known, in sentences. */
  notes: z.array(z.string()),
  /** What the weights are; null where they were not found, or the spec has no start. */
  start: runStartSchema.nullable(),
  /** Null where the model has faults, too. */
  report: transferReportSchema.nullable(),
  /** Defaults filled in, and the start's source and hash; null when the document itself is faulty. */
  spec: specSchema.nullable(),
});
export type TransferPreview = z.output<typeof transferPreviewSchema>;

const ownNode = specSchema.shape.model.shape.nodes.element;

/** What is put in front of a network; engine/graph/transforms/prepend.ts. */
export const stemSchema = z.union([
  z.strictObject({
    kind: z.enum(['pool', 'stride']),
    filters: z.int().min(1).max(65536).optional().describe('Left out: as many channels as the layer behind it expects'),
    kernel: z.int().min(1).max(31).optional(),
  }),
  z.strictObject({ kind: z.literal('nodes'), nodes: z.array(ownNode).min(1).max(1000) }),
]);
export type StemInput = z.output<typeof stemSchema>;

export const prependedSchema = z.object({
  /** The whole experiment: stem in front, weights of the source, stages. Ready for runs.create unless the preview has faults. */
  spec: specSchema,
  /** Ids of the new nodes, of those that went, and of those that read the stem. */
  stem: z.array(z.string()),
  dropped: z.array(z.string()),
  receivers: z.array(z.string()),
  /** Of one image: what the receivers read when the network was trained, and what the stem gives them. */
  expected: shape,
  given: shape.nullable(),
  diff: architectureDiffSchema,
  preview: transferPreviewSchema,
});
export type Prepended = z.output<typeof prependedSchema>;
