import type { ParameterSpec } from '../../engine/index.ts';
import type { DatasetRecord } from '../contract/records.ts';
import { canonicalJson } from '../spec/hash.ts';
import { lengthOf } from '../spec/resolve.ts';
import { specSchema, type Spec } from '../spec/schema.ts';

/** How a model is trained, for the formats that are programs. */
export interface ExportTraining {
  readonly spec: Spec;
  readonly dataset: DatasetRecord;
}

/** Fields of data and training that exported programs follow. What a spec says beyond them is told, not dropped silently. */
const followed = {
  data: ['dataset', 'validation', 'trainImages', 'split', 'folds', 'preprocessing'],
  training: ['batchSize', 'length', 'loss', 'optimizer', 'clip', 'l1', 'schedule', 'earlyStopping', 'evaluateEvery'],
} as const;

export const knownPreprocessing: readonly string[] = ['raw', 'unit', 'standardise'];

/** What of a spec an exported program does not do, in sentences. */
export function notFollowed({ spec }: ExportTraining): string[] {
  const bare = specSchema.parse({
    ablate: spec.ablate,
    data: { dataset: spec.data.dataset },
    model: spec.model,
    training: { optimizer: spec.training.optimizer },
  });
  const notes: string[] = [];
  for (const part of ['data', 'training'] as const) {
    const [own, plain] = [spec[part], bare[part]] as Readonly<Record<string, unknown>>[] as [
      Readonly<Record<string, unknown>>,
      Readonly<Record<string, unknown>>,
    ];
    for (const [name, value] of Object.entries(own)) {
      if ((followed[part] as readonly string[]).includes(name)) continue;
      if (value === undefined || canonicalJson(value) === canonicalJson(plain[name])) continue;
      notes.push(`${part}.${name} is ${canonicalJson(value).slice(0, 120)}; the program does without it.`);
    }
  }
  if (spec.start) {
    notes.push(
      'start: the program draws its first weights. Those that the lab begins with can be exported as safetensors or ONNX, as the weights "initial".',
    );
  }
  const others = Object.entries(spec).filter(([name]) => !Object.hasOwn(bare, name));
  for (const [name] of others) notes.push(`${name}: the program does without it.`);
  if (!knownPreprocessing.includes(spec.data.preprocessing)) {
    notes.push(`data.preprocessing is ${spec.data.preprocessing}; the program divides pixels by 255 instead.`);
  }
  return notes;
}

/** Steps between evaluations, and of the whole run. */
export function stepsOf({ spec, dataset }: ExportTraining): {
  readonly total: number;
  readonly perEpoch: number;
  readonly evaluateEvery: number;
} {
  const { stepsPerEpoch, totalSteps } = lengthOf(spec, dataset);
  const { evaluateEvery } = spec.training;
  return {
    total: totalSteps,
    perEpoch: stepsPerEpoch,
    evaluateEvery:
      'steps' in evaluateEvery ? evaluateEvery.steps : Math.max(1, Math.round(evaluateEvery.epochs * stepsPerEpoch)),
  };
}

/** How a parameter starts: all of one value, or a standard normal or a uniform of -1 to 1 times a scale. Null: in another way. */
export type Start = readonly ['constant' | 'normal' | 'uniform', number] | null;

/** A uniform of -b to b has the variance b² / 3. */
export function startOf({
  initializer,
  fanIn,
  fanOut,
}: Pick<ParameterSpec, 'initializer' | 'fanIn' | 'fanOut'>): Start {
  const scaled = (distribution: 'normal' | 'uniform', gain: number, variance: number): Start => [
    distribution,
    gain * Math.sqrt(distribution === 'uniform' ? 3 * variance : variance),
  ];
  switch (initializer.kind) {
    case 'zeros':
      return ['constant', 0];
    case 'constant':
      return ['constant', initializer.value];
    case 'normal':
      return ['normal', initializer.std];
    case 'uniform':
      return ['uniform', initializer.bound];
    case 'glorot':
      return scaled(initializer.distribution, initializer.gain, 2 / (fanIn + fanOut));
    case 'he':
      return scaled(initializer.distribution, initializer.gain, 2 / fanIn);
    case 'lecun':
      return scaled(initializer.distribution, initializer.gain, 1 / fanIn);
    default:
      return null;
  }
}
