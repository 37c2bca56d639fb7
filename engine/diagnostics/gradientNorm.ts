export interface GradientNorm {
  readonly perTensor: readonly number[];
  /** Of all of them as one vector. */
  readonly total: number;
}

/** Euclidean norm of a vector, summed in doubles. */
export function l2Norm(values: ArrayLike<number>): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! * values[i]!;
  return Math.sqrt(squares);
}

/** L2 norms of gradients, tensor by tensor and together. */
export function gradientNorm(gradients: readonly ArrayLike<number>[]): GradientNorm {
  const perTensor = gradients.map(l2Norm);
  return { perTensor, total: l2Norm(perTensor) };
}
