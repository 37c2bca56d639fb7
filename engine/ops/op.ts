import type { ActivationName } from './activationName.ts';
import type { ResizeMode } from './resample.ts';

/** Position of a tensor in its plan's table. */
export type TensorId = number;

type Pair = readonly [height: number, width: number];
type Pads = readonly [top: number, left: number, bottom: number, right: number];

/**
 * A window that slides over the two image axes. How many windows there are is what the output's shape says: extents
 * rounded down, or up. Rounded up, the last window may reach beyond the padding (and is cut off there), but it begins
 * inside the image or the padding before it.
 */
export interface Window2d {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly pads: Pads;
}

export interface ConvAttrs {
  readonly stride: Pair;
  readonly pads: Pads;
  readonly dilation: Pair;
  readonly groups: number;
}

export interface ActivationAttrs {
  readonly fn: ActivationName;
  /** Leaky ReLU's slope for x < 0. */
  readonly slope?: number;
  /** ELU: minus its limit for x to minus infinity; 0 or more. Left out: 1. */
  readonly alpha?: number;
  /** GELU: 'none' is the exact form with erf, 'tanh' the approximation. */
  readonly approximate?: 'none' | 'tanh';
}

/** One axis of a tensor, counted from 0. */
export interface AxisAttrs {
  readonly axis: number;
}

/** Losses of every element by itself. */
export const elementwiseLossNames = ['mse', 'mae', 'huber', 'binaryCrossEntropy'] as const;
export type ElementwiseLossName = (typeof elementwiseLossNames)[number];

type None = Readonly<Record<never, never>>;

/**
 * Every op of a plan: its attributes, named inputs and named outputs. Shapes are logical.
 * An op reads all its inputs and writes all its outputs whole, except where a comment says "in place".
 * A backend has exactly one kernel per name (`Record<OpName, ...>`), so a missing one fails the type check.
 *
 * Shape letters: N images of a batch, C channels, H and W height and width, F features, K classes, M images of the data set.
 */
export interface Ops {
  /**
   * x[n] = (pixels[indices[n]] - offset) * scale, in float32; index -1 gives zeros (the filler of a last, short batch).
   * pixels u8 [M, C, H, W], indices i32 [N], offset and scale f32 [1] or [C*H*W]; x f32 [N, C, H, W].
   */
  gatherImages: {
    attrs: None;
    inputs: { pixels: TensorId; indices: TensorId; offset: TensorId; scale: TensorId };
    outputs: { x: TensorId };
  };
  /**
   * The same of images that are changed on the way. Row n of `augmentation` f32 [N, augmentationSize] (places: augmentationSlot) says
   * how: pixel (h, w) is taken from (yy h + yx w + y0, xy h + xx w + x0) of the stored image, bilinear, 0 outside; times gain, plus
   * bias, at least 0 and at most 255, and only then offset and scale. x is 0 for top <= h < bottom and left <= w < right.
   */
  augmentImages: {
    attrs: None;
    inputs: { pixels: TensorId; indices: TensorId; augmentation: TensorId; offset: TensorId; scale: TensorId };
    outputs: { x: TensorId };
  };
  /** target[n] = labels[indices[n]]; index -1 gives -1. labels u8 [M], indices i32 [N]; target i32 [N]. */
  gatherLabels: { attrs: None; inputs: { labels: TensorId; indices: TensorId }; outputs: { target: TensorId } };
  /** x[n] = rows[indices[n]]; index -1 gives zeros. rows f32 [M, C, H, W], indices i32 [N]; x f32 [N, C, H, W]. */
  gatherRows: { attrs: None; inputs: { rows: TensorId; indices: TensorId }; outputs: { x: TensorId } };
  /** The way back, in place: rows[indices[n]] = x[n]. Index -1 goes nowhere; the others differ from one another. */
  scatterRows: { attrs: None; inputs: { x: TensorId; indices: TensorId; rows: TensorId }; outputs: None };
  /**
   * Row n of y is b' + weight (a[n] - b') with b' = b[(n + shift) mod N], that is weight a[n] + (1 - weight) b'. a, b, y f32 [N, ...] of
   * 1 to 4 axes (a list of values is one row); weight f32 [1]; 0 <= shift < N. a and b may be the same tensor.
   */
  mixRows: {
    attrs: { readonly shift: number };
    inputs: { a: TensorId; b: TensorId; weight: TensorId };
    outputs: { y: TensorId };
  };

  /** y = x weight^T + bias. x [N, F], weight [O, F], bias [O]; y [N, O]. */
  linear: { attrs: None; inputs: { x: TensorId; weight: TensorId; bias?: TensorId }; outputs: { y: TensorId } };
  /** dx = dy weight. */
  linearGradInput: { attrs: None; inputs: { dy: TensorId; weight: TensorId }; outputs: { dx: TensorId } };
  /** dweight = dy^T x; dbias = column sums of dy. */
  linearGradWeight: {
    attrs: None;
    inputs: { x: TensorId; dy: TensorId };
    outputs: { dweight: TensorId; dbias?: TensorId };
  };

  /** Cross-correlation. x [N, C, H, W], weight [O, C/groups, kH, kW], bias [O]; y [N, O, H', W']. */
  conv2d: { attrs: ConvAttrs; inputs: { x: TensorId; weight: TensorId; bias?: TensorId }; outputs: { y: TensorId } };
  conv2dGradInput: { attrs: ConvAttrs; inputs: { dy: TensorId; weight: TensorId }; outputs: { dx: TensorId } };
  conv2dGradWeight: {
    attrs: ConvAttrs;
    inputs: { x: TensorId; dy: TensorId };
    outputs: { dweight: TensorId; dbias?: TensorId };
  };

  /** Pads with minus infinity. `indices` (i32, position h*W+w in the unpadded plane, first maximum) only where asked for. */
  maxPool2d: { attrs: Window2d; inputs: { x: TensorId }; outputs: { y: TensorId; indices?: TensorId } };
  /** A tie sends its gradient to the first maximum in row-major order. */
  maxPool2dGrad: { attrs: Window2d; inputs: { x: TensorId; y: TensorId; dy: TensorId }; outputs: { dx: TensorId } };
  /** With countIncludePad the divisor is the window's size inside the padded image, without it the number of real pixels. */
  avgPool2d: {
    attrs: Window2d & { readonly countIncludePad: boolean };
    inputs: { x: TensorId };
    outputs: { y: TensorId };
  };
  avgPool2dGrad: {
    attrs: Window2d & { readonly countIncludePad: boolean };
    inputs: { dy: TensorId };
    outputs: { dx: TensorId };
  };
  /** x [N, C, H, W]; y [N, C]. */
  globalAvgPool2d: { attrs: None; inputs: { x: TensorId }; outputs: { y: TensorId } };
  globalAvgPool2dGrad: { attrs: None; inputs: { dy: TensorId }; outputs: { dx: TensorId } };

  /** x [N, C, H, W] (or [N, F]); y [N, C*H*W] in C, H, W order. */
  flatten: { attrs: None; inputs: { x: TensorId }; outputs: { y: TensorId } };
  flattenGrad: { attrs: None; inputs: { dy: TensorId }; outputs: { dx: TensorId } };

  /**
   * Batch statistics: y = (x - mean) / sqrt(var + eps) * gamma + beta with the biased batch variance, per channel
   * (x [N, C, H, W]) or per feature ([N, F]). In place: runningMean and runningVar (unbiased) move by
   * (1 - momentum) * old + momentum * batch; momentum null is the cumulative average 1 / (batchesTracked + 1), and
   * batchesTracked (i32 [1], present only then) grows by one.
   */
  batchNorm: {
    attrs: { readonly momentum: number | null; readonly eps: number };
    inputs: {
      x: TensorId;
      gamma?: TensorId;
      beta?: TensorId;
      runningMean: TensorId;
      runningVar: TensorId;
      batchesTracked?: TensorId;
    };
    outputs: { y: TensorId; batchMean: TensorId; batchVar: TensorId };
  };
  batchNormGrad: {
    attrs: { readonly eps: number };
    inputs: { x: TensorId; dy: TensorId; gamma?: TensorId; batchMean: TensorId; batchVar: TensorId };
    outputs: { dx: TensorId; dgamma?: TensorId; dbeta?: TensorId };
  };
  /** The same with the running statistics as constants (evaluation, frozen layers). */
  batchNormInference: {
    attrs: { readonly eps: number };
    inputs: { x: TensorId; gamma?: TensorId; beta?: TensorId; runningMean: TensorId; runningVar: TensorId };
    outputs: { y: TensorId };
  };
  batchNormInferenceGrad: {
    attrs: { readonly eps: number };
    inputs: { x: TensorId; dy: TensorId; gamma?: TensorId; runningMean: TensorId; runningVar: TensorId };
    outputs: { dx: TensorId; dgamma?: TensorId; dbeta?: TensorId };
  };

  /**
   * Each image by itself: y = (x - mean) / sqrt(var + eps) * gamma + beta with mean and biased variance of C / groups
   * neighbouring channels. x [N, C, H, W] (or [N, C]), gamma and beta [C]; mean and variance [N, groups].
   */
  groupNorm: {
    attrs: { readonly groups: number; readonly eps: number };
    inputs: { x: TensorId; gamma?: TensorId; beta?: TensorId };
    outputs: { y: TensorId; mean: TensorId; variance: TensorId };
  };
  groupNormGrad: {
    attrs: { readonly groups: number; readonly eps: number };
    inputs: { x: TensorId; dy: TensorId; gamma?: TensorId; mean: TensorId; variance: TensorId };
    outputs: { dx: TensorId; dgamma?: TensorId; dbeta?: TensorId };
  };
  /**
   * The same over all values of an image, with a gamma and beta for each of them: x [N, F] or [N, C, H, W], gamma and beta
   * [F] or [C, H, W]; mean and variance [N, 1].
   */
  layerNorm: {
    attrs: { readonly eps: number };
    inputs: { x: TensorId; gamma?: TensorId; beta?: TensorId };
    outputs: { y: TensorId; mean: TensorId; variance: TensorId };
  };
  layerNormGrad: {
    attrs: { readonly eps: number };
    inputs: { x: TensorId; dy: TensorId; gamma?: TensorId; mean: TensorId; variance: TensorId };
    outputs: { dx: TensorId; dgamma?: TensorId; dbeta?: TensorId };
  };

  /**
   * Images to y's height and width, each axis by the taps of `resizeTaps` (resample.ts). x [N, C, H, W]; y [N, C, H', W'].
   * Mode 'area' is adaptive average pooling.
   */
  resize: { attrs: { readonly mode: ResizeMode }; inputs: { x: TensorId }; outputs: { y: TensorId } };
  resizeGrad: { attrs: { readonly mode: ResizeMode }; inputs: { dy: TensorId }; outputs: { dx: TensorId } };

  /**
   * mask u8: 1 keeps. Element (n, c, h, w) takes word c % 4 of Philox4x32-10 with counter
   * [((n*H + h)*W + w) * ceil(C/4) + floor(c/4), step, stream, streamKind.dropout] and key = seed, and is kept when
   * (word >>> 8) >= round(p * 2^24). Features are C = F, H = W = 1; a mask [N, C] drops whole channels.
   * `random` is i32 [3]: seed low, seed high, step.
   */
  dropoutMask: {
    attrs: { readonly p: number; readonly stream: number };
    inputs: { random: TensorId };
    outputs: { mask: TensorId };
  };
  /** y = mask ? x * scale : 0; mask has x's shape, or [N, C] for whole channels. Its own gradient: dx = dropout(dy, mask). */
  dropout: { attrs: { readonly scale: number }; inputs: { x: TensorId; mask: TensorId }; outputs: { y: TensorId } };

  /**
   * Random factors for the channels of each image, other ones in every step (the control of Santurkar et al. 2018):
   * shift[n, c] = mean[c] + U(-meanSpread, meanSpread) and scale[n, c] = spread[c] + scaleSpread * N(0, 1) with
   * mean[c] ~ U(-meanRange, meanRange) and spread[c] ~ U(1, largestScale), the same for all images of the step.
   * Words 0 and 1 of Philox4x32-10 with counter [c, step, stream, streamKind.noise] give mean and spread, word 0 and
   * (Box-Muller, cosine) words 1 and 2 of [(n + 1) * 4 ceil(C/4) + c, ...] the rest. scale, shift f32 [N, C].
   */
  noise: {
    attrs: {
      readonly stream: number;
      readonly meanRange: number;
      readonly largestScale: number;
      readonly meanSpread: number;
      readonly scaleSpread: number;
    };
    inputs: { random: TensorId };
    outputs: { scale: TensorId; shift: TensorId };
  };
  /** y = x * scale + shift, factors [N, C] of the channels of each image. Its own gradient: dx = scaleShift(dy, scale). */
  scaleShift: {
    attrs: None;
    inputs: { x: TensorId; scale: TensorId; shift?: TensorId };
    outputs: { y: TensorId };
  };

  /** Element by element. */
  activation: { attrs: ActivationAttrs; inputs: { x: TensorId }; outputs: { y: TensorId } };
  /** Has y or x, whichever `activationGradNeeds` names for the function. */
  activationGrad: {
    attrs: ActivationAttrs;
    inputs: { x?: TensorId; y?: TensorId; dy: TensorId };
    outputs: { dx: TensorId };
  };

  /** y = a + b, same shapes. Also sums the gradients of a value with several readers. */
  add: { attrs: None; inputs: { a: TensorId; b: TensorId }; outputs: { y: TensorId } };
  /** Along a logical axis >= 1 (the golden data also uses axis 0). */
  concat: { attrs: { readonly axis: number }; inputs: { xs: readonly TensorId[] }; outputs: { y: TensorId } };
  concatGrad: { attrs: { readonly axis: number }; inputs: { dy: TensorId }; outputs: { dxs: readonly TensorId[] } };

  /** Along an axis from 1 on, x of 2 to 4 axes: y = exp(x) / sum exp(x). */
  softmax: { attrs: AxisAttrs; inputs: { x: TensorId }; outputs: { y: TensorId } };
  /** dx = y (dy - sum(y dy)). */
  softmaxGrad: { attrs: AxisAttrs; inputs: { y: TensorId; dy: TensorId }; outputs: { dx: TensorId } };
  /** Along an axis from 1 on, x of 2 to 4 axes: y = x - ln(sum exp(x)). */
  logSoftmax: { attrs: AxisAttrs; inputs: { x: TensorId }; outputs: { y: TensorId } };
  /** dx = dy - exp(y) sum(dy). */
  logSoftmaxGrad: { attrs: AxisAttrs; inputs: { y: TensorId; dy: TensorId }; outputs: { dx: TensorId } };

  /**
   * Softmax and cross entropy in one. logits [N, K], target i32 [N] (-1: the row counts for nothing), classWeight [K];
   * loss f32 [1], dlogits [N, K] where asked for. 'mean' divides by the number of counted rows (by the sum of the targets'
   * weights with classWeight). Label smoothing s: (1-s) * w[t] * -logp[t] + s/K * sum_k w[k] * -logp[k].
   */
  softmaxCrossEntropy: {
    attrs: { readonly reduction: 'mean' | 'sum'; readonly labelSmoothing: number };
    inputs: { logits: TensorId; target: TensorId; classWeight?: TensorId };
    outputs: { loss: TensorId; dlogits?: TensorId };
  };
  /**
   * The sum over all elements of, with x the prediction, t its target and d = x - t: mse d^2; mae |d| (derivative 0 at d = 0);
   * huber d^2 / 2 up to |d| = delta, from there delta (|d| - delta / 2); binaryCrossEntropy, of a logit x and t from 0 to 1,
   * ln(1 + exp(x)) - x t. target is f32 of the prediction's shape, or i32 [N] beside predictions [N, K], and then stands for 1 at
   * the class and 0 elsewhere (-1: the row counts for nothing). loss f32 [1], dprediction where asked for. 'mean' divides by the
   * number of elements in counted rows, 'rowMeans' sums the mean of every row.
   */
  elementwiseLoss: {
    attrs: {
      readonly fn: ElementwiseLossName;
      readonly reduction: 'mean' | 'sum' | 'rowMeans';
      /** Huber's, above 0. Left out: 1. */
      readonly delta?: number;
    };
    inputs: { prediction: TensorId; target: TensorId };
    outputs: { loss: TensorId; dprediction?: TensorId };
  };
  /**
   * Hinge loss of several classes: a row's is sum over k != t of max(0, margin - x[t] + x[k])^p / K (derivative 0 at the hinge).
   * logits [N, K], target i32 [N] (-1: the row counts for nothing); loss f32 [1], dlogits [N, K] where asked for. 'mean' divides
   * by the number of counted rows.
   */
  multiMarginLoss: {
    attrs: { readonly p: 1 | 2; readonly margin: number; readonly reduction: 'mean' | 'sum' };
    inputs: { logits: TensorId; target: TensorId };
    outputs: { loss: TensorId; dlogits?: TensorId };
  };
  /** correct f32 [1]: rows whose first largest logit is the target. */
  countCorrect: { attrs: None; inputs: { logits: TensorId; target: TensorId }; outputs: { correct: TensorId } };

  /** In place: history[step % slots][i] = values[i][0]. history f32 [slots, values.length]; `random` holds the step. */
  record: {
    attrs: None;
    inputs: { random: TensorId; values: readonly TensorId[]; history: TensorId };
    outputs: None;
  };

  /**
   * In place on every parameter and velocity. g = gradient + weightDecay * p; with momentum: v = momentum * v + d * g, where
   * d is hyper[dampening] (1 on the first step), and g = v (nesterov: g + momentum * v); p -= hyper[learningRate] * g.
   * The lists run in parallel; backends keep them in four flat buffers in list order, so this is one pass.
   */
  sgdUpdate: {
    attrs: { readonly momentum: number; readonly weightDecay: number; readonly nesterov: boolean };
    inputs: {
      hyper: TensorId;
      parameters: readonly TensorId[];
      gradients: readonly TensorId[];
      velocities: readonly TensorId[];
    };
    outputs: None;
  };
  /**
   * In place. g += weightDecay * p (decoupled: p *= 1 - lr * weightDecay); m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2;
   * p -= lr * (m * hyper[correction1]) / (sqrt(v * hyper[correction2]) + eps).
   */
  adamUpdate: {
    attrs: {
      readonly beta1: number;
      readonly beta2: number;
      readonly eps: number;
      readonly weightDecay: number;
      readonly decoupled: boolean;
    };
    inputs: {
      hyper: TensorId;
      parameters: readonly TensorId[];
      gradients: readonly TensorId[];
      firstMoments: readonly TensorId[];
      secondMoments: readonly TensorId[];
    };
    outputs: None;
  };
  /**
   * In place. g = gradient + weightDecay * p; v = alpha v + (1-alpha) g^2; centered: a = alpha a + (1-alpha) g, and a^2 is
   * taken off v; s = g / (sqrt(v) + eps); with momentum: b = momentum * b + s, and s = b; p -= lr * s.
   * Lists of what is off are empty.
   */
  rmspropUpdate: {
    attrs: {
      readonly alpha: number;
      readonly eps: number;
      readonly weightDecay: number;
      readonly momentum: number;
      readonly centered: boolean;
    };
    inputs: {
      hyper: TensorId;
      parameters: readonly TensorId[];
      gradients: readonly TensorId[];
      squares: readonly TensorId[];
      averages: readonly TensorId[];
      velocities: readonly TensorId[];
    };
    outputs: None;
  };
  /** In place. g = gradient + weightDecay * p; s += g^2; p -= lr * g / (sqrt(s) + eps). */
  adagradUpdate: {
    attrs: { readonly eps: number; readonly weightDecay: number };
    inputs: {
      hyper: TensorId;
      parameters: readonly TensorId[];
      gradients: readonly TensorId[];
      squareSums: readonly TensorId[];
    };
    outputs: None;
  };
  /**
   * In place. g = gradient + weightDecay * p; m = b1 m + (1-b1) g; u = max(b2 u, |g| + eps);
   * p -= lr * hyper[correction1] * m / u.
   */
  adamaxUpdate: {
    attrs: { readonly beta1: number; readonly beta2: number; readonly eps: number; readonly weightDecay: number };
    inputs: {
      hyper: TensorId;
      parameters: readonly TensorId[];
      gradients: readonly TensorId[];
      firstMoments: readonly TensorId[];
      infinityNorms: readonly TensorId[];
    };
    outputs: None;
  };
  /**
   * In place. g, m and v as in Adam; p -= lr * (hyper[gradientPart] * g + hyper[correction1] * m) /
   * (sqrt(v * hyper[correction2]) + eps).
   */
  nadamUpdate: {
    attrs: { readonly beta1: number; readonly beta2: number; readonly eps: number; readonly weightDecay: number };
    inputs: {
      hyper: TensorId;
      parameters: readonly TensorId[];
      gradients: readonly TensorId[];
      firstMoments: readonly TensorId[];
      secondMoments: readonly TensorId[];
    };
    outputs: None;
  };

  /**
   * In place on every gradient: norm = sqrt of the sum of squares over all of them; g *= min(1, maximum / (norm + 1e-6)).
   * norm f32 [1]. A norm that is not a number makes every gradient so.
   */
  clipGradientNorm: {
    attrs: { readonly maximum: number };
    inputs: { gradients: readonly TensorId[] };
    outputs: { norm: TensorId };
  };
  /** In place: g = min(max(g, -maximum), maximum). A NaN stays. */
  clipGradientValue: {
    attrs: { readonly maximum: number };
    inputs: { gradients: readonly TensorId[] };
    outputs: None;
  };
  /**
   * How the values of x are distributed. statistics f32 [9], see `statisticSlot`: mean, standard deviation (divides by n) and L2
   * norm from sums in doubles, smallest and largest finite value, shares of zeros and of values that are not finite, and the edges of
   * the histogram. percentiles f32 [P]: the value at place floor((n - 1) p / 100) of the sorted values, exactly. histogram i32
   * [bins + 2]: values below, in each bin, above; the bin is trunc((x - low) * (bins / (high - low))) in float32, at most bins - 1;
   * `range` null: from the smallest to the largest finite value. inside i32 [U], x [N, U, ...]: values of each unit from
   * inside[0] to inside[1]. Where a value is not finite, mean, deviation, norm and percentiles are NaN.
   */
  summarise: {
    attrs: {
      readonly percentiles: readonly number[];
      readonly bins: number;
      readonly range: readonly [low: number, high: number] | null;
      readonly inside: readonly [low: number, high: number] | null;
    };
    inputs: { x: TensorId };
    outputs: { statistics: TensorId; percentiles?: TensorId; histogram?: TensorId; inside?: TensorId };
  };
  /** result f32 [4]: L2 norms of a, of b and of a - b, and the inner product of a and b; sums in doubles. a, b of one shape. */
  compare: { attrs: None; inputs: { a: TensorId; b: TensorId }; outputs: { result: TensorId } };
  /** In place: to[i] = from[i], list by list. */
  copy: {
    attrs: None;
    inputs: { from: readonly TensorId[]; to: readonly TensorId[] };
    outputs: None;
  };
  /** In place on every gradient: g += strength * sign(p), the gradient of strength * sum |p|; sign(0) = 0. */
  l1Penalty: {
    attrs: { readonly strength: number };
    inputs: { parameters: readonly TensorId[]; gradients: readonly TensorId[] };
    outputs: None;
  };

  /** In place: sums += values, f32 lists that run in parallel. What several micro-batches of one step give together. */
  accumulate: {
    attrs: None;
    inputs: { sums: readonly TensorId[]; values: readonly TensorId[] };
    outputs: None;
  };
  /** In place: values = sums * scale, and sums = 0, ready for the next step. */
  takeAccumulated: {
    attrs: { readonly scale: number };
    inputs: { sums: readonly TensorId[]; values: readonly TensorId[] };
    outputs: None;
  };
}

export type OpName = keyof Ops;
export type OpAttrs<N extends OpName> = Ops[N]['attrs'];
export type OpInputs<N extends OpName> = Ops[N]['inputs'];
export type OpOutputs<N extends OpName> = Ops[N]['outputs'];

export {
  augmentationSize,
  augmentationSlot,
  compareSize,
  compareSlot,
  hyperSize,
  hyperSlot,
  randomSize,
  randomSlot,
  statisticCount,
  statisticSlot,
} from './slots.ts';
