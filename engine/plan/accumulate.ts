import type { TensorId } from '../ops/op.ts';
import type { PlanBuilder } from './builder.ts';

/** The segment that ends a step of several parts. */
export const updateSegment = 'update';

/**
 * Sums gradients, loss and hits of the parts of a step, and begins the segment of the update with the means (of the hits: the sum). The sums
 * are 0 between two steps, as memory is at first, so that a checkpoint need not hold them.
 */
export function appendAccumulation(
  builder: PlanBuilder,
  segment: string,
  gradients: readonly TensorId[],
  { loss, correct }: { readonly loss: TensorId; readonly correct: TensorId },
  parts: number,
): { readonly step: string; readonly values: readonly TensorId[] } {
  const step = updateSegment;
  const scalar = (name: string): TensorId => builder.tensor(name, [1], 'f32', 'buffer');
  const sumOf = (id: TensorId): TensorId => {
    const { name, shape, node } = builder.spec(id);
    return builder.tensor(`${name}.sum`, shape, 'f32', 'gradient', node);
  };
  const lossMean = scalar('step.loss');
  const hits = scalar('step.correct');
  const taken = [
    { values: gradients, sums: gradients.map(sumOf), into: gradients, scale: 1 / parts },
    { values: [loss], sums: [scalar('step.loss.sum')], into: [lossMean], scale: 1 / parts },
    { values: [correct], sums: [scalar('step.correct.sum')], into: [hits], scale: 1 },
  ];
  for (const { values, sums } of taken) {
    builder.op(segment, { op: 'accumulate', attrs: {}, inputs: { sums, values }, outputs: {}, phase: 'update' });
  }
  for (const { into, sums, scale } of taken) {
    const inputs = { sums, values: into };
    builder.op(step, { op: 'takeAccumulated', attrs: { scale }, inputs, outputs: {}, phase: 'update' });
  }
  return { step, values: [lossMean, hits] };
}
