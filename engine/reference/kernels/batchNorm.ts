import type { TensorId } from '../../ops/op.ts';
import { sizeOf } from '../../tensor.ts';
import type { Shape } from '../../tensor.ts';
import type { ReferenceKernel, TensorStore } from '../kernel.ts';

/** Calls `visit` with the position of each value of channel `c` of a tensor [N, C] or [N, C, H, W]. */
function forEachOfChannel(shape: Shape, c: number, visit: (at: number) => void): void {
  const channels = shape[1]!;
  const plane = sizeOf(shape.slice(2));
  for (let n = 0; n < shape[0]!; n++) {
    const start = (n * channels + c) * plane;
    for (let i = 0; i < plane; i++) visit(start + i);
  }
}

/** Values per channel. */
const countOf = (shape: Shape): number => sizeOf(shape) / shape[1]!;

function optional(tensors: TensorStore, tensor: TensorId | undefined): Float32Array | undefined {
  return tensor === undefined ? undefined : tensors.f32(tensor);
}

export const batchNorm: ReferenceKernel<'batchNorm'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const gamma = optional(tensors, inputs.gamma);
  const beta = optional(tensors, inputs.beta);
  const runningMean = tensors.f32(inputs.runningMean);
  const runningVar = tensors.f32(inputs.runningVar);
  const y = tensors.f32(outputs.y);
  const batchMean = tensors.f32(outputs.batchMean);
  const batchVar = tensors.f32(outputs.batchVar);
  const shape = tensors.shape(inputs.x);
  const count = countOf(shape);

  let momentum = attrs.momentum;
  if (momentum === null) {
    const tracked = tensors.i32(inputs.batchesTracked!);
    momentum = 1 / (tracked[0]! + 1);
    tracked[0]! += 1;
  }
  for (let c = 0; c < shape[1]!; c++) {
    let sum = 0;
    forEachOfChannel(shape, c, (at) => (sum += x[at]!));
    const mean = sum / count;
    let squares = 0;
    forEachOfChannel(shape, c, (at) => (squares += (x[at]! - mean) ** 2));
    const variance = squares / count;
    const factor = (gamma?.[c] ?? 1) / Math.sqrt(variance + attrs.eps);
    const shift = beta?.[c] ?? 0;
    forEachOfChannel(shape, c, (at) => (y[at] = (x[at]! - mean) * factor + shift));
    batchMean[c] = mean;
    batchVar[c] = variance;
    // A single value has no unbiased variance; its biased one, 0, stands in, so that statistics stay finite.
    const unbiased = count > 1 ? squares / (count - 1) : variance;
    runningMean[c] = (1 - momentum) * runningMean[c]! + momentum * mean;
    runningVar[c] = (1 - momentum) * runningVar[c]! + momentum * unbiased;
  }
};

/**
 * With xhat = (x - mean) / sqrt(var + eps) and m values per channel:
 * dx = gamma / sqrt(var + eps) * (dy - sum(dy) / m - xhat * sum(dy * xhat) / m) (Ioffe and Szegedy, 2015).
 */
export const batchNormGrad: ReferenceKernel<'batchNormGrad'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const dy = tensors.f32(inputs.dy);
  const gamma = optional(tensors, inputs.gamma);
  const batchMean = tensors.f32(inputs.batchMean);
  const batchVar = tensors.f32(inputs.batchVar);
  const dx = tensors.f32(outputs.dx);
  const dgamma = optional(tensors, outputs.dgamma);
  const dbeta = optional(tensors, outputs.dbeta);
  const shape = tensors.shape(inputs.x);
  const count = countOf(shape);
  for (let c = 0; c < shape[1]!; c++) {
    const mean = batchMean[c]!;
    const inverseStd = 1 / Math.sqrt(batchVar[c]! + attrs.eps);
    let sumDy = 0;
    let sumDyXhat = 0;
    forEachOfChannel(shape, c, (at) => {
      sumDy += dy[at]!;
      sumDyXhat += dy[at]! * (x[at]! - mean) * inverseStd;
    });
    const factor = (gamma?.[c] ?? 1) * inverseStd;
    forEachOfChannel(shape, c, (at) => {
      const xhat = (x[at]! - mean) * inverseStd;
      dx[at] = factor * (dy[at]! - sumDy / count - (xhat * sumDyXhat) / count);
    });
    if (dgamma !== undefined) dgamma[c] = sumDyXhat;
    if (dbeta !== undefined) dbeta[c] = sumDy;
  }
};

export const batchNormInference: ReferenceKernel<'batchNormInference'> = ({ attrs, inputs, outputs }, tensors) => {
  const x = tensors.f32(inputs.x);
  const gamma = optional(tensors, inputs.gamma);
  const beta = optional(tensors, inputs.beta);
  const runningMean = tensors.f32(inputs.runningMean);
  const runningVar = tensors.f32(inputs.runningVar);
  const y = tensors.f32(outputs.y);
  const shape = tensors.shape(inputs.x);
  for (let c = 0; c < shape[1]!; c++) {
    const factor = (gamma?.[c] ?? 1) / Math.sqrt(runningVar[c]! + attrs.eps);
    const shift = beta?.[c] ?? 0;
    forEachOfChannel(shape, c, (at) => (y[at] = (x[at]! - runningMean[c]!) * factor + shift));
  }
};

export const batchNormInferenceGrad: ReferenceKernel<'batchNormInferenceGrad'> = (instance, tensors) => {
  const { attrs, inputs, outputs } = instance;
  const x = tensors.f32(inputs.x);
  const dy = tensors.f32(inputs.dy);
  const gamma = optional(tensors, inputs.gamma);
  const runningMean = tensors.f32(inputs.runningMean);
  const runningVar = tensors.f32(inputs.runningVar);
  const dx = tensors.f32(outputs.dx);
  const dgamma = optional(tensors, outputs.dgamma);
  const dbeta = optional(tensors, outputs.dbeta);
  const shape = tensors.shape(inputs.x);
  for (let c = 0; c < shape[1]!; c++) {
    const inverseStd = 1 / Math.sqrt(runningVar[c]! + attrs.eps);
    const factor = (gamma?.[c] ?? 1) * inverseStd;
    let sumDy = 0;
    let sumDyXhat = 0;
    forEachOfChannel(shape, c, (at) => {
      dx[at] = factor * dy[at]!;
      sumDy += dy[at]!;
      sumDyXhat += dy[at]! * (x[at]! - runningMean[c]!) * inverseStd;
    });
    if (dgamma !== undefined) dgamma[c] = sumDyXhat;
    if (dbeta !== undefined) dbeta[c] = sumDy;
  }
};
