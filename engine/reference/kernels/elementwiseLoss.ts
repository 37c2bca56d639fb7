import type { ElementwiseLossName } from '../../ops/op.ts';
import type { ReferenceKernel } from '../kernel.ts';

interface LossFormula {
  value(x: number, t: number, delta: number): number;
  /** With respect to x. */
  derivative(x: number, t: number, delta: number): number;
}

/** Math.sign, Math.max and comparisons are such that NaN passes through. */
const formulas: Record<ElementwiseLossName, LossFormula> = {
  mse: {
    value: (x, t) => (x - t) ** 2,
    derivative: (x, t) => 2 * (x - t),
  },
  mae: {
    value: (x, t) => Math.abs(x - t),
    derivative: (x, t) => Math.sign(x - t),
  },
  huber: {
    value: (x, t, delta) => {
      const distance = Math.abs(x - t);
      return distance <= delta ? (x - t) ** 2 / 2 : delta * (distance - delta / 2);
    },
    derivative: (x, t, delta) => Math.min(Math.max(x - t, -delta), delta),
  },
  binaryCrossEntropy: {
    value: (x, t) => Math.max(x, 0) - x * t + Math.log1p(Math.exp(-Math.abs(x))),
    derivative: (x, t) => 1 / (1 + Math.exp(-x)) - t,
  },
};

export const elementwiseLoss: ReferenceKernel<'elementwiseLoss'> = ({ attrs, inputs, outputs }, tensors) => {
  const prediction = tensors.f32(inputs.prediction);
  const dprediction = outputs.dprediction === undefined ? undefined : tensors.f32(outputs.dprediction);
  const rows = tensors.shape(inputs.prediction)[0]!;
  const size = prediction.length / rows;
  const byClass = tensors.shape(inputs.target).length === 1;
  const classOf = byClass ? tensors.i32(inputs.target) : undefined;
  const values = byClass ? undefined : tensors.f32(inputs.target);
  const { value, derivative } = formulas[attrs.fn];
  const { reduction, delta = 1 } = attrs;

  const counted = classOf === undefined ? rows : classOf.reduce((sum, each) => sum + (each === -1 ? 0 : 1), 0);
  const divisor = { mean: counted * size, sum: 1, rowMeans: size }[reduction];
  let loss = 0;
  for (let n = 0; n < rows; n++) {
    const ignored = classOf?.[n] === -1;
    for (let k = 0; k < size; k++) {
      const i = n * size + k;
      const t = values === undefined ? (classOf![n] === k ? 1 : 0) : values[i]!;
      if (!ignored) loss += value(prediction[i]!, t, delta);
      if (dprediction !== undefined) dprediction[i] = ignored ? 0 : derivative(prediction[i]!, t, delta) / divisor;
    }
  }
  tensors.f32(outputs.loss)[0] = divisor === 0 ? 0 : loss / divisor;
};
