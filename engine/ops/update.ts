import type { OpCheck } from './definition.ts';
import { hyperSize, type TensorId } from './op.ts';

type Lists = Readonly<Record<string, readonly TensorId[]>>;

/** Checks that gradients and optimiser state run parallel to the parameters, and that `hyper` has its four scalars. */
export function checkUpdate(check: OpCheck, hyper: TensorId, parameters: readonly TensorId[], lists: Lists): void {
  check.tensor('hyper', hyper, 'f32', [hyperSize]);
  checkLists(check, 'parameters', parameters, lists);
}

/** Checks that `lists` run parallel to a first one, all in f32. */
export function checkLists(check: OpCheck, name: string, first: readonly TensorId[], lists: Lists): void {
  first.forEach((tensor, i) => {
    check.tensor(`${name}[${i}]`, tensor, 'f32', check.shape(tensor));
  });
  for (const [slot, list] of Object.entries(lists)) {
    if (list.length !== first.length) {
      check.fault(`${slot} has ${list.length} tensors, ${name} ${first.length}`);
      continue;
    }
    list.forEach((tensor, i) => {
      check.tensor(`${slot}[${i}]`, tensor, 'f32', check.shape(first[i]!));
    });
  }
}
