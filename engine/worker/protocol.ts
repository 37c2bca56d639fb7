import type { AugmentationSettings } from '../data/augment.ts';
import type { FoldSettings, SplitKind } from '../data/split.ts';
import type { BackendName, Precision, Storage, Variant } from '../backend.ts';
import type { StepProbe } from '../diagnostics/measures.ts';
import type { DiagnosticsSettings } from '../diagnostics/settings.ts';
import type { GraphDocument } from '../graph/document.ts';
import type { JobStart } from '../train/start.ts';
import type { Length, StageSettings } from '../train/stages.ts';
import type { GradientSettings, LossSettings, OptimizerSettings, ScheduleSettings } from '../train/settings.ts';
import type { BackendChoice, BackendWish } from './backendChoice.ts';
import type { PlainError } from './plainError.ts';

/** Images of one file of a data set, in shared memory, so that no thread copies them. */
export interface ImageFile {
  /** u8 [count, C, H, W], original pixel values. */
  readonly pixels: Uint8Array;
  /** u8 [count]. */
  readonly labels: Uint8Array;
  readonly count: number;
}

export type Preprocessing = 'raw' | 'unit' | 'standardise' | 'standardiseFeatures' | 'pcaWhitening' | 'zcaWhitening';

/** Everything a training run depends on, resolved: what a worker needs and no more. */
export interface TrainingJob {
  readonly graph: GraphDocument;
  readonly data: {
    /** SHA-256 over the data set's files: names the data, so that what is fitted to it is remembered. Left out: it is not. */
    readonly hash?: string;
    readonly train: ImageFile;
    readonly test: ImageFile;
    /** [C, H, W] */
    readonly imageShape: readonly [number, number, number];
    readonly classes: number;
    /** Images held out of the training file, drawn by seed; the rest is trained on. With `folds` it counts for nothing. */
    readonly validation: number;
    /** How images are drawn. Left out: any alike ('random'). */
    readonly split?: SplitKind;
    /** Holds out one fold of a cross-validation; left out or null: `validation` images. */
    readonly folds?: FoldSettings | null;
    /** Train on so many of the rest only; null: all. */
    readonly trainImages: number | null;
    readonly preprocessing: Preprocessing;
    /** Added to the eigenvalues of a whitening (of pixels from 0 to 1), so that faint directions are not blown up. Left out: 0.01. */
    readonly whiteningEps?: number;
    /** How training images are changed in every epoch; left out: not at all. */
    readonly augmentation?: AugmentationSettings | null;
  };
  readonly batchSize: number;
  /** Length of a run without stages: in epochs or in steps. */
  readonly length: Length;
  /** The stages of the run, in order. Left out or empty: one of `length`, at the images' own size, with all of the above. */
  readonly stages?: readonly StageSettings[];
  readonly loss: LossSettings;
  readonly optimizer: OptimizerSettings;
  /** Clipping and penalties; left out: none. */
  readonly gradient?: GradientSettings;
  /** Batches over which batch norms take their running statistics anew at the end of the run; left out: 0, not at all. */
  readonly recalibrateBatchNorm?: number;
  /** Parts that the images of a step are taken in, with one update from all of them; left out: 1. */
  readonly accumulate?: number;
  readonly schedule: ScheduleSettings;
  readonly earlyStopping: EarlyStoppingSettings | null;
  /** How often validation images are evaluated. */
  readonly evaluateEvery: { readonly epochs: number } | { readonly steps: number };
  /** What is looked at while it trains, without influence on the result; left out or null: nothing. */
  readonly diagnostics?: DiagnosticsSettings | null;
  readonly seed: number;
  /** 'auto': the faster one on this machine, measured before the first step. */
  readonly backend: BackendWish;
  /** Where it is trained and why, by whoever reaches all places; left out: where `backend` says, and for 'auto' on the CPU. */
  readonly choice?: BackendChoice;
  /** How convolutions are computed. Left out: the default, 'fast'. */
  readonly precision?: Precision;
  /** How a GPU keeps the values of the forward pass; a CPU has float32 alone, and the choice says so. Left out: the default, 'f32'. */
  readonly storage?: Storage;
  /** Forms of kernels that a run which is repeated has recorded (its checkpoint has them). Left out: the backend chooses. */
  readonly forms?: Readonly<Record<string, string>>;
  readonly threads: number;
  /** Seconds between 'last' checkpoints; one more is made at pause, stop and end. Does not influence the result. */
  readonly checkpointSeconds: number;
  /** Stored weights that the run begins with, or goes on from as a fork; left out or null: weights that the seed draws. */
  readonly start?: JobStart | null;
  /** Safetensors bytes of a checkpoint of this very run to go on from, or null for its beginning. */
  readonly resumeFrom: Uint8Array | null;
}

export interface EarlyStoppingSettings {
  readonly metric: 'validation.loss' | 'validation.accuracy';
  /** Evaluations without an improvement before the run ends. */
  readonly patience: number;
  readonly minDelta: number;
  /**
   * Ends the run with the parameters and running statistics of the best evaluation: the test images are evaluated with them,
   * and the result hash is theirs. Left out: no.
   */
  readonly restoreBest?: boolean;
}

/** Host to worker. 'start' comes first and once; the others at any time after it. */
export type TrainingCommand =
  | { readonly kind: 'start'; readonly job: TrainingJob }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  | { readonly kind: 'stop' };

/** Worker to host, in order. Exactly one 'finished' or 'failed' ends a run; 'stop' ends it as finished with reason 'stopped'. */
export type TrainingEvent =
  /** Where the run is trained; comes before 'ready', and again where that changes. */
  | { readonly kind: 'backend'; readonly choice: BackendChoice }
  | {
      readonly kind: 'ready';
      readonly backend: BackendName;
      readonly threads: number;
      /** Left out by backends that have only one. */
      readonly variant?: Variant;
      readonly parameters: number;
      /** Mean over the images of the run, of a forward pass. */
      readonly macsPerImage: number;
      readonly planBytes: number;
      /** Mean over the epochs of the run. */
      readonly stepsPerEpoch: number;
      readonly totalSteps: number;
      /** 0, or the step of the checkpoint it goes on from. */
      readonly step: number;
      readonly trainImages: number;
      readonly validationImages: number;
    }
  | {
      /** At most about ten a second. One entry per step since the last message. */
      readonly kind: 'progress';
      /** Number of completed steps after the last entry. Entry i belongs to step `firstStep + i`, counted from 1. */
      readonly step: number;
      readonly firstStep: number;
      readonly loss: Float32Array;
      readonly accuracy: Float32Array;
      readonly learningRate: Float32Array;
      /** Training seconds since the run began, pauses and evaluations left out, at each entry. */
      readonly seconds: Float64Array;
      readonly imagesPerSecond: number;
    }
  | {
      /** A stage of a run with several begins. */
      readonly kind: 'stage';
      /** Place in the list, from 0, and how many there are. */
      readonly stage: number;
      readonly stages: number;
      /** Completed steps before it, and at its end. */
      readonly step: number;
      readonly endStep: number;
      /** [height, width] */
      readonly imageSize: readonly [number, number];
      readonly batchSize: number;
      readonly stepsPerEpoch: number;
      readonly macsPerImage: number;
      readonly planBytes: number;
    }
  | {
      /**
       * How far an evaluation is: about four a second, the first one after a quarter of one, and of test images, with which a run ends,
       * one before their first batch. 'evaluation' ends it.
       */
      readonly kind: 'evaluating';
      readonly split: 'validation' | 'test';
      readonly step: number;
      readonly done: number;
      /** Of all. */
      readonly images: number;
      /** That it has taken so far, pauses left out. */
      readonly seconds: number;
    }
  | {
      /** Images are whitened once before the steps of a stage, which takes more than a second; comes a moment after it has begun. */
      readonly kind: 'whitening';
      readonly images: number;
      /** In all, as far as can be told. */
      readonly seconds: number;
    }
  | {
      readonly kind: 'evaluation';
      readonly split: 'validation' | 'test';
      readonly step: number;
      readonly loss: number;
      readonly accuracy: number;
      readonly images: number;
      readonly seconds: number;
    }
  | ({ readonly kind: 'probe' } & StepProbe)
  | {
      readonly kind: 'checkpoint';
      readonly role: 'last' | 'best';
      readonly step: number;
      readonly bytes: Uint8Array;
      /** SHA-256 of `bytes`, lower-case hexadecimal. */
      readonly hash: string;
    }
  | { readonly kind: 'paused'; readonly step: number }
  | { readonly kind: 'resumed'; readonly step: number }
  | {
      readonly kind: 'finished';
      readonly reason: 'completed' | 'earlyStopping' | 'stopped';
      readonly step: number;
      readonly seconds: number;
      /** The step whose parameters were put back at the end (restoreBest); left out: none were. */
      readonly restoredStep?: number;
      /** SHA-256 over names, shapes and values of parameters, buffers and optimiser state in logical layout. */
      readonly resultHash: string;
    }
  | {
      readonly kind: 'failed';
      readonly step: number;
      readonly error: PlainError;
    };
