import type { TensorId } from '../ops/op.ts';
import type { OpInstance } from '../plan/plan.ts';

/**
 * The lists of tensors, one entry per parameter, that an op walks in step. Their tensors lie alike, and each list is one
 * stretch of memory. None for an op that works on single tensors.
 */
export function updateLists(instance: OpInstance): readonly (readonly TensorId[])[] {
  switch (instance.op) {
    case 'sgdUpdate':
    case 'adamUpdate':
    case 'rmspropUpdate':
    case 'adagradUpdate':
    case 'adamaxUpdate':
    case 'nadamUpdate': {
      const { hyper: _hyper, ...lists } = instance.inputs;
      return Object.values(lists);
    }
    case 'clipGradientNorm':
    case 'clipGradientValue':
    case 'l1Penalty':
    case 'accumulate':
    case 'takeAccumulated':
    case 'copy':
      return Object.values(instance.inputs);
    default:
      return [];
  }
}
