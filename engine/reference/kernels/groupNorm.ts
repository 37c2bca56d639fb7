import type { TensorId } from '../../ops/op.ts';
import { sizeOf } from '../../tensor.ts';
import type { ReferenceKernel, TensorStore } from '../kernel.ts';

/** Values that are normalised together, `length` of them in a row, and where gamma and beta stand for value i of x. */
interface Sections {
  readonly length: number;
  readonly affineAt: (i: number) => number;
}

interface Forward {
  readonly inputs: { readonly x: TensorId; readonly gamma?: TensorId; readonly beta?: TensorId };
  readonly outputs: { readonly y: TensorId; readonly mean: TensorId; readonly variance: TensorId };
}

interface Backward {
  readonly inputs: {
    readonly x: TensorId;
    readonly dy: TensorId;
    readonly gamma?: TensorId;
    readonly mean: TensorId;
    readonly variance: TensorId;
  };
  readonly outputs: { readonly dx: TensorId; readonly dgamma?: TensorId; readonly dbeta?: TensorId };
}

const optional = (tensors: TensorStore, tensor: TensorId | undefined): Float32Array | undefined =>
  tensor === undefined ? undefined : tensors.f32(tensor);

function normalize(
  { inputs, outputs }: Forward,
  tensors: TensorStore,
  { length, affineAt }: Sections,
  eps: number,
): void {
  const x = tensors.f32(inputs.x);
  const y = tensors.f32(outputs.y);
  const gamma = optional(tensors, inputs.gamma);
  const beta = optional(tensors, inputs.beta);
  const means = tensors.f32(outputs.mean);
  const variances = tensors.f32(outputs.variance);
  for (let section = 0; section < means.length; section++) {
    const start = section * length;
    let sum = 0;
    for (let i = start; i < start + length; i++) sum += x[i]!;
    const mean = sum / length;
    let squares = 0;
    for (let i = start; i < start + length; i++) squares += (x[i]! - mean) ** 2;
    const variance = squares / length;
    const inverse = 1 / Math.sqrt(variance + eps);
    for (let i = start; i < start + length; i++) {
      const at = affineAt(i);
      y[i] = (x[i]! - mean) * inverse * (gamma?.[at] ?? 1) + (beta?.[at] ?? 0);
    }
    means[section] = mean;
    variances[section] = variance;
  }
}

/**
 * With xhat = (x - mean) / sqrt(var + eps), g = dy * gamma and m values that are normalised together:
 * dx = (g - sum(g) / m - xhat * sum(g * xhat) / m) / sqrt(var + eps).
 */
function normalizeGrad(instance: Backward, tensors: TensorStore, { length, affineAt }: Sections, eps: number): void {
  const { inputs, outputs } = instance;
  const x = tensors.f32(inputs.x);
  const dy = tensors.f32(inputs.dy);
  const gamma = optional(tensors, inputs.gamma);
  const means = tensors.f32(inputs.mean);
  const variances = tensors.f32(inputs.variance);
  const dx = tensors.f32(outputs.dx);
  const size = Math.max(
    ...[outputs.dgamma, outputs.dbeta].map((id) => (id === undefined ? 0 : tensors.f32(id).length)),
  );
  const sums = tensors.scratch(instance, 2 * size);
  for (let section = 0; section < means.length; section++) {
    const start = section * length;
    const mean = means[section]!;
    const inverse = 1 / Math.sqrt(variances[section]! + eps);
    let sum = 0;
    let product = 0;
    for (let i = start; i < start + length; i++) {
      const at = affineAt(i);
      const xhat = (x[i]! - mean) * inverse;
      const g = dy[i]! * (gamma?.[at] ?? 1);
      sum += g;
      product += g * xhat;
      if (size > 0) {
        sums[at]! += dy[i]! * xhat;
        sums[size + at]! += dy[i]!;
      }
    }
    for (let i = start; i < start + length; i++) {
      const xhat = (x[i]! - mean) * inverse;
      const g = dy[i]! * (gamma?.[affineAt(i)] ?? 1);
      dx[i] = inverse * (g - sum / length - (xhat * product) / length);
    }
  }
  optional(tensors, outputs.dgamma)?.set(sums.subarray(0, size));
  optional(tensors, outputs.dbeta)?.set(sums.subarray(size));
}

/** A group's channels lie one behind the other; gamma and beta go by channel. */
function groupSections(tensors: TensorStore, x: TensorId, groups: number): Sections {
  const shape = tensors.shape(x);
  const plane = sizeOf(shape.slice(2));
  const channels = shape[1]!;
  return { length: (channels / groups) * plane, affineAt: (i) => Math.floor(i / plane) % channels };
}

/** An image as a whole; gamma and beta go by value. */
function imageSections(tensors: TensorStore, x: TensorId): Sections {
  const length = sizeOf(tensors.shape(x).slice(1));
  return { length, affineAt: (i) => i % length };
}

export const groupNorm: ReferenceKernel<'groupNorm'> = (instance, tensors) => {
  const { groups, eps } = instance.attrs;
  normalize(instance, tensors, groupSections(tensors, instance.inputs.x, groups), eps);
};

export const groupNormGrad: ReferenceKernel<'groupNormGrad'> = (instance, tensors) => {
  const { groups, eps } = instance.attrs;
  normalizeGrad(instance, tensors, groupSections(tensors, instance.inputs.x, groups), eps);
};

export const layerNorm: ReferenceKernel<'layerNorm'> = (instance, tensors) => {
  normalize(instance, tensors, imageSections(tensors, instance.inputs.x), instance.attrs.eps);
};

export const layerNormGrad: ReferenceKernel<'layerNormGrad'> = (instance, tensors) => {
  normalizeGrad(instance, tensors, imageSections(tensors, instance.inputs.x), instance.attrs.eps);
};
