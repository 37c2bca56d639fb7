import type { Length, StageSettings } from './stages.ts';

export interface PrependStagesOptions {
  /** Nodes with trained weights: frozen in the first stage. */
  readonly reused: readonly string[];
  /** What the batch norms among them normalise with meanwhile. */
  readonly batchNorm: StageSettings['frozenBatchNorm'];
  /** Of both stages; null: as the data set has them. */
  readonly imageSize: StageSettings['imageSize'];
  readonly batchSize: number;
  /** Of the stage in which only what is new learns, and of the one in which all does. */
  readonly lengths: readonly [first: Length, second: Length];
  /** The rate is multiplied by them. */
  readonly learningRateFactors: readonly [first: number, second: number];
}

/**
 * How a network with a new stem in front is trained: first the stem (and whatever else is new) alone, with the trained layers frozen, as
 * the large gradients behind a random stem would undo what they have learnt; then everything together, at a smaller rate (Yosinski,
 * Clune, Bengio and Lipson, "How transferable are features in deep neural networks?", NeurIPS 2014; Howard and Ruder 2018, "gradual
 * unfreezing"). With nothing reused there is one stage, the second.
 */
export function prependStages(options: PrependStagesOptions): readonly StageSettings[] {
  const { reused, batchNorm, imageSize, batchSize, lengths, learningRateFactors } = options;
  const stage = (i: 0 | 1, frozen: readonly string[]): StageSettings => ({
    length: lengths[i],
    imageSize,
    batchSize,
    learningRateFactor: learningRateFactors[i],
    augmentationStrength: 1,
    frozen,
    frozenBatchNorm: batchNorm,
  });
  return reused.length === 0 ? [stage(1, [])] : [stage(0, reused), stage(1, [])];
}
