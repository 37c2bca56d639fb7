import type { OpCheck } from './definition.ts';
import { hyperSize, type TensorId } from './op.ts';

/** Checks that gradients and optimiser state run parallel to the parameters, and that `hyper` has its four scalars. */
export function checkUpdate(
  check: OpCheck,
  hyper: TensorId,
  parameters: readonly TensorId[],
  lists: Readonly<Record<string, readonly TensorId[]>>,
): void {
  check.tensor('hyper', hyper, 'f32', [hyperSize]);
  parameters.forEach((parameter, i) => {
    check.tensor(`parameters[${i}]`, parameter, 'f32', check.shape(parameter));
  });
  for (const [slot, list] of Object.entries(lists)) {
    if (list.length !== parameters.length) {
      check.fault(`${slot} has ${list.length} tensors, parameters ${parameters.length}`);
      continue;
    }
    list.forEach((tensor, i) => {
      check.tensor(`${slot}[${i}]`, tensor, 'f32', check.shape(parameters[i]!));
    });
  }
}
