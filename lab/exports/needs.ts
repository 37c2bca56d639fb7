import { stageShape, type StageSpan } from '../../engine/index.ts';
import { lengthOf } from '../spec/resolve.ts';
import type { Spec } from '../spec/schema.ts';
import type { ExportTraining } from './training.ts';

type Augmentation = NonNullable<Spec['data']['augmentation']>;

/** What of the lab a spec makes use of, so that a program has these parts and no others. */
export interface Needs {
  /** At least one. */
  readonly spans: readonly StageSpan[];
  /** Whether the run is in stages; else there is one span that is all of it. */
  readonly staged: boolean;
  readonly totalSteps: number;
  readonly imageShape: readonly [number, number, number];
  /** Heights and widths that the network sees, without repetitions. */
  readonly sizes: readonly (readonly [number, number])[];
  /** Whether images are resized in any stage. */
  readonly resized: boolean;
  readonly fitted: boolean;
  readonly whitened: boolean;
  /** Whether images of any stage are changed one by one, and how. */
  readonly augmented: Omit<Augmentation, 'mixup'> | null;
  /** Alpha of mixup at full strength; 0: none. */
  readonly mixup: number;
  /** Whether the strength of augmentation differs from stage to stage, and whether it is 0 in any. */
  readonly strengthVaries: boolean;
  readonly strengthVanishes: boolean;
  readonly frozen: boolean;
  readonly rated: boolean;
  readonly parts: number;
  /** Whether there are validation images. */
  readonly validated: boolean;
}

/** Whether `to_input` keeps values that were fitted, or the size of the stage, and so is an object. */
export const isInputsClass = ({ fitted, sizes }: Needs): boolean => fitted || sizes.length > 1;

export function needsOf({ spec, dataset }: ExportTraining): Needs {
  const { stages: spans, totalSteps, validationImages } = lengthOf(spec, dataset);
  const { preprocessing, augmentation } = spec.data;
  const { imageShape } = dataset;
  const seen = spans.map(({ settings }) => stageShape(imageShape, settings).slice(1) as [number, number]);
  const strengths = spans.map(({ settings }) => settings.augmentationStrength);
  const strong = strengths.some((strength) => strength > 0);
  const { mixup, ...changes } = augmentation ?? { mixup: 0 };
  const changing = strong && Object.values(changes).some((value) => value !== 0);
  return {
    spans,
    staged: spec.training.stages.length > 0,
    totalSteps,
    imageShape,
    sizes: seen.filter((size, i) => seen.findIndex((other) => other.join() === size.join()) === i),
    resized: seen.some((size) => size.join() !== imageShape.slice(1).join()),
    fitted: preprocessing !== 'raw' && preprocessing !== 'unit',
    whitened: preprocessing === 'pcaWhitening' || preprocessing === 'zcaWhitening',
    augmented: changing ? (changes as Omit<Augmentation, 'mixup'>) : null,
    mixup: strong ? mixup : 0,
    strengthVaries: strengths.some((strength) => strength !== strengths[0]),
    strengthVanishes: strengths.some((strength) => strength === 0),
    frozen: spans.some(({ settings }) => settings.frozen.length > 0),
    rated: spans.some(({ settings }) => settings.learningRateFactor !== 1),
    parts: spec.training.accumulate,
    validated: validationImages > 0,
  };
}
