import type { TensorId } from '../ops/op.ts';
import { formatShape, sizeOf, type DType } from '../tensor.ts';
import { planMemory } from './memory.ts';
import type { OpInstance, Plan, TensorRole, TensorSpec } from './plan.ts';

const bytesOfElement: Record<DType, number> = { f32: 4, i32: 4, u8: 1 };

/** Bytes of a tensor without padding. */
export const denseBytes = (spec: TensorSpec): number => sizeOf(spec.shape) * bytesOfElement[spec.dtype];

/** "relu1.y[60×100]"; dtype where it is not f32. */
function printTensor(plan: Plan, tensor: TensorId): string {
  const spec = plan.tensors[tensor];
  if (spec === undefined) return `?${tensor}`;
  return `${spec.name}[${formatShape(spec.shape)}${spec.dtype === 'f32' ? '' : ` ${spec.dtype}`}]`;
}

function printSlots(plan: Plan, slots: object): string {
  return Object.entries(slots as Record<string, TensorId | readonly TensorId[] | undefined>)
    .filter(([, value]) => value !== undefined)
    .map(([slot, value]) =>
      typeof value === 'number'
        ? `${slot}=${printTensor(plan, value)}`
        : `${slot}=(${value!.map((tensor) => printTensor(plan, tensor)).join(', ')})`,
    )
    .join(' ');
}

function printAttrs(attrs: object): string {
  const entries = Object.entries(attrs);
  if (entries.length === 0) return '';
  return ` {${entries.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ')}}`;
}

/** One line: "linear x=... weight=... -> y=...". */
export function printOp(plan: Plan, instance: OpInstance): string {
  const outputs = printSlots(plan, instance.outputs);
  const inputs = printSlots(plan, instance.inputs);
  return `${instance.op}${printAttrs(instance.attrs)} ${inputs}${outputs === '' ? '' : ` -> ${outputs}`}`;
}

const roles: readonly TensorRole[] = [
  'data',
  'input',
  'parameter',
  'gradient',
  'optimizerState',
  'buffer',
  'result',
  'activation',
];

const withThousands = (value: number): string => value.toString().replace(/\B(?=(\d{3})+$)/g, ',');

/** Tensors and bytes per role, and what sharing memory between activations saves. */
function printMemory(plan: Plan): string[] {
  const rows = roles
    .map((role) => ({ role, specs: plan.tensors.filter((spec) => spec.role === role) }))
    .filter(({ specs }) => specs.length > 0)
    .map(({ role, specs }) => ({
      role,
      count: specs.length,
      bytes: specs.reduce((sum, spec) => sum + denseBytes(spec), 0),
    }));
  const memory = planMemory(plan, { bytesOf: denseBytes, alignment: 32 });
  return [
    'memory',
    ...rows.map(
      ({ role, count, bytes }) =>
        `  ${role.padEnd(14)} ${`${count}`.padStart(6)} tensors ${withThousands(bytes).padStart(16)} bytes`,
    ),
    `  activations share ${withThousands(memory.arenaBytes)} bytes (at least ${withThousands(memory.peakBytes)} live at once)`,
  ];
}

/** A plan as text for people and snapshots: every segment op by op, then the memory by role. */
export function printPlan(plan: Plan): string {
  const lines: string[] = [];
  for (const segment of plan.segments) {
    lines.push(`segment ${segment.name}: ${segment.ops.length} ops`);
    for (const [index, instance] of segment.ops.entries()) {
      const node = instance.node === undefined ? '' : `  @${instance.node}`;
      lines.push(`  ${`${index}`.padStart(3)} ${instance.phase.padEnd(8)} ${printOp(plan, instance)}${node}`);
    }
  }
  lines.push(...printMemory(plan));
  return `${lines.join('\n')}\n`;
}
