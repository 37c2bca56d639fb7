import type { TensorId } from '../ops/op.ts';
import type { OpInstance } from '../plan/plan.ts';

function flat(slots: Readonly<Record<string, unknown>>): TensorId[] {
  return Object.values(slots).flatMap((slot) =>
    typeof slot === 'number' ? [slot] : Array.isArray(slot) ? (slot as TensorId[]) : [],
  );
}

/** All tensors an op reads (and those it changes in place). */
export function inputIds(instance: OpInstance): TensorId[] {
  return flat(instance.inputs);
}

/** All tensors an op writes whole. */
export function outputIds(instance: OpInstance): TensorId[] {
  return flat(instance.outputs);
}
