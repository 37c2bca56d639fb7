import { resizeModes } from '../../../engine/ops/resample.ts';
import { activationTrials } from './activationTrials.ts';
import { dataTrials } from './dataTrials.ts';
import { lossTrials } from './lossTrials.ts';
import { given, noise, positive, t, type Trial, type TrialTensor } from './trial.ts';
import { summariseTrials } from './summariseTrials.ts';
import { updateTrials } from './updateTrials.ts';

/** Every kernel at shapes that are awkward for it: odd counts, one row, one pixel, remainders of every tile. */

function linearTrials(): Trial[] {
  const sizes = [
    [1, 1, 1],
    [1, 5, 3],
    [7, 13, 9],
    [60, 33, 10],
    [64, 8, 16],
    [29, 84, 51],
    [130, 6, 5],
  ] as const;
  return sizes.flatMap(([rows, features, out]): Trial[] => [
    {
      name: `linear ${rows}x${features}x${out}`,
      op: 'linear',
      attrs: {},
      inputs: { x: t(rows, features), weight: t(out, features), bias: t(out) },
      outputs: { y: t(rows, out) },
    },
    {
      name: `linearGradInput ${rows}x${features}x${out}`,
      op: 'linearGradInput',
      attrs: {},
      inputs: { dy: t(rows, out), weight: t(out, features) },
      outputs: { dx: t(rows, features) },
    },
    {
      name: `linearGradWeight ${rows}x${features}x${out}`,
      op: 'linearGradWeight',
      attrs: {},
      inputs: { x: t(rows, features), dy: t(rows, out) },
      outputs: { dweight: t(out, features), dbias: t(out) },
    },
  ]);
}

interface ConvCase {
  readonly x: readonly [number, number, number, number];
  readonly out: number;
  readonly kernel: readonly [number, number];
  readonly stride?: readonly [number, number];
  readonly pads?: readonly [number, number, number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

const convCases: readonly ConvCase[] = [
  { x: [1, 1, 1, 1], out: 1, kernel: [1, 1] },
  { x: [3, 1, 28, 28], out: 8, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { x: [2, 1, 7, 5], out: 5, kernel: [5, 3], pads: [2, 1, 2, 1] },
  { x: [9, 3, 9, 7], out: 6, kernel: [3, 3] },
  { x: [2, 8, 14, 14], out: 12, kernel: [3, 3], pads: [1, 1, 1, 1] },
  // Winograd: blocks of several tile rows, cropped tiles, odd channels, uneven and large padding, small images.
  { x: [2, 32, 24, 28], out: 32, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { x: [1, 64, 14, 14], out: 32, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { x: [2, 17, 13, 19], out: 23, kernel: [3, 3], pads: [0, 2, 1, 0] },
  { x: [9, 16, 7, 7], out: 20, kernel: [3, 3] },
  { x: [1, 12, 5, 6], out: 9, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { x: [2, 16, 2, 3], out: 16, kernel: [3, 3], pads: [9, 7, 1, 3] },
  { x: [2, 24, 40, 33], out: 8, kernel: [3, 3], pads: [2, 2, 2, 2] },
  { x: [2, 5, 8, 9], out: 7, kernel: [4, 2], pads: [1, 0, 2, 1] },
  { x: [3, 4, 11, 10], out: 9, kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1] },
  { x: [2, 3, 11, 10], out: 4, kernel: [2, 2], stride: [3, 3] },
  { x: [9, 16, 8, 9], out: 12, kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1] },
  { x: [2, 5, 13, 12], out: 9, kernel: [7, 5], stride: [2, 3], pads: [3, 0, 2, 4] },
  { x: [2, 3, 2, 9], out: 5, kernel: [1, 3], stride: [4, 2], pads: [0, 1, 2, 0] },
  { x: [2, 4, 12, 9], out: 6, kernel: [3, 2], dilation: [2, 3], pads: [2, 2, 2, 2] },
  { x: [1, 2, 5, 5], out: 3, kernel: [2, 2], pads: [3, 3, 3, 3] },
  { x: [2, 6, 1, 1], out: 4, kernel: [3, 3], pads: [1, 1, 1, 1] },
  { x: [2, 6, 6, 5], out: 4, kernel: [1, 1], stride: [2, 2] },
  { x: [2, 6, 6, 5], out: 6, kernel: [3, 3], pads: [1, 1, 1, 1], groups: 6 },
  { x: [2, 6, 7, 7], out: 9, kernel: [3, 3], pads: [1, 1, 1, 1], stride: [2, 2], groups: 3 },
  { x: [2, 4, 6, 5], out: 8, kernel: [3, 2], dilation: [2, 1], groups: 4 },
];

function convTrials(): Trial[] {
  return convCases.flatMap(
    ({ x, out, kernel, stride = [1, 1], pads = [0, 0, 0, 0], dilation = [1, 1], groups = 1 }): Trial[] => {
      const attrs = { stride, pads, dilation, groups };
      const extent = (axis: 0 | 1): number => {
        const padded = x[axis + 2]! + pads[axis] + pads[axis + 2]!;
        return Math.floor((padded - (kernel[axis] - 1) * dilation[axis] - 1) / stride[axis]) + 1;
      };
      const y = t(x[0], out, extent(0), extent(1));
      const weight = t(out, x[1] / groups, ...kernel);
      const name = `${x.join('x')} to ${out}, kernel ${kernel.join('x')} ${JSON.stringify(attrs)}`;
      return [
        {
          name: `conv2d ${name}`,
          op: 'conv2d',
          attrs,
          inputs: { x: t(...x), weight, bias: t(out) },
          outputs: { y },
        },
        {
          name: `conv2dGradInput ${name}`,
          op: 'conv2dGradInput',
          attrs,
          inputs: { dy: y, weight },
          outputs: { dx: t(...x) },
        },
        {
          name: `conv2dGradWeight ${name}`,
          op: 'conv2dGradWeight',
          attrs,
          inputs: { x: t(...x), dy: y },
          outputs: { dweight: weight, dbias: t(out) },
        },
      ];
    },
  );
}

function poolTrials(): Trial[] {
  const windows = [
    { x: [3, 5, 8, 8], y: [4, 4], kernel: [2, 2], stride: [2, 2], pads: [0, 0, 0, 0] },
    { x: [2, 4, 9, 7], y: [4, 3], kernel: [2, 2], stride: [2, 2], pads: [0, 0, 0, 0] },
    { x: [2, 1, 9, 7], y: [5, 4], kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1] },
    { x: [1, 6, 7, 7], y: [5, 5], kernel: [3, 3], stride: [1, 1], pads: [0, 0, 0, 0] },
    { x: [2, 3, 6, 6], y: [1, 1], kernel: [6, 6], stride: [1, 1], pads: [0, 0, 0, 0] },
    { x: [2, 3, 7, 5], y: [3, 2], kernel: [2, 2], stride: [3, 3], pads: [0, 0, 1, 1] },
  ] as const;
  // Few different values, so that maxima tie.
  const coarse = (...shape: number[]): TrialTensor => ({ shape, values: (i) => Math.round(2 * noise(5)(i)) });
  return windows.flatMap(({ x, y, ...window }): Trial[] => {
    const small = t(x[0], x[1], ...y);
    const name = `${x.join('x')} ${JSON.stringify(window)}`;
    const average = { ...window, countIncludePad: x[1] !== 3 };
    return [
      {
        name: `maxPool2d ${name}`,
        op: 'maxPool2d',
        attrs: window,
        inputs: { x: coarse(...x) },
        outputs: { y: small, indices: { ...small, dtype: 'i32' } },
      },
      {
        name: `avgPool2d ${name}`,
        op: 'avgPool2d',
        attrs: average,
        inputs: { x: t(...x) },
        outputs: { y: small },
      },
      {
        name: `avgPool2dGrad ${name}`,
        op: 'avgPool2dGrad',
        attrs: average,
        inputs: { dy: small },
        outputs: { dx: t(...x) },
      },
    ];
  });
}

function normTrials(): Trial[] {
  const shapes = [
    [1, 5, 3, 4],
    [7, 6],
    [60, 10],
    [9, 3, 5, 5],
    [64, 8, 4, 4],
    [33, 1, 3, 3],
    [130, 7],
    [5, 2, 6],
  ];
  return shapes.flatMap((shape): Trial[] => {
    const c = t(shape[1]!);
    const gamma = positive(shape[1]!);
    const name = shape.join('x');
    const running = { runningMean: c, runningVar: gamma };
    return [
      {
        name: `batchNorm ${name}`,
        op: 'batchNorm',
        attrs: { momentum: 0.1, eps: 1e-5 },
        inputs: { x: t(...shape), gamma, beta: c, ...running },
        outputs: { y: t(...shape), batchMean: c, batchVar: c },
      },
      {
        name: `batchNorm cumulative ${name}`,
        op: 'batchNorm',
        attrs: { momentum: null, eps: 1e-3 },
        inputs: { x: t(...shape), ...running, batchesTracked: given([4], 'i32') },
        outputs: { y: t(...shape), batchMean: c, batchVar: c },
      },
      {
        name: `batchNormGrad ${name}`,
        op: 'batchNormGrad',
        attrs: { eps: 1e-5 },
        inputs: { x: t(...shape), dy: t(...shape), gamma, batchMean: c, batchVar: gamma },
        outputs: { dx: t(...shape), dgamma: c, dbeta: c },
      },
      {
        name: `batchNormInference ${name}`,
        op: 'batchNormInference',
        attrs: { eps: 1e-5 },
        inputs: { x: t(...shape), gamma, beta: c, ...running },
        outputs: { y: t(...shape) },
      },
      {
        name: `batchNormInferenceGrad ${name}`,
        op: 'batchNormInferenceGrad',
        attrs: { eps: 1e-5 },
        inputs: { x: t(...shape), dy: t(...shape), gamma, ...running },
        outputs: { dx: t(...shape), dgamma: c, dbeta: c },
      },
    ];
  });
}

function imageNormTrials(): Trial[] {
  const cases = [
    { shape: [3, 6, 4, 5], groups: 2 },
    { shape: [2, 5, 3, 3], groups: 1 },
    { shape: [9, 7, 2, 1], groups: 7 },
    { shape: [7, 12], groups: 3 },
    { shape: [1, 1, 5, 3], groups: 1 },
    { shape: [19, 32, 4, 4], groups: 8 },
    { shape: [2, 10, 6], groups: 5 },
  ];
  return cases.flatMap(({ shape, groups }): Trial[] => {
    const [rows, channels] = shape as [number, number];
    const x = t(...shape);
    const name = `${shape.join('x')} in ${groups}`;
    const affine = (own: readonly number[]) => ({ gamma: positive(...own), beta: t(...own) });
    const forward = (
      op: 'groupNorm' | 'layerNorm',
      attrs: object,
      own: readonly number[],
      sections: number,
    ): Trial[] => {
      const { gamma, beta } = affine(own);
      const mean = t(rows, sections);
      const variance = positive(rows, sections);
      const sums = { dgamma: t(...own), dbeta: t(...own) };
      const back = `${op}Grad` as const;
      return [
        { name: `${op} ${name}`, op, attrs, inputs: { x, gamma, beta }, outputs: { y: x, mean, variance } },
        { name: `${op} bare ${name}`, op, attrs, inputs: { x }, outputs: { y: x, mean, variance } },
        {
          name: `${back} ${name}`,
          op: back,
          attrs,
          inputs: { x, dy: x, gamma, mean, variance },
          outputs: { dx: x, ...sums },
        },
        { name: `${back} bare ${name}`, op: back, attrs, inputs: { x, dy: x, mean, variance }, outputs: { dx: x } },
      ];
    };
    return [
      ...forward('groupNorm', { groups, eps: 1e-3 }, [channels], groups),
      ...forward('layerNorm', { eps: 1e-5 }, shape.slice(1), 1),
    ];
  });
}

function resizeTrials(): Trial[] {
  const sizes = [
    { x: [3, 1, 28, 28], out: [20, 20] },
    { x: [2, 5, 7, 6], out: [3, 9] },
    { x: [9, 1, 5, 3], out: [8, 8] },
    { x: [2, 8, 4, 4], out: [1, 1] },
    { x: [2, 3, 5, 4], out: [5, 4] },
    { x: [1, 4, 1, 1], out: [3, 2] },
    { x: [2, 2, 3, 5], out: [17, 2] },
  ];
  return sizes.flatMap(({ x, out }) =>
    resizeModes.flatMap((mode): Trial[] => {
      const name = `${mode} ${x.join('x')} to ${out.join('x')}`;
      const large = t(...x);
      const small = t(x[0]!, x[1]!, ...out);
      return [
        { name: `resize ${name}`, op: 'resize', attrs: { mode }, inputs: { x: large }, outputs: { y: small } },
        {
          name: `resizeGrad ${name}`,
          op: 'resizeGrad',
          attrs: { mode },
          inputs: { dy: small },
          outputs: { dx: large },
        },
      ];
    }),
  );
}

function shapeTrials(): Trial[] {
  const flat = [
    [2, 3, 4, 5],
    [3, 1, 5, 3],
    [9, 6, 1, 1],
    [4, 5],
    [4, 6, 6],
  ];
  const joins = [
    {
      parts: [
        [2, 3, 4, 5],
        [2, 1, 4, 5],
        [2, 6, 4, 5],
      ],
      axis: 1,
    },
    {
      parts: [
        [5, 3],
        [5, 8],
        [5, 2],
      ],
      axis: 1,
    },
    {
      parts: [
        [2, 3, 2, 2],
        [3, 3, 2, 2],
      ],
      axis: 0,
    },
    {
      parts: [
        [2, 3, 2, 2],
        [2, 3, 5, 2],
      ],
      axis: 2,
    },
    {
      parts: [
        [2, 3, 2, 2],
        [2, 3, 2, 1],
      ],
      axis: 3,
    },
    { parts: [[3], [6]], axis: 0 },
  ];
  const size = (shape: number[]): number => shape.reduce((a, b) => a * b, 1);
  return [
    ...flat.flatMap((shape): Trial[] => {
      const rows = [shape[0]!, size(shape) / shape[0]!];
      return [
        {
          name: `flatten ${shape.join('x')}`,
          op: 'flatten',
          attrs: {},
          inputs: { x: t(...shape) },
          outputs: { y: t(...rows) },
        },
        {
          name: `flattenGrad ${shape.join('x')}`,
          op: 'flattenGrad',
          attrs: {},
          inputs: { dy: t(...rows) },
          outputs: { dx: t(...shape) },
        },
      ];
    }),
    ...joins.flatMap(({ parts, axis }): Trial[] => {
      const joined = parts[0]!.map((extent, d) => (d === axis ? parts.reduce((sum, p) => sum + p[d]!, 0) : extent));
      const name = `axis ${axis} ${joined.join('x')}`;
      return [
        {
          name: `concat ${name}`,
          op: 'concat',
          attrs: { axis },
          inputs: { xs: parts.map((p) => t(...p)) },
          outputs: { y: t(...joined) },
        },
        {
          name: `concatGrad ${name}`,
          op: 'concatGrad',
          attrs: { axis },
          inputs: { dy: t(...joined) },
          outputs: { dxs: parts.map((p) => t(...p)) },
        },
      ];
    }),
    {
      name: 'add',
      op: 'add',
      attrs: {},
      inputs: { a: t(3, 5, 2, 3), b: t(3, 5, 2, 3) },
      outputs: { y: t(3, 5, 2, 3) },
    },
    {
      name: 'globalAvgPool2d',
      op: 'globalAvgPool2d',
      attrs: {},
      inputs: { x: t(3, 6, 3, 7) },
      outputs: { y: t(3, 6) },
    },
    {
      name: 'globalAvgPool2dGrad',
      op: 'globalAvgPool2dGrad',
      attrs: {},
      inputs: { dy: t(3, 6) },
      outputs: { dx: t(3, 6, 3, 7) },
    },
  ];
}

export const trials: readonly Trial[] = [
  ...linearTrials(),
  ...convTrials(),
  ...poolTrials(),
  ...normTrials(),
  ...imageNormTrials(),
  ...resizeTrials(),
  ...shapeTrials(),
  ...activationTrials(),
  ...dataTrials(),
  ...lossTrials,
  ...updateTrials,
  ...summariseTrials,
];
