import { z } from 'zod';

/** Activations of a few images and what a step costs, as jobs tell them. Pictures are base64 of u8. */

export const nodeActivationSchema = z.object({
  id: z.string(),
  /** Of one image. */
  shape: z.array(z.number()),
  mean: z.number().nullable(),
  std: z.number().nullable(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  /** 15th, 50th and 85th percentile. */
  band: z.tuple([z.number().nullable(), z.number().nullable(), z.number().nullable()]),
  histogram: z.object({ range: z.tuple([z.number(), z.number()]), counts: z.array(z.number()) }),
  /** Share of ReLU units that are 0 for every image; null behind another layer. */
  dead: z.number().nullable(),
  /** Share of sigmoid or tanh values within 0.05 of a limit; null behind another layer. */
  saturated: z.number().nullable(),
  /** The image in focus: 0 stands for `low`, 255 for `high`; [channels, height, width]. */
  picture: z.object({
    channels: z.number(),
    height: z.number(),
    width: z.number(),
    low: z.number().nullable(),
    high: z.number().nullable(),
    pixels: z.string(),
  }),
});
export type NodeActivationRecord = z.output<typeof nodeActivationSchema>;

export const activationPreviewSchema = z.object({
  /** Whether batch norm normalised with these images or with its running statistics. */
  statistics: z.enum(['batch', 'running']),
  step: z.number(),
  /** Position in the training file and class of each image. */
  images: z.array(z.object({ position: z.number(), label: z.number() })),
  focus: z.number(),
  nodes: z.array(nodeActivationSchema),
});
export type ActivationPreviewRecord = z.output<typeof activationPreviewSchema>;

export const stepTimingSchema = z.object({
  millisecondsPerStep: z.number(),
  /** Steps that were measured. */
  steps: z.number(),
  stepsPerEpoch: z.number(),
  secondsPerEpoch: z.number(),
  /** Of the whole run, evaluations left out. */
  secondsOfTraining: z.number(),
  imagesPerSecond: z.number(),
  threads: z.number(),
  planBytes: z.number(),
});
export type StepTimingRecord = z.output<typeof stepTimingSchema>;
