/** Plain settings of loss, optimiser and schedule, as a spec holds them. Formulas: optimizers.ts, schedules.ts. */
export interface LossSettings {
  readonly kind: 'crossEntropy';
  readonly labelSmoothing: number;
}

export type OptimizerSettings =
  | {
      readonly kind: 'sgd';
      readonly learningRate: number;
      readonly momentum: number;
      readonly dampening: number;
      readonly nesterov: boolean;
      readonly weightDecay: number;
    }
  | {
      readonly kind: 'adam';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly eps: number;
      readonly weightDecay: number;
      /** AdamW: shrink the parameter instead of adding to the gradient. */
      readonly decoupled: boolean;
    };

/** The learning rate of step t (from 0) as a multiple of the optimiser's rate. */
export type ScheduleSettings =
  | { readonly kind: 'constant' }
  /** Multiplied by gamma every `stepSize` steps. */
  | { readonly kind: 'step'; readonly stepSize: number; readonly gamma: number }
  /** From 1 down to `finalFactor` over the whole run (or over `steps`). */
  | { readonly kind: 'cosine'; readonly finalFactor: number; readonly steps: number | null };
