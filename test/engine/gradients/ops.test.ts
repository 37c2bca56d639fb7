import { describe, expect, test } from 'vitest';
import { activationNames } from '../../../engine/ops/activationName.ts';
import { ops } from '../../../engine/ops/index.ts';
import type { ConvAttrs, OpName, TensorId, Window2d } from '../../../engine/ops/op.ts';
import { resizeModes } from '../../../engine/ops/resample.ts';
import type { Shape } from '../../../engine/tensor.ts';
import { GradientTrial } from './finiteDifference.ts';

interface GradientCase {
  readonly op: OpName;
  readonly title: string;
  /** Declares inputs and op; gives the output that is differentiated. */
  readonly build: (trial: GradientTrial) => TensorId;
}

function linear(title: string, bias: boolean): GradientCase {
  return {
    op: 'linear',
    title,
    build(trial) {
      const x = trial.variable('x', [3, 5]);
      const weight = trial.variable('weight', [4, 5]);
      const y = trial.result('y', [3, 4]);
      const optional = bias ? { bias: trial.variable('bias', [4]) } : {};
      trial.forward({ op: 'linear', attrs: {}, inputs: { x, weight, ...optional }, outputs: { y } });
      return y;
    },
  };
}

function conv2d(title: string, shapes: { x: Shape; weight: Shape; y: Shape }, attrs: Partial<ConvAttrs>): GradientCase {
  const all: ConvAttrs = { stride: [1, 1], pads: [0, 0, 0, 0], dilation: [1, 1], groups: 1, ...attrs };
  return {
    op: 'conv2d',
    title,
    build(trial) {
      const x = trial.variable('x', shapes.x);
      const weight = trial.variable('weight', shapes.weight);
      const bias = trial.variable('bias', [shapes.y[1]!]);
      const y = trial.result('y', shapes.y);
      trial.forward({ op: 'conv2d', attrs: all, inputs: { x, weight, bias }, outputs: { y } });
      return y;
    },
  };
}

const windows: readonly { title: string; x: Shape; y: Shape; window: Window2d }[] = [
  { title: '2x2', x: [2, 2, 4, 4], y: [2, 2, 2, 2], window: { kernel: [2, 2], stride: [2, 2], pads: [0, 0, 0, 0] } },
  {
    title: 'overlapping, padded, oblong',
    x: [1, 3, 5, 4],
    y: [1, 3, 3, 4],
    window: { kernel: [3, 2], stride: [2, 1], pads: [1, 0, 1, 1] },
  },
  {
    title: 'rounded up',
    x: [1, 2, 5, 5],
    y: [1, 2, 3, 3],
    window: { kernel: [2, 2], stride: [2, 2], pads: [0, 0, 0, 0] },
  },
];

const pools: readonly GradientCase[] = windows.flatMap(({ title, x: xShape, y: yShape, window }) => [
  {
    op: 'maxPool2d',
    title,
    build(trial) {
      const x = trial.variable('x', xShape);
      const y = trial.result('y', yShape);
      trial.forward({ op: 'maxPool2d', attrs: window, inputs: { x }, outputs: { y } });
      return y;
    },
  },
  ...[true, false].map((countIncludePad): GradientCase => {
    return {
      op: 'avgPool2d',
      title: `${title}, ${countIncludePad ? 'padding counts' : 'pixels only'}`,
      build(trial) {
        const x = trial.variable('x', xShape);
        const y = trial.result('y', yShape);
        trial.forward({ op: 'avgPool2d', attrs: { ...window, countIncludePad }, inputs: { x }, outputs: { y } });
        return y;
      },
    };
  }),
]);

function reshape(op: 'flatten' | 'globalAvgPool2d', xShape: Shape, yShape: Shape): GradientCase {
  return {
    op,
    title: xShape.join('x'),
    build(trial) {
      const x = trial.variable('x', xShape);
      const y = trial.result('y', yShape);
      trial.forward({ op, attrs: {}, inputs: { x }, outputs: { y } });
      return y;
    },
  };
}

function batchNorm(op: 'batchNorm' | 'batchNormInference', title: string, shape: Shape, affine: boolean): GradientCase {
  return {
    op,
    title,
    build(trial) {
      const channels = [shape[1]!];
      const x = trial.variable('x', shape);
      const running = {
        runningMean: trial.constant('runningMean', channels, new Float32Array(channels[0]!).fill(0.25), 'buffer'),
        runningVar: trial.constant('runningVar', channels, new Float32Array(channels[0]!).fill(1.5), 'buffer'),
      };
      const weights = affine
        ? { gamma: trial.variable('gamma', channels), beta: trial.variable('beta', channels) }
        : {};
      const y = trial.result('y', shape);
      const inputs = { x, ...weights, ...running };
      if (op === 'batchNormInference') {
        trial.forward({ op, attrs: { eps: 0.01 }, inputs, outputs: { y } });
      } else {
        const batch = { batchMean: trial.result('batchMean', channels), batchVar: trial.result('batchVar', channels) };
        trial.forward({ op, attrs: { momentum: 0.1, eps: 0.01 }, inputs, outputs: { y, ...batch } });
      }
      return y;
    },
  };
}

function imageNorm(
  op: 'groupNorm' | 'layerNorm',
  title: string,
  shape: Shape,
  groups: number,
  affine: boolean,
): GradientCase {
  return {
    op,
    title,
    build(trial) {
      const own = op === 'groupNorm' ? [shape[1]!] : shape.slice(1);
      const sections = [shape[0]!, op === 'groupNorm' ? groups : 1];
      const x = trial.variable('x', shape);
      const weights = affine ? { gamma: trial.variable('gamma', own), beta: trial.variable('beta', own) } : {};
      const y = trial.result('y', shape);
      const outputs = { y, mean: trial.result('mean', sections), variance: trial.result('variance', sections) };
      const inputs = { x, ...weights };
      if (op === 'groupNorm') trial.forward({ op, attrs: { groups, eps: 0.01 }, inputs, outputs });
      else trial.forward({ op, attrs: { eps: 0.01 }, inputs, outputs });
      return y;
    },
  };
}

const resizes = resizeModes.flatMap((mode) =>
  [
    [5, 4, 3, 7],
    [6, 6, 2, 3],
    [2, 3, 5, 4],
  ].map(([height, width, outHeight, outWidth]): GradientCase => {
    return {
      op: 'resize',
      title: `${mode} ${height}x${width} to ${outHeight}x${outWidth}`,
      build(trial) {
        const x = trial.variable('x', [2, 1, height!, width!]);
        const y = trial.result('y', [2, 1, outHeight!, outWidth!]);
        trial.forward({ op: 'resize', attrs: { mode }, inputs: { x }, outputs: { y } });
        return y;
      },
    };
  }),
);

const scaleShift: GradientCase = {
  op: 'scaleShift',
  title: 'of channels',
  build(trial) {
    const x = trial.variable('x', [2, 3, 2, 2]);
    const scale = trial.constant('scale', [2, 3], Float32Array.of(1, -2, 0.5, 3, 0.25, 1.5));
    const shift = trial.constant('shift', [2, 3], Float32Array.of(1, 2, 3, 4, 5, 6));
    const y = trial.result('y', [2, 3, 2, 2]);
    trial.forward({ op: 'scaleShift', attrs: {}, inputs: { x, scale, shift }, outputs: { y } });
    return y;
  },
};

function dropout(title: string, xShape: Shape, maskShape: Shape): GradientCase {
  return {
    op: 'dropout',
    title,
    build(trial) {
      const x = trial.variable('x', xShape);
      const size = maskShape.reduce((product, extent) => product * extent, 1);
      const mask = trial.constant(
        'mask',
        maskShape,
        Uint8Array.from({ length: size }, (_, i) => (i % 3 === 0 ? 0 : 1)),
      );
      const y = trial.result('y', xShape);
      trial.forward({ op: 'dropout', attrs: { scale: 1.5 }, inputs: { x, mask }, outputs: { y } });
      return y;
    },
  };
}

const activations = activationNames.flatMap((fn) =>
  (fn === 'gelu' ? (['none', 'tanh'] as const) : [undefined]).map((approximate): GradientCase => {
    return {
      op: 'activation',
      title: approximate === undefined ? fn : `${fn}, approximate ${approximate}`,
      build(trial) {
        const x = trial.variable('x', [4, 12]);
        const y = trial.result('y', [4, 12]);
        const attrs = { fn, slope: 0.2, ...(approximate && { approximate }) };
        trial.forward({ op: 'activation', attrs, inputs: { x }, outputs: { y } });
        return y;
      },
    };
  }),
);

const joins: readonly GradientCase[] = [
  {
    op: 'add',
    title: 'two values',
    build(trial) {
      // Products first: the gradient of a sum is dy itself, which only a sum deeper in a model can hand on.
      const a = trial.variable('a', [2, 3]);
      const b = trial.variable('b', [2, 3]);
      const half = trial.constant('mask', [2, 3], new Uint8Array(6).fill(1));
      const [scaledA, scaledB] = ['scaledA', 'scaledB'].map((name) => trial.result(name, [2, 3])) as [number, number];
      trial.forward({ op: 'dropout', attrs: { scale: 2 }, inputs: { x: a, mask: half }, outputs: { y: scaledA } });
      trial.forward({ op: 'dropout', attrs: { scale: 3 }, inputs: { x: b, mask: half }, outputs: { y: scaledB } });
      const y = trial.result('y', [2, 3]);
      trial.forward({ op: 'add', attrs: {}, inputs: { a: scaledA, b: scaledB }, outputs: { y } });
      return y;
    },
  },
  {
    op: 'add',
    title: 'a value with itself and a third reader',
    build(trial) {
      const x = trial.variable('x', [2, 3]);
      const [act, twice] = ['act', 'twice'].map((name) => trial.result(name, [2, 3])) as [number, number];
      trial.forward({ op: 'activation', attrs: { fn: 'tanh' }, inputs: { x }, outputs: { y: act } });
      trial.forward({ op: 'add', attrs: {}, inputs: { a: act, b: act }, outputs: { y: twice } });
      const y = trial.result('y', [2, 3]);
      trial.forward({ op: 'add', attrs: {}, inputs: { a: twice, b: act }, outputs: { y } });
      return y;
    },
  },
  ...[0, 1, 2].map((axis): GradientCase => {
    return {
      op: 'concat',
      title: `axis ${axis}`,
      build(trial) {
        const shape: Shape = [2, 3, 2, 2];
        const other = shape.map((extent, i) => (i === axis ? 1 : extent));
        const xs = [trial.variable('a', shape), trial.variable('b', other), trial.variable('c', shape)];
        const y = trial.result(
          'y',
          shape.map((extent, i) => (i === axis ? 2 * extent + 1 : extent)),
        );
        trial.forward({ op: 'concat', attrs: { axis }, inputs: { xs }, outputs: { y } });
        return y;
      },
    };
  }),
];

const softmaxes = (['softmax', 'logSoftmax'] as const).flatMap((op) =>
  [
    { shape: [3, 5], axis: 1 },
    { shape: [2, 3, 2, 2], axis: 1 },
    { shape: [2, 2, 3, 2], axis: 2 },
    { shape: [2, 2, 2, 3], axis: 3 },
  ].map(({ shape, axis }): GradientCase => ({
    op,
    title: `${shape.join('x')} axis ${axis}`,
    build(trial) {
      const x = trial.variable('x', shape);
      const y = trial.result('y', shape);
      trial.forward({ op, attrs: { axis }, inputs: { x }, outputs: { y } });
      return y;
    },
  })),
);

const cases: readonly GradientCase[] = [
  linear('with bias', true),
  linear('without bias', false),
  conv2d('3x3', { x: [2, 2, 4, 5], weight: [3, 2, 3, 3], y: [2, 3, 2, 3] }, {}),
  conv2d(
    'strided, padded unevenly, dilated',
    { x: [1, 2, 5, 6], weight: [2, 2, 2, 3], y: [1, 2, 3, 4] },
    { stride: [2, 1], pads: [1, 0, 1, 2], dilation: [2, 2] },
  ),
  conv2d('in groups', { x: [2, 4, 3, 3], weight: [6, 2, 2, 2], y: [2, 6, 4, 2] }, { pads: [1, 0, 1, 0], groups: 2 }),
  ...pools,
  reshape('globalAvgPool2d', [2, 3, 3, 2], [2, 3]),
  reshape('flatten', [2, 3, 2, 2], [2, 12]),
  batchNorm('batchNorm', 'features', [6, 3], true),
  batchNorm('batchNorm', 'images', [2, 3, 3, 2], true),
  batchNorm('batchNorm', 'not affine', [5, 2], false),
  batchNorm('batchNormInference', 'images', [2, 3, 2, 2], true),
  batchNorm('batchNormInference', 'not affine', [4, 3], false),
  imageNorm('groupNorm', 'two groups', [2, 4, 2, 3], 2, true),
  imageNorm('groupNorm', 'one channel each', [2, 3, 3, 2], 3, true),
  imageNorm('groupNorm', 'features, not affine', [3, 6], 2, false),
  imageNorm('layerNorm', 'features', [3, 5], 1, true),
  imageNorm('layerNorm', 'images', [2, 2, 3, 2], 1, true),
  imageNorm('layerNorm', 'not affine', [3, 4], 1, false),
  ...resizes,
  scaleShift,
  dropout('single values', [3, 4], [3, 4]),
  dropout('whole channels', [2, 3, 2, 2], [2, 3]),
  ...activations,
  ...softmaxes,
  ...joins,
];

/** Ops that nothing is differentiated through, and why. Losses give their own gradient: losses.test.ts checks it. */
const withoutGradient: Readonly<Record<string, string>> = {
  gatherImages: 'reads data',
  gatherLabels: 'reads data',
  gatherRows: 'reads data',
  scatterRows: 'keeps data',
  augmentImages: 'changes data',
  mixRows: 'changes data, and losses that give their own gradient; mixup.test.ts differentiates through it',
  dropoutMask: 'draws',
  noise: 'draws',
  softmaxCrossEntropy: 'loss',
  elementwiseLoss: 'loss',
  multiMarginLoss: 'loss',
  countCorrect: 'counts',
  record: 'stores',
  summarise: 'looks on',
  compare: 'looks on',
  copy: 'looks on',
  sgdUpdate: 'optimiser',
  adamUpdate: 'optimiser',
  rmspropUpdate: 'optimiser',
  adagradUpdate: 'optimiser',
  adamaxUpdate: 'optimiser',
  nadamUpdate: 'optimiser',
  clipGradientNorm: 'works on gradients',
  clipGradientValue: 'works on gradients',
  l1Penalty: 'works on gradients',
  accumulate: 'works on gradients',
  takeAccumulated: 'works on gradients',
};

describe('gradients against finite differences', () => {
  test.each(cases.map((entry) => [`${entry.op}, ${entry.title}`, entry] as const))('%s', async (_, { build }) => {
    const trial = new GradientTrial();
    const { excess, where, largest } = await trial.check(build(trial));
    expect(excess, where).toBeLessThan(1);
    expect(largest, 'gradients that are all zero prove nothing').toBeGreaterThan(0.1);
  });

  test('every op is a case, the backward pass of one, or known to have no gradient', () => {
    const names = Object.keys(ops);
    const covered = new Set<string>(cases.map(({ op }) => op));
    const backward = (name: string): boolean => /Grad(Input|Weight)?$/.test(name);
    const left = names.filter((name) => !covered.has(name) && !backward(name));
    expect(left.filter((name) => !(name in withoutGradient))).toEqual([]);
    // and the list below names nothing that is gone or has got a case
    expect(Object.keys(withoutGradient).filter((name) => !left.includes(name))).toEqual([]);
  });

  test('every op with a gradient has a case', () => {
    const differentiable = Object.entries(ops).filter(([, definition]) => definition.gradient !== null);
    const covered = new Set<string>(cases.map(({ op }) => op));
    expect(differentiable.map(([name]) => name).filter((name) => !covered.has(name))).toEqual([]);
  });
});
