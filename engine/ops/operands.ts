import type { OpInstance } from '../plan/plan.ts';
import type { TensorId } from './op.ts';

/** A tensor of an op and the name it has there: "weight", "xs[2]". */
export interface Operand {
  readonly slot: string;
  readonly tensor: TensorId;
}

function operands(slots: object): readonly Operand[] {
  const found: Operand[] = [];
  for (const [slot, value] of Object.entries(slots) as [string, TensorId | readonly TensorId[] | undefined][]) {
    if (value === undefined) continue;
    if (typeof value === 'number') found.push({ slot, tensor: value });
    else value.forEach((tensor, i) => found.push({ slot: `${slot}[${i}]`, tensor }));
  }
  return found;
}

/** Every tensor that the op reads, in the order of its slots. */
export const inputOperands = (instance: OpInstance): readonly Operand[] => operands(instance.inputs);

/** Every tensor that the op writes whole; those it changes in place are not among them. */
export const outputOperands = (instance: OpInstance): readonly Operand[] => operands(instance.outputs);

/** The instance with tensors exchanged where `replace` says so. */
export function withOperands(instance: OpInstance, replace: (tensor: TensorId) => TensorId): OpInstance {
  const map = (slots: object): object =>
    Object.fromEntries(
      Object.entries(slots as Record<string, TensorId | readonly TensorId[] | undefined>).map(([slot, value]) => [
        slot,
        value === undefined ? undefined : typeof value === 'number' ? replace(value) : value.map(replace),
      ]),
    );
  return { ...instance, inputs: map(instance.inputs), outputs: map(instance.outputs) } as OpInstance;
}
