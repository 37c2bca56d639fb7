/** Plain settings of loss, optimiser and schedule, as a spec holds them. Formulas: engine/ops/op.ts, optimizers.ts, schedules.ts. */
export type LossSettings =
  | {
      readonly kind: 'crossEntropy';
      readonly labelSmoothing: number;
      /** One per class, above 0. Left out: all count alike. */
      readonly classWeight?: readonly number[] | undefined;
    }
  /** Of the model's outputs against 1 at the class and 0 elsewhere; the mean over images and classes. */
  | { readonly kind: 'mse' | 'mae' | 'binaryCrossEntropy' }
  | { readonly kind: 'huber'; readonly delta: number }
  /** Multi-margin loss. */
  | { readonly kind: 'hinge'; readonly p: 1 | 2; readonly margin: number };

interface Rate {
  readonly learningRate: number;
  /** L2: this times the parameter joins the gradient. */
  readonly weightDecay: number;
}

interface Moments extends Rate {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
}

export type OptimizerSettings =
  | (Rate & {
      readonly kind: 'sgd';
      readonly momentum: number;
      readonly dampening: number;
      readonly nesterov: boolean;
    })
  | (Moments & {
      readonly kind: 'adam';
      /** AdamW: shrink the parameter instead of adding to the gradient. */
      readonly decoupled: boolean;
      /** Divide the moments by 1 - beta^t. Left out: yes. */
      readonly biasCorrection?: boolean;
    })
  | (Rate & {
      readonly kind: 'rmsprop';
      /** Share of the old mean square that stays. */
      readonly alpha: number;
      readonly eps: number;
      readonly momentum: number;
      /** Take the square of the mean gradient off the mean square. */
      readonly centered: boolean;
    })
  | (Rate & {
      readonly kind: 'adagrad';
      /** The rate of step t (from 0) is divided by 1 + t times this. */
      readonly learningRateDecay: number;
      /** What the sums of squares begin with. */
      readonly initialAccumulator: number;
      readonly eps: number;
    })
  | (Moments & { readonly kind: 'adamax' })
  | (Moments & {
      readonly kind: 'nadam';
      /** How slowly momentum reaches beta1: mu_t = beta1 (1 - 0.96^(t momentumDecay) / 2). */
      readonly momentumDecay: number;
    });

/** A limit for the gradient, before the optimiser sees it: for its length over all parameters, or for each value. */
export type ClipSettings = { readonly norm: number } | { readonly value: number };

/** What happens to the gradient before the optimiser sees it: clipped first, then the penalty is added. */
export interface GradientSettings {
  readonly clip: ClipSettings | null;
  /** This times the sign of a parameter joins its gradient. */
  readonly l1: number;
}

/** What a schedule over a stretch of the run has: its length in steps, null: the whole run. */
interface Over {
  readonly steps: number | null;
}

/**
 * The learning rate of step t (from 0) as a multiple of the optimiser's rate. Formulas: schedules.ts. Factors that a
 * schedule falls to are parts of the optimiser's rate too.
 */
export type ScheduleSettings =
  | { readonly kind: 'constant' }
  /** Multiplied by gamma every `stepSize` steps. */
  | { readonly kind: 'step'; readonly stepSize: number; readonly gamma: number }
  /** Multiplied by gamma at each of these steps. */
  | { readonly kind: 'multiStep'; readonly milestones: readonly number[]; readonly gamma: number }
  /** Multiplied by gamma in every step. */
  | { readonly kind: 'exponential'; readonly gamma: number }
  /** (1 - t / steps)^power */
  | ({ readonly kind: 'polynomial'; readonly power: number } & Over)
  /** From 1 down to `finalFactor`, where it stays. */
  | ({ readonly kind: 'cosine'; readonly finalFactor: number } & Over)
  /** Again and again from 1 down to `finalFactor`, in periods of period, period * periodFactor, ... steps. */
  | {
      readonly kind: 'warmRestarts';
      readonly period: number;
      readonly periodFactor: number;
      readonly finalFactor: number;
    }
  /** From `startFactor` up to 1 in `warmupSteps` on a straight line, then a cosine down to `finalFactor`. */
  | ({
      readonly kind: 'warmupCosine';
      readonly warmupSteps: number;
      readonly startFactor: number;
      readonly finalFactor: number;
    } & Over)
  /** From 1 / divFactor up to 1 in the first `risePart` of the steps, then down to 1 / divFactor / finalDivFactor. */
  | ({
      readonly kind: 'oneCycle';
      readonly risePart: number;
      readonly anneal: 'cosine' | 'linear';
      readonly divFactor: number;
      readonly finalDivFactor: number;
      readonly threePhase: boolean;
    } & Over)
  /** Multiplied by `factor` when the metric of `patience` + 1 evaluations in a row was not better than the best. */
  | {
      readonly kind: 'reduceOnPlateau';
      readonly metric: 'validation.loss' | 'validation.accuracy';
      readonly factor: number;
      readonly patience: number;
      /** Better means by more than this: a part of the best value, or a difference. */
      readonly threshold: number;
      readonly thresholdMode: 'relative' | 'absolute';
      /** Evaluations after a reduction that count for nothing. */
      readonly cooldown: number;
      readonly minimumFactor: number;
    };
