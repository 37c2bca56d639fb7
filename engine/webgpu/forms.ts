import type { OpName, TensorId } from '../ops/op.ts';
import { inputOperands, outputOperands } from '../ops/operands.ts';
import type { OpInstance, Plan } from '../plan/plan.ts';
import { sizeOf } from '../tensor.ts';
import type { AdapterDescription } from './device.ts';
import type { GpuTuning } from './kernel.ts';

/** Goes up whenever kernels change in a way that may make another form the fastest: what was remembered is measured anew. */
export const kernelVersion = 2;

/**
 * Ways to compute a product by name, the likely ones first: what they change of the adapter's usual choices. Each sums in an order
 * of its own, so the choice decides the bits of a result.
 */
const forms: Readonly<Record<string, (usual: GpuTuning) => Partial<GpuTuning>>> = {
  usual: () => ({}),
  winograd4: () => ({ winograd: 4 }),
  /** Long sums in four times as many parts. */
  split: ({ busyGroups }) => ({ busyGroups: 4 * busyGroups }),
  /** Twice the depth of a tile: half the barriers. */
  deep: ({ depth }) => ({ depth: 2 * depth }),
  /** Smaller tiles: more workgroups. */
  small: () => ({ tile: 32 }),
  /** Smaller blocks in smaller tiles: more invocations with fewer registers each. */
  narrow: ({ tile }) => ({ tile: Math.min(tile, 32), own: 2 }),
  winograd2: () => ({ winograd: 2 }),
};
export type FormName = string;

const products: readonly OpName[] = [
  'linear',
  'linearGradInput',
  'linearGradWeight',
  'conv2d',
  'conv2dGradInput',
  'conv2dGradWeight',
];

/**
 * Class of an op whose form is chosen: op, attributes, shapes, and which tensors lie in half precision (`halves`). Undefined for
 * ops that have one form.
 */
export function classOf(
  plan: Plan,
  op: OpInstance,
  fast: boolean,
  halves: ReadonlySet<TensorId> = new Set(),
): string | undefined {
  if (!products.includes(op.op)) return undefined;
  const shapes = [...inputOperands(op), ...outputOperands(op)].map(
    ({ slot, tensor }) => `${slot}=${plan.tensors[tensor]!.shape.join('x')}${halves.has(tensor) ? 'f16' : ''}`,
  );
  const attrs = Object.entries(op.attrs).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return [op.op, ...attrs, ...shapes, ...(fast ? [] : ['exact'])].join(' ');
}

/** Forms that an op may take. Winograd's transforms only where rounding somewhat more is allowed. */
export function formsOf(plan: Plan, op: OpInstance, fast: boolean): FormName[] {
  const is3x3 = fast && (op.op === 'conv2d' || op.op === 'conv2dGradInput') && isTransformable(plan, op);
  return Object.keys(forms).filter((name) => is3x3 || !name.startsWith('winograd'));
}

function isTransformable(plan: Plan, op: Extract<OpInstance, { op: 'conv2d' | 'conv2dGradInput' }>): boolean {
  const [, , height, width] = plan.tensors[op.inputs.weight]!.shape;
  const { stride, dilation, groups } = op.attrs;
  return height === 3 && width === 3 && [...stride, ...dilation, groups].every((value) => value === 1);
}

/** The adapter's choices with those of a form. One that this program does not know (any more) changes nothing. */
export const withForm = (usual: GpuTuning, form: FormName | undefined): GpuTuning => ({
  ...usual,
  ...(form === undefined ? {} : forms[form]?.(usual)),
});

/** Multiply-adds of a product: heavy ones are measured first. */
export function workOf(plan: Plan, op: OpInstance): number {
  const sizes = [...inputOperands(op), ...outputOperands(op)].map(({ tensor }) => sizeOf(plan.tensors[tensor]!.shape));
  return sizes.reduce((product, size) => product * Math.sqrt(size), 1);
}

/** What choices are remembered under: another adapter, driver or version of the kernels measures for itself. */
export const adapterKey = ({ vendor, architecture, device, description }: AdapterDescription): string =>
  [vendor, architecture, device, description, `kernels ${kernelVersion}`].join('|');
