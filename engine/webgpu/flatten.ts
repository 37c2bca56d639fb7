import type { TensorId } from '../ops/op.ts';
import { withOperands } from '../ops/operands.ts';
import type { Plan } from '../plan/plan.ts';

/** A flatten moves nothing here: where either side is an activation, both get the memory of one. */
export function flattenRoots(plan: Plan): TensorId[] {
  const root = plan.tensors.map(({ id }) => id);
  const find = (id: TensorId): TensorId => (root[id] === id ? id : (root[id] = find(root[id]!)));
  const isActivation = (id: TensorId): boolean => plan.tensors[id]!.role === 'activation';
  const usedIn = segmentsOf(plan);
  for (const { ops } of plan.segments) {
    for (const op of ops) {
      if (op.op !== 'flatten' && op.op !== 'flattenGrad') continue;
      const [from, to] = op.op === 'flatten' ? [op.inputs.x, op.outputs.y] : [op.inputs.dy, op.outputs.dx];
      const [a, b] = [find(from), find(to)];
      if (a !== b && isActivation(a) && isActivation(b) && usedIn[a] === usedIn[b]) root[b] = a;
    }
  }
  return root.map((_, id) => find(id));
}

/** The one segment that each tensor occurs in; null for several. */
function segmentsOf(plan: Plan): (string | null | undefined)[] {
  const found = new Array<string | null | undefined>(plan.tensors.length).fill(undefined);
  for (const { name, ops } of plan.segments) {
    for (const op of ops) {
      withOperands(op, (id) => {
        found[id] = found[id] === undefined || found[id] === name ? name : null;
        return id;
      });
    }
  }
  return found;
}
