import { activationNames } from '../../../engine/ops/activationName.ts';
import type { ActivationName } from '../../../engine/ops/activationName.ts';
import { resizeModes } from '../../../engine/ops/resample.ts';
import type { ResizeMode } from '../../../engine/ops/resample.ts';
import type { LossSettings } from '../../../engine/train/settings.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import type { ClipSettings, OptimizerSettings } from '../../../engine/train/settings.ts';

type Pair = readonly [number, number];
type Pads = readonly [number, number, number, number];

/** A step of a random model. One that does not fit the value before it (see build.ts) is passed over. */
export type FuzzNode =
  | {
      readonly kind: 'conv2d';
      readonly outs: number;
      readonly kernel: Pair;
      readonly stride: Pair;
      readonly pads: Pads;
      readonly dilation: Pair;
      readonly groups: number;
      readonly bias: boolean;
    }
  | { readonly kind: 'linear'; readonly outs: number; readonly bias: boolean }
  | {
      readonly kind: 'maxPool2d' | 'avgPool2d';
      readonly kernel: Pair;
      readonly stride: Pair;
      readonly pads: Pads;
      readonly roundUp: boolean;
      readonly countIncludePad: boolean;
    }
  | { readonly kind: 'globalAvgPool2d' | 'flatten' }
  | {
      readonly kind: 'batchNorm';
      readonly affine: boolean;
      readonly momentum: number | null;
      readonly eps: number;
      /** Running statistics as constants. */
      readonly frozen: boolean;
    }
  | { readonly kind: 'groupNorm'; readonly groups: number; readonly affine: boolean; readonly eps: number }
  | { readonly kind: 'layerNorm'; readonly affine: boolean; readonly eps: number }
  | { readonly kind: 'noise' }
  | { readonly kind: 'resize'; readonly size: Pair; readonly mode: ResizeMode }
  | { readonly kind: 'dropout'; readonly p: number; readonly channel: boolean }
  | {
      readonly kind: 'activation';
      readonly fn: ActivationName;
      readonly slope: number;
      readonly approximate: 'none' | 'tanh';
    }
  /** Along axis 1, 2 or 3, counted round where there are fewer. */
  | { readonly kind: 'softmax' | 'logSoftmax'; readonly axis: number }
  /** With the value that came `back` steps before, if its shape fits. */
  | { readonly kind: 'add' | 'concat'; readonly back: number };

/** A random model with its data and optimiser: plain JSON, so that a failure can be printed and shrunk. */
export interface FuzzSpec {
  /** Of pixels, labels and initial weights. */
  readonly dataSeed: number;
  readonly batch: number;
  /** [C, H, W] */
  readonly image: readonly [number, number, number];
  readonly classes: number;
  readonly nodes: readonly FuzzNode[];
  readonly loss: LossSettings['kind'];
  /** Of Huber and hinge. */
  readonly power: 1 | 2;
  readonly margin: number;
  readonly labelSmoothing: number;
  readonly classWeights: boolean;
  /** Rows at the end of the batch that are filler (index -1). */
  readonly filler: number;
  readonly optimizer: OptimizerSettings['kind'];
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly decoupled: boolean;
  readonly centered: boolean;
  readonly clip: ClipSettings | null;
  readonly l1: number;
  /** Parts of a step whose gradients are summed. */
  readonly accumulate: number;
}

class Draw {
  readonly #stream: RandomStream;

  constructor(seed: number) {
    this.#stream = new RandomStream(seed, streamKind.noise, 1);
  }

  /** A whole number from low to high, both included. */
  integer(low: number, high: number): number {
    return low + this.#stream.below(high - low + 1);
  }

  chance(p: number): boolean {
    return this.#stream.uniform() < p;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.#stream.below(items.length)]!;
  }

  pair(low: number, high: number): Pair {
    const first = this.integer(low, high);
    return [first, this.chance(0.7) ? first : this.integer(low, high)];
  }

  pads(highest: number): Pads {
    if (this.chance(0.3)) return [0, 0, 0, 0];
    const [h, w] = this.pair(0, highest);
    if (this.chance(0.6)) return [h, w, h, w];
    return [h, w, this.integer(0, highest), this.integer(0, highest)];
  }
}

function drawNode(draw: Draw): FuzzNode {
  const kind = draw.pick([
    ...([
      'conv2d',
      'conv2d',
      'conv2d',
      'conv2d',
      'linear',
      'linear',
      'maxPool2d',
      'avgPool2d',
      'globalAvgPool2d',
    ] as const),
    ...([
      'flatten',
      'batchNorm',
      'batchNorm',
      'groupNorm',
      'layerNorm',
      'noise',
      'resize',
      'dropout',
      'activation',
      'activation',
      'activation',
      'softmax',
      'logSoftmax',
      'add',
      'concat',
    ] as const),
  ]);
  switch (kind) {
    case 'conv2d': {
      const groups = draw.chance(0.25) ? draw.integer(2, 4) : 1;
      return {
        kind,
        outs: groups * draw.integer(1, groups === 1 ? 18 : 4),
        kernel: draw.chance(0.4) ? [3, 3] : draw.pair(1, 5),
        stride: draw.chance(0.6) ? [1, 1] : draw.pair(1, 3),
        pads: draw.pads(3),
        dilation: draw.chance(0.8) ? [1, 1] : draw.pair(1, 3),
        groups,
        bias: draw.chance(0.6),
      };
    }
    case 'linear':
      return { kind, outs: draw.integer(1, 40), bias: draw.chance(0.7) };
    case 'maxPool2d':
    case 'avgPool2d':
      return {
        kind,
        kernel: draw.pair(1, 4),
        stride: draw.pair(1, 3),
        pads: draw.pads(1),
        roundUp: draw.chance(0.3),
        countIncludePad: draw.chance(0.5),
      };
    case 'globalAvgPool2d':
    case 'flatten':
      return { kind };
    case 'batchNorm':
      return {
        kind,
        affine: draw.chance(0.8),
        momentum: draw.pick([0.1, 0.1, 0.5, 1, null]),
        eps: draw.pick([1e-2, 1e-1]),
        frozen: draw.chance(0.15),
      };
    case 'groupNorm':
      return { kind, groups: draw.integer(1, 4), affine: draw.chance(0.8), eps: draw.pick([1e-2, 1e-1]) };
    case 'noise':
      return { kind };
    case 'layerNorm':
      return { kind, affine: draw.chance(0.8), eps: draw.pick([1e-2, 1e-1]) };
    case 'resize':
      return { kind, size: draw.pair(1, 12), mode: draw.pick(resizeModes) };
    case 'dropout':
      return { kind, p: draw.pick([0, 0.2, 0.5, 0.8]), channel: draw.chance(0.3) };
    case 'activation':
      return {
        kind,
        fn: draw.pick(activationNames),
        slope: draw.pick([0.01, 0.2, -0.5]),
        approximate: draw.pick(['none', 'tanh']),
      };
    case 'softmax':
    case 'logSoftmax':
      return { kind, axis: draw.integer(1, 3) };
    case 'add':
    case 'concat':
      return { kind, back: draw.integer(0, 5) };
  }
}

/** The model number `seed`. */
export function drawSpec(seed: number): FuzzSpec {
  const draw = new Draw(seed);
  const batch = draw.integer(1, 9);
  return {
    dataSeed: seed,
    batch,
    image: [draw.integer(1, 6), draw.integer(1, 12), draw.integer(1, 12)],
    classes: draw.integer(2, 12),
    nodes: Array.from({ length: draw.integer(1, 9) }, () => drawNode(draw)),
    loss: draw.chance(0.4) ? 'crossEntropy' : draw.pick(['mse', 'mae', 'huber', 'binaryCrossEntropy', 'hinge']),
    power: draw.pick([1, 2]),
    margin: draw.pick([0.5, 1, 3]),
    labelSmoothing: draw.pick([0, 0, 0.1, 0.5]),
    classWeights: draw.chance(0.2),
    filler: draw.chance(0.2) ? draw.integer(0, batch - 1) : 0,
    optimizer: draw.pick(['sgd', 'adam', 'rmsprop', 'adagrad', 'adamax', 'nadam']),
    momentum: draw.pick([0, 0.9]),
    nesterov: draw.chance(0.3),
    weightDecay: draw.pick([0, 0.01]),
    decoupled: draw.chance(0.3),
    centered: draw.chance(0.5),
    clip: draw.pick([null, null, { norm: 0.5 }, { value: 2 }]),
    l1: draw.pick([0, 0, 1e-3]),
    accumulate: draw.pick([1, 1, 2, 3]),
  };
}
