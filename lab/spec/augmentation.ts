import { z } from 'zod';

/** How training images are changed, other ways in every epoch. Formulas: engine/data/augment.ts. */
export const augmentationSchema = z
  .strictObject({
    shift: z
      .int()
      .min(0)
      .max(1024)
      .default(0)
      .describe('Pixels that an image moves at most on each axis; black comes in'),
    flip: z.number().min(0).max(1).default(0).describe('Probability that left and right are exchanged'),
    rotation: z.number().min(0).max(180).default(0).describe('Degrees that an image is turned at most, either way'),
    scale: z.number().min(0).max(4).default(0).describe('0.1: grows by up to 1.1 or shrinks by up to 1 / 1.1'),
    brightness: z.number().min(0).max(1).default(0).describe('Part of the range of values added or taken off at most'),
    contrast: z
      .number()
      .min(0)
      .max(4)
      .default(0)
      .describe('0.1: distances to mid-grey grow by up to 1.1 or shrink by up to 1 / 1.1'),
    cutout: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe("Side of a square that is blanked, as a part of the image's shorter side"),
    mixup: z
      .number()
      .min(0)
      .max(100)
      .default(0)
      .describe(
        'Alpha of mixup: each image and its loss is mixed with the next one of the batch by lambda from Beta(alpha, alpha); 0: none',
      ),
  })
  .nullable()
  .default(null)
  .describe('Changes of the training images, drawn anew in every epoch; null: none');
