import type { LayerName } from '../layers/layerName.ts';

/** What a probe looks at. The last two cost whole passes through the network and have a cadence of their own. */
export const measureGroups = [
  'activations',
  'gradients',
  'updates',
  'batchNorm',
  'noiseScale',
  'gradientShift',
] as const;
export type MeasureGroup = (typeof measureGroups)[number];

/** Diagnostics inside a training run. They have no influence on its result. */
export interface DiagnosticsSettings {
  /** Steps from one probe to the next. */
  readonly every: number;
  /** Also at steps 1, 2, 4, 8 ... below `every`: most happens early. */
  readonly early: boolean;
  /** Steps between two of the costly measures (noiseScale, gradientShift), each at the next probed step. */
  readonly deepEvery: number;
  /** Ids of nodes; null: all of the kinds below. */
  readonly layers: readonly string[] | null;
  /** Kinds of layers; null: those with weights, normalisations and activations. */
  readonly kinds: readonly LayerName[] | null;
  readonly measures: readonly MeasureGroup[];
  readonly histogram: {
    readonly bins: number;
    /** null: from the smallest to the largest value of each step; of a sigmoid and tanh the range of the function. */
    readonly range: readonly [low: number, high: number] | null;
  };
}

export const defaultDiagnostics: DiagnosticsSettings = {
  every: 200,
  early: true,
  deepEvery: 1000,
  layers: null,
  kinds: null,
  measures: ['activations', 'gradients', 'updates', 'batchNorm'],
  histogram: { bins: 40, range: null },
};

/** Whether step `step` (from 0) is probed: step 0 always. */
export function isProbed({ every, early }: Pick<DiagnosticsSettings, 'every' | 'early'>, step: number): boolean {
  if (step % every === 0) return true;
  return early && step < every && Number.isInteger(Math.log2(step));
}

/** Whether the costly measures are due at a probed step: at the first one at or after each multiple of `deepEvery`. */
export function isDeep(settings: DiagnosticsSettings, step: number): boolean {
  const due = Math.floor(step / settings.deepEvery) * settings.deepEvery;
  for (let earlier = due; earlier < step; earlier++) if (isProbed(settings, earlier)) return false;
  return true;
}
