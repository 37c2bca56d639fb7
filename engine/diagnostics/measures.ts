/**
 * What is measured per layer and probed step, in the order in which it is stored: a new measure goes to the end. Where a layer has
 * no such value (no weights, no ReLU) it is NaN. Formulas and sources: docs/diagnostics.md.
 */
export const measureNames = [
  'mean',
  'std',
  'minimum',
  'maximum',
  'p15',
  'p50',
  'p85',
  'zeroFraction',
  'deadFraction',
  'saturation',
  'gradientNorm',
  'gradientStd',
  'weightNorm',
  'updateNorm',
  'updateRatio',
  'bnMeanGap',
  'bnVarianceShift',
  'gradientShift',
  'gradientCosine',
  'noiseScale',
  'nonFinite',
] as const;
export type MeasureName = (typeof measureNames)[number];

/** Stands for the whole network where a layer is named. */
export const wholeNetwork = '';

export type HistogramKind = 'activation' | 'gradient';

export interface LayerHistogram {
  readonly of: HistogramKind;
  /** Edges of the first and the last bin. */
  readonly low: number;
  readonly high: number;
  /** [below, bins..., above] */
  readonly counts: Int32Array;
}

/** What a probe saw of one layer. */
export interface LayerProbe {
  readonly layer: string;
  /** In the order of `measureNames`; NaN where there is none. */
  readonly values: Float32Array;
  readonly histograms: readonly LayerHistogram[];
}

/** What a probe saw of a step. */
export interface StepProbe {
  /** From 0: the parameters are those after so many steps, the batch is that of the step that follows. */
  readonly step: number;
  /** Time that the probe took. */
  readonly seconds: number;
  readonly layers: readonly LayerProbe[];
}
