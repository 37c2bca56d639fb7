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
  /** Also at steps 1, 2, 4, 8 ... below `every`, as most happens early; 'auto': in a short run at some of them (cadence.ts). */
  readonly early: boolean | 'auto';
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
  early: 'auto',
  deepEvery: 1000,
  layers: null,
  kinds: null,
  measures: ['activations', 'gradients', 'updates', 'batchNorm'],
  histogram: { bins: 40, range: null },
};
