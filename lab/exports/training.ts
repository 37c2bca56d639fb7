import type { ParameterSpec } from '../../engine/index.ts';
import type { DatasetRecord } from '../contract/records.ts';
import { canonicalJson } from '../spec/hash.ts';
import { specSchema, type Spec } from '../spec/schema.ts';

/** How a model is trained, for the formats that are programs. */
export interface ExportTraining {
  readonly spec: Spec;
  readonly dataset: DatasetRecord;
}

/** Fields of data and training that programs follow, and those that have no influence on the result. */
const known = {
  data: ['dataset', 'validation', 'trainImages', 'split', 'folds', 'preprocessing', 'whiteningEps', 'augmentation'],
  training: [
    'batchSize',
    'accumulate',
    'length',
    'stages',
    'loss',
    'optimizer',
    'clip',
    'l1',
    'schedule',
    'earlyStopping',
    'recalibrateBatchNorm',
    'evaluateEvery',
    'diagnostics',
  ],
} as const;
/** Parts of a spec that are read as a whole, or say where and how a run is computed. */
const parts = ['ablate', 'name', 'data', 'model', 'start', 'training', 'seed', 'backend'];

/** What of a spec exported programs do not do, in sentences: what they do not know is told, not dropped silently. */
export function notFollowed({ spec }: ExportTraining): string[] {
  const { ablate, data, model, training } = spec;
  const bare = specSchema.parse({
    ablate,
    data: { dataset: data.dataset },
    model,
    training: { optimizer: training.optimizer },
  });
  const notes: string[] = [];
  for (const part of ['data', 'training'] as const) {
    const usual = bare[part] as Readonly<Record<string, unknown>>;
    for (const [name, value] of Object.entries(spec[part])) {
      if ((known[part] as readonly string[]).includes(name) || value === undefined) continue;
      if (canonicalJson(value) === canonicalJson(usual[name])) continue;
      notes.push(`${part}.${name} is ${canonicalJson(value).slice(0, 120)}; the program does without it.`);
    }
  }
  if (spec.start?.carry === 'everything') {
    notes.push(
      'start.carry is "everything": the program begins at step 0 with the weights alone, without the state of the optimiser, the steps, the schedule and the early stopping that the fork goes on with.',
    );
  }
  for (const name of Object.keys(spec)) {
    if (!parts.includes(name)) notes.push(`${name}: the program does without it.`);
  }
  return notes;
}

/** How a parameter starts: all of one value, or a standard normal, a uniform of -1 to 1 or an orthogonal matrix times a scale. */
export type Start = readonly ['constant' | 'normal' | 'uniform' | 'orthogonal', number];

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
    case 'orthogonal':
      return ['orthogonal', initializer.gain];
    case 'lsuv':
      // and scaled by the first batch
      return ['orthogonal', 1];
  }
}
