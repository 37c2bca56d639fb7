import { EngineError, type Fault } from '../errors.ts';
import type { OpCheck } from '../ops/definition.ts';
import { inPlaceOf, verifyOp } from '../ops/index.ts';
import type { TensorId } from '../ops/op.ts';
import { inputOperands, outputOperands } from '../ops/operands.ts';
import { formatShape, type DType, type Shape } from '../tensor.ts';
import type { OpInstance, Plan, Segment, TensorRole, TensorSpec } from './plan.ts';
import { printOp } from './print.ts';

/** Roles that an op may write whole. The others are written by the host, or only in place. */
const writable: ReadonlySet<TensorRole> = new Set<TensorRole>(['activation', 'gradient', 'result']);
/** Roles that last from run to run, so that an op may read them before any op has written them. */
const lasting: ReadonlySet<TensorRole> = new Set<TensorRole>([
  'data',
  'input',
  'parameter',
  'gradient',
  'optimizerState',
  'buffer',
]);

/**
 * Refuses an illegal plan: unknown tensors, wrong dtypes, shapes or attributes, values read before they are written, written
 * twice or against their role, names used twice. Throws EngineError('plan') with every fault and a print of its op.
 */
export function verifyPlan(plan: Plan): void {
  const faults: Fault[] = [...tableFaults(plan)];
  const owner = new Map<TensorId, string>();
  for (const segment of plan.segments) faults.push(...segmentFaults(plan, segment, owner));
  if (faults.length === 0) return;
  const list = faults.map(({ message }) => `- ${message}`).join('\n');
  throw new EngineError('plan', `The plan is not legal, ${faults.length} fault(s):\n${list}`, faults);
}

function* tableFaults(plan: Plan): Generator<Fault> {
  const names = new Set<string>();
  for (const [i, spec] of plan.tensors.entries()) {
    if (spec.id !== i)
      yield { message: `tensor "${spec.name}" stands at ${i} of the table, but has the number ${spec.id}` };
    if (names.has(spec.name)) yield { message: `two tensors are named "${spec.name}"` };
    names.add(spec.name);
    if (!spec.shape.every((extent) => Number.isSafeInteger(extent) && extent >= 1)) {
      yield {
        message: `tensor "${spec.name}" has the shape ${formatShape(spec.shape)}; extents are whole numbers from 1`,
      };
    }
  }
  const segments = new Set<string>();
  for (const { name } of plan.segments) {
    if (segments.has(name)) yield { message: `two segments are named "${name}"` };
    segments.add(name);
  }
}

function segmentFaults(plan: Plan, segment: Segment, owner: Map<TensorId, string>): Fault[] {
  const faults: Fault[] = [];
  const written = new Set<TensorId>();
  for (const [index, instance] of segment.ops.entries()) {
    const tell = (message: string): void => {
      const place = `segment ${segment.name}, op ${index}: ${message}\n    ${printOp(plan, instance)}`;
      faults.push(instance.node === undefined ? { message: place } : { node: instance.node, message: place });
    };
    const operands = [...inputOperands(instance), ...outputOperands(instance)];
    const unknown = operands.filter(({ tensor }) => plan.tensors[tensor] === undefined);
    for (const { slot, tensor } of unknown)
      tell(`${slot} is tensor ${tensor}, but the table has ${plan.tensors.length}`);
    if (unknown.length > 0) continue;
    verifyOp(instance, opCheck(plan, tell));
    checkFlow(plan, instance, written, tell);
    for (const { slot, tensor } of operands) {
      const spec = plan.tensors[tensor]!;
      if (spec.role !== 'activation') continue;
      const home = owner.get(tensor) ?? segment.name;
      owner.set(tensor, home);
      if (home !== segment.name)
        tell(`${slot} "${spec.name}" belongs to segment ${home}; an activation lives in one only`);
    }
  }
  return faults;
}

/** Order of reads and writes of one op; enters what it writes into `written`. */
function checkFlow(plan: Plan, instance: OpInstance, written: Set<TensorId>, tell: (message: string) => void): void {
  const inPlace = new Set(inPlaceOf(instance));
  for (const { slot, tensor } of inputOperands(instance)) {
    const { name, role } = plan.tensors[tensor]!;
    if (inPlace.has(tensor)) {
      if (role === 'data') tell(`${slot} "${name}" is changed in place, but its role is data`);
      if (role === 'activation' && !written.has(tensor)) tell(`${slot} "${name}" is changed before it is written`);
    } else if (!lasting.has(role) && !written.has(tensor)) {
      tell(`${slot} "${name}" is read before it is written`);
    }
  }
  for (const { slot, tensor } of outputOperands(instance)) {
    const { name, role } = plan.tensors[tensor]!;
    if (!writable.has(role)) tell(`${slot} "${name}" is written, but its role is ${role}`);
    if (written.has(tensor)) tell(`${slot} "${name}" is written a second time`);
    written.add(tensor);
  }
}

function opCheck(plan: Plan, tell: (message: string) => void): OpCheck {
  const spec = (tensor: TensorId): TensorSpec => plan.tensors[tensor]!;
  const typed = (slot: string, tensor: TensorId, dtype: DType): boolean => {
    const { name, dtype: own } = spec(tensor);
    if (own === dtype) return true;
    tell(`${slot} "${name}" holds ${own}; the op takes ${dtype}`);
    return false;
  };
  return {
    shape: (tensor) => spec(tensor).shape,
    fault: tell,
    tensor(slot, tensor, dtype, shape) {
      if (tensor === undefined || !typed(slot, tensor, dtype)) return;
      const { name, shape: own } = spec(tensor);
      if (!sameShape(own, shape)) tell(`${slot} "${name}" is ${formatShape(own)}; it must be ${formatShape(shape)}`);
    },
    ranked(slot, tensor, dtype, rank, highest = rank) {
      if (!typed(slot, tensor, dtype)) return undefined;
      const { name, shape } = spec(tensor);
      if (shape.length >= rank && shape.length <= highest) return shape;
      const ranks = rank === highest ? `${rank}` : `${rank} to ${highest}`;
      tell(`${slot} "${name}" is ${formatShape(shape)}; it must have ${ranks} axes`);
      return undefined;
    },
  };
}

const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((extent, i) => extent === b[i]);
