import type { TensorId } from '../ops/op.ts';
import type { OpInstance, Plan, TrainingPlan } from './plan.ts';

export interface ForwardPlanOptions {
  /** Tensors whose values stay for the host to read; left out: every activation. */
  readonly keep?: ReadonlySet<TensorId>;
  /** Another form of an op, with the same tensors. */
  readonly change?: (op: OpInstance) => OpInstance;
}

/**
 * The forward part of a training step as a plan of its own, with one segment 'forward'. Tensors keep their numbers, so handles of
 * the training plan are good for it.
 */
export function forwardPlan(plan: TrainingPlan, { keep, change }: ForwardPlanOptions = {}): Plan {
  const train = plan.segments.find((segment) => segment.name === 'train')!;
  const ops = train.ops.filter(({ phase }) => phase === 'data' || phase === 'forward');
  return {
    tensors: plan.tensors.map((spec) =>
      spec.role === 'activation' && (keep === undefined || keep.has(spec.id)) ? { ...spec, role: 'result' } : spec,
    ),
    segments: [{ name: 'forward', ops: change === undefined ? ops : ops.map(change) }],
  };
}
