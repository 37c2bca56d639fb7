/**
 * The other half of `npm run bench -- --precision`: the error of a whole network's gradient in one step. With ReLU and max pooling a
 * value that rounding moves across 0, or past its neighbour, changes the gradient by a finite amount; the same network with GELU and
 * average pooling shows what the sums alone contribute.
 */
import { tunedCpuBackend } from '../engine/cpu/index.ts';
import type { Backend } from '../engine/backend.ts';
import type { GraphDocument } from '../engine/graph/document.ts';
import { referenceBackend } from '../engine/reference/index.ts';
import { sizeOf } from '../engine/tensor.ts';
import { relativeError, ways } from './precision.ts';
import { makeStepper } from './stepper.ts';
import { workloads, type Workload } from './workloads.ts';

const batch = 8;

function smooth({ nodes }: GraphDocument): GraphDocument {
  return {
    nodes: nodes.map((node) => {
      if (node.layer === 'relu') return { ...node, layer: 'gelu' };
      return node.layer === 'maxPool2d' ? { ...node, layer: 'avgPool2d' } : node;
    }),
  };
}

/** Gradients after one step: of all parameters in a row, and of each convolution. */
async function gradients(workload: Workload, backend: Backend): Promise<Map<string, Float32Array>> {
  const { plan, executable, step } = await makeStepper(workload, backend, 1);
  step();
  const found = new Map<string, Float32Array>();
  const all: number[] = [];
  for (const id of plan.handles.gradients) {
    const { name, shape } = plan.tensors[id]!;
    const values = new Float32Array(sizeOf(shape));
    await executable.read(id, values);
    for (const value of values) all.push(value);
    if (/^conv\d\.weight/.test(name)) found.set(name.replace(/\..*/, ''), values);
  }
  await executable.dispose();
  return found.set('all', Float32Array.from(all));
}

export interface NetPrecisionRow {
  readonly net: string;
  readonly way: string;
  /** By part of the gradient: "all", or a convolution's weights. */
  readonly errors: Readonly<Record<string, number>>;
}

export async function measureNetPrecision(): Promise<NetPrecisionRow[]> {
  const original = workloads.find(({ name }) => name === 'W2')!;
  const nets = [
    { net: 'W2: ReLU, max pooling', workload: { ...original, batch } },
    { net: 'W2 with GELU and average pooling', workload: { ...original, batch, document: smooth(original.document) } },
  ];
  const rows: NetPrecisionRow[] = [];
  for (const { net, workload } of nets) {
    const wanted = await gradients(workload, referenceBackend);
    for (const { name, precision, points } of ways) {
      const backend = tunedCpuBackend({ precision, ...(points && { winogradPoints: points }) });
      const got = await gradients(workload, backend);
      const errors = [...wanted].map(([part, values]) => [part, relativeError(got.get(part)!, values)] as const);
      rows.push({ net, way: name, errors: Object.fromEntries(errors) });
    }
  }
  return rows;
}

export function printNetPrecision(rows: readonly NetPrecisionRow[]): void {
  console.log(`\nThe gradient of a whole network, batch ${batch}, first step`);
  for (const net of new Set(rows.map((row) => row.net))) {
    const own = rows.filter((row) => row.net === net);
    const parts = Object.keys(own[0]!.errors);
    console.log(`\n${net.padEnd(36)}${parts.map((part) => part.padStart(10)).join('')}`);
    for (const { way, errors } of own) {
      console.log(`  ${way.padEnd(34)}${parts.map((part) => errors[part]!.toExponential(1).padStart(10)).join('')}`);
    }
  }
}
