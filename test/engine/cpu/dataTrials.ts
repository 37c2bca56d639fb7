import { augmentationSize } from '../../../engine/ops/op.ts';
import { given, noise, positive, t, type Trial, type TrialTensor } from './trial.ts';

const bytes = (...shape: number[]): TrialTensor => ({ shape, dtype: 'u8', values: (i) => (i * 37 + 11) % 256 });
const bits = (...shape: number[]): TrialTensor => ({ shape, dtype: 'u8', values: (i) => (noise(3)(i) > 0 ? 1 : 0) });

/** What a step is given and what it leaves behind: batches, masks, noise, records. */
export function dataTrials(): Trial[] {
  const indices = given([3, -1, 0, 4, 2, 2, 1], 'i32');
  const random = given([123456789, -7, 41], 'i32');
  // the first image stays as it is; others are turned, moved, mirrored, cut and taken to both limits of the values
  const changes = [
    [1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0],
    [0.9, 0.3, -0.7, -0.3, 0.9, 1.1, 1.2, -30, 2, 1, 4, 3],
    [1, 0, 2, 0, -1, 4, 1, 0, -2, -1, 3, 2],
    [0.5, -0.8, 3.3, 0.8, 0.5, -1.4, 3, -200, 5, 3, 9, 8],
    [1.7, 0.1, -9, 0.2, 1.4, 0.25, 0.5, 200, 0, 0, 0, 0],
    [1, 0, -1, 0, 1, 2, 1, 0, 0, 0, 7, 1],
  ].flat();
  return [
    {
      name: 'gatherImages one channel',
      op: 'gatherImages',
      attrs: {},
      inputs: { pixels: bytes(5, 1, 7, 5), indices, offset: given([12.5]), scale: given([0.02]) },
      outputs: { x: t(7, 1, 7, 5) },
    },
    {
      name: 'gatherImages per feature',
      op: 'gatherImages',
      attrs: {},
      inputs: { pixels: bytes(5, 3, 4, 3), indices, offset: t(36), scale: positive(36) },
      outputs: { x: t(7, 3, 4, 3) },
    },
    {
      name: 'gatherImages one pixel',
      op: 'gatherImages',
      attrs: {},
      inputs: { pixels: bytes(5, 6, 1, 1), indices, offset: given([1]), scale: given([2]) },
      outputs: { x: t(7, 6, 1, 1) },
    },
    ...[1, 3].map((channels): Trial => ({
      name: `augmentImages ${channels} channels`,
      op: 'augmentImages',
      attrs: {},
      inputs: {
        pixels: bytes(5, channels, 7, 5),
        indices,
        augmentation: { shape: [7, augmentationSize], values: (i) => changes[i]! },
        offset: channels === 1 ? given([12.5]) : t(channels * 35),
        scale: channels === 1 ? given([0.02]) : positive(channels * 35),
      },
      outputs: { x: t(7, channels, 7, 5) },
    })),
    ...(
      [
        [0, [1]],
        [0, [7, 10]],
        [1, [7, 10]],
        [3, [5, 3, 4, 3]],
        [1, [2, 1, 7, 5]],
        [1, [64, 8, 6, 6]],
      ] as const
    ).map(([shift, shape]): Trial => ({
      name: `mixRows ${shape.join('x')} by ${shift}`,
      op: 'mixRows',
      attrs: { shift },
      inputs: { a: t(...shape), b: positive(...shape), weight: given([0.3]) },
      outputs: { y: t(...shape) },
    })),
    ...(
      [
        [1, 7, 5],
        [3, 4, 3],
        [6, 1, 1],
      ] as const
    ).flatMap((image): Trial[] => [
      {
        name: `gatherRows ${image.join('x')}`,
        op: 'gatherRows',
        attrs: {},
        inputs: { rows: t(5, ...image), indices },
        outputs: { x: t(7, ...image) },
      },
      {
        name: `scatterRows ${image.join('x')}`,
        op: 'scatterRows',
        attrs: {},
        inputs: { x: t(4, ...image), indices: given([3, -1, 0, 4], 'i32'), rows: positive(5, ...image) },
        outputs: {},
      },
    ]),
    {
      name: 'gatherLabels',
      op: 'gatherLabels',
      attrs: {},
      inputs: { labels: bytes(5), indices },
      outputs: { target: { shape: [7], dtype: 'i32' } },
    },
    ...[
      [7, 22],
      [3, 5, 3, 3],
      [2, 1, 5, 1],
      [64, 8, 6, 6],
    ].map((shape): Trial => ({
      name: `dropoutMask ${shape.join('x')}`,
      op: 'dropoutMask',
      attrs: { p: 0.3, stream: 0xfedcba98 },
      inputs: { random },
      outputs: { mask: { shape, dtype: 'u8' } },
    })),
    {
      name: 'dropout',
      op: 'dropout',
      attrs: { scale: 1.25 },
      inputs: { x: t(3, 5, 3, 3), mask: bits(3, 5, 3, 3) },
      outputs: { y: t(3, 5, 3, 3) },
    },
    {
      name: 'dropout of channels',
      op: 'dropout',
      attrs: { scale: 1.25 },
      inputs: { x: t(3, 5, 3, 3), mask: bits(3, 5) },
      outputs: { y: t(3, 5, 3, 3) },
    },
    ...[
      [7, 22],
      [3, 5],
      [64, 8],
    ].map(([rows = 1, channels = 1]): Trial => ({
      name: `noise ${rows}x${channels}`,
      op: 'noise',
      attrs: { stream: 0xfedcba98, meanRange: 0.5, largestScale: 1.25, meanSpread: 0.1, scaleSpread: 2 },
      inputs: { random },
      outputs: { scale: t(rows, channels), shift: t(rows, channels) },
    })),
    ...[
      [3, 5, 3, 3],
      [9, 8, 2, 2],
      [4, 6],
    ].map((shape): Trial => ({
      name: `scaleShift ${shape.join('x')}`,
      op: 'scaleShift',
      attrs: {},
      inputs: {
        x: t(...shape),
        scale: t(...shape.slice(0, 2)),
        ...(shape[0] === 9 ? {} : { shift: t(...shape.slice(0, 2)) }),
      },
      outputs: { y: t(...shape) },
    })),
    {
      name: 'record',
      op: 'record',
      attrs: {},
      inputs: { random, values: [t(1), t(1)], history: t(4, 2) },
      outputs: {},
    },
  ];
}
