/** The kinds of augmentation as fields of a form: one line per setting of the spec. */
import type { Spec } from '../../lab/contract/spec.ts';
import type { TrainingField } from './trainingFields.ts';

export type Augmentation = NonNullable<Spec['data']['augmentation']>;

export const augmentationFields: { readonly [K in keyof Augmentation]: TrainingField } = {
  shift: {
    kind: 'number',
    label: 'Shift',
    unit: 'pixels',
    min: 0,
    max: 1024,
    integer: true,
    help: 'At most so far on each axis; black comes in.',
  },
  flip: {
    kind: 'number',
    label: 'Flip',
    unit: 'of images',
    min: 0,
    max: 1,
    help: 'Left and right exchanged; not for digits and letters.',
  },
  rotation: {
    kind: 'number',
    label: 'Rotation',
    unit: 'degrees',
    min: 0,
    max: 180,
    help: 'At most so far either way, about the centre.',
  },
  scale: {
    kind: 'number',
    label: 'Scale',
    unit: 'of the size',
    min: 0,
    max: 4,
    help: '0.1: grown by up to 1.1 or shrunk by up to 1 / 1.1.',
  },
  brightness: {
    kind: 'number',
    label: 'Brightness',
    unit: 'of the range',
    min: 0,
    max: 1,
    help: 'Added or taken off at most.',
  },
  contrast: {
    kind: 'number',
    label: 'Contrast',
    min: 0,
    max: 4,
    help: '0.1: up to 1.1 times as much, or 1.1 times less.',
  },
  cutout: {
    kind: 'number',
    label: 'Cutout',
    unit: 'of the side',
    min: 0,
    max: 1,
    help: 'How large a square is blanked, somewhere.',
  },
  mixup: {
    kind: 'number',
    label: 'Mixup',
    unit: 'α',
    min: 0,
    max: 100,
    help: 'Two images and their losses mixed: 0.2 mostly a little, 1 by any part.',
  },
};

/** What switching augmentation on begins with: a shift, which suits almost any images. */
export const firstAugmentation: Augmentation = {
  ...{ shift: 2, flip: 0, rotation: 0, scale: 0 },
  ...{ brightness: 0, contrast: 0, cutout: 0, mixup: 0 },
};
