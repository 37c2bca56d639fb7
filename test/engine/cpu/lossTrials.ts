import { elementwiseLossNames } from '../../../engine/ops/op.ts';
import { noise, positive, t, type Trial, type TrialTensor } from './trial.ts';

const wide = (...shape: number[]): TrialTensor => ({ shape, values: (i) => 5 * noise(8)(i) });
const sizes = [
  [1, 1],
  [5, 3],
  [60, 10],
  [17, 101],
] as const;

function crossEntropyTrials(): Trial[] {
  const logits = (...shape: number[]): TrialTensor => ({ shape, values: (i) => 5 * noise(4)(i) });
  const attrs = [
    { reduction: 'mean', labelSmoothing: 0 },
    { reduction: 'sum', labelSmoothing: 0.1 },
    { reduction: 'mean', labelSmoothing: 0.2, weighted: true },
  ];
  return sizes.flatMap(([rows, classes]): Trial[] => {
    const target: TrialTensor = { shape: [rows], dtype: 'i32', values: (i) => (i === 3 ? -1 : (5 * i) % classes) };
    return [
      ...attrs.map(({ weighted, ...each }): Trial => ({
        name: `softmaxCrossEntropy ${rows}x${classes} ${JSON.stringify(each)}`,
        op: 'softmaxCrossEntropy',
        attrs: each,
        inputs: { logits: logits(rows, classes), target, ...(weighted ? { classWeight: positive(classes) } : {}) },
        outputs: { loss: t(1), dlogits: t(rows, classes) },
      })),
      {
        name: `softmaxCrossEntropy without gradient ${rows}x${classes}`,
        op: 'softmaxCrossEntropy',
        attrs: { reduction: 'sum', labelSmoothing: 0 },
        inputs: { logits: logits(rows, classes), target },
        outputs: { loss: t(1) },
      },
      {
        name: `countCorrect ${rows}x${classes}`,
        op: 'countCorrect',
        attrs: {},
        inputs: { logits: { shape: [rows, classes], values: (i) => Math.round(2 * noise(6)(i)) }, target },
        outputs: { correct: t(1) },
      },
    ];
  });
}

function softmaxTrials(): Trial[] {
  const lines = [
    { shape: [5, 3], axis: 1 },
    { shape: [3, 1], axis: 1 },
    { shape: [17, 101], axis: 1 },
    { shape: [3, 6, 4, 5], axis: 1 },
    { shape: [2, 5, 4, 3], axis: 2 },
    { shape: [2, 9, 1, 7], axis: 3 },
    { shape: [4, 3, 6], axis: 2 },
  ];
  return lines.flatMap(({ shape, axis }): Trial[] => {
    const attrs = { axis };
    const name = `${shape.join('x')} axis ${axis}`;
    const [y, dx, dy] = [t(...shape), t(...shape), t(...shape)];
    const probability = { shape, values: (i: number) => Math.abs(noise(9)(i)) };
    const logarithm = { shape, values: (i: number) => -9 * Math.abs(noise(9)(i)) };
    return [
      { name: `softmax ${name}`, op: 'softmax', attrs, inputs: { x: wide(...shape) }, outputs: { y } },
      { name: `softmaxGrad ${name}`, op: 'softmaxGrad', attrs, inputs: { y: probability, dy }, outputs: { dx } },
      { name: `logSoftmax ${name}`, op: 'logSoftmax', attrs, inputs: { x: wide(...shape) }, outputs: { y } },
      { name: `logSoftmaxGrad ${name}`, op: 'logSoftmaxGrad', attrs, inputs: { y: logarithm, dy }, outputs: { dx } },
    ];
  });
}

/** Row 2 counts for nothing. */
const classesOf = (rows: number, classes: number): TrialTensor => ({
  shape: [rows],
  dtype: 'i32',
  values: (i) => (i === 2 ? -1 : (7 * i) % classes),
});

function elementwiseTrials(): Trial[] {
  const shapes = [
    [1, 1],
    [9, 10],
    [5, 3, 2, 3],
    [3, 1, 4, 5],
  ];
  return elementwiseLossNames.flatMap((fn) =>
    ['mean', 'sum', 'rowMeans'].flatMap((reduction): Trial[] => {
      const attrs = { fn, reduction, ...(fn === 'huber' && { delta: 1.5 }) };
      const name = `elementwiseLoss ${JSON.stringify(attrs)}`;
      return [
        ...shapes.map((shape): Trial => ({
          name: `${name} ${shape.join('x')}`,
          op: 'elementwiseLoss',
          attrs,
          inputs: { prediction: wide(...shape), target: positive(...shape) },
          outputs: { loss: t(1), dprediction: t(...shape) },
        })),
        ...sizes.map(([rows, classes]): Trial => ({
          name: `${name} classes ${rows}x${classes}`,
          op: 'elementwiseLoss',
          attrs,
          inputs: { prediction: wide(rows, classes), target: classesOf(rows, classes) },
          outputs: { loss: t(1), ...(rows !== 5 && { dprediction: t(rows, classes) }) },
        })),
      ];
    }),
  );
}

function multiMarginTrials(): Trial[] {
  return [1, 2].flatMap((p) =>
    ['mean', 'sum'].flatMap((reduction) =>
      [[1, 2] as const, ...sizes.slice(1)].map(([rows, classes]): Trial => ({
        name: `multiMarginLoss p ${p} ${reduction} ${rows}x${classes}`,
        op: 'multiMarginLoss',
        attrs: { p, margin: 1.25, reduction },
        inputs: { logits: wide(rows, classes), target: classesOf(rows, classes) },
        outputs: { loss: t(1), ...(rows !== 5 && { dlogits: t(rows, classes) }) },
      })),
    ),
  );
}

/** Losses, softmax and hits, without a gradient where there are 5 rows. */
export const lossTrials: readonly Trial[] = [
  ...crossEntropyTrials(),
  ...softmaxTrials(),
  ...elementwiseTrials(),
  ...multiMarginTrials(),
];
