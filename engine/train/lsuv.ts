import type { Backend, CompileOptions, Executable } from '../backend.ts';
import type { CheckedNode } from '../graph/check.ts';
import type { Initializer } from '../layers/initializer.ts';
import type { TensorId } from '../ops/op.ts';
import { forwardPlan } from '../plan/derive.ts';
import type { TrainingPlan } from '../plan/plan.ts';
import { sizeOf, type TensorValues } from '../tensor.ts';

type Lsuv = Extract<Initializer, { kind: 'lsuv' }>;

interface ScaledLayer {
  readonly id: string;
  readonly settings: Lsuv;
  /** Name of its weight in the plan. */
  readonly weight: string;
  readonly output: TensorId;
}

export interface LsuvInput {
  readonly plan: TrainingPlan;
  /** Inputs before readers. */
  readonly nodes: readonly CheckedNode[];
  readonly backend: Backend;
  readonly compile: CompileOptions;
  /** Writes the data, and what the first training step reads from the host. */
  readonly write: (executable: Executable) => void;
}

/** What was done to one layer. */
export interface LsuvLayer {
  readonly node: string;
  /** Variance of its outputs over the batch, at first and at last. */
  readonly before: number;
  readonly after: number;
  readonly iterations: number;
}

/** Whether any layer begins with LSUV. */
export function usesLsuv(nodes: readonly CheckedNode[]): boolean {
  return nodes.some(({ parameters }) => parameters.some(({ initializer }) => initializer.kind === 'lsuv'));
}

/**
 * Layer-sequential unit variance (Mishkin and Matas, "All you need is a good init", ICLR 2016, arXiv:1511.06422). The layers that
 * ask for it begin orthonormal; then, inputs before readers, each weight is divided by the standard deviation of the layer's outputs
 * over the first training batch (all images, channels and places together) until their variance is within `tolerance` of 1, at
 * most `iterations` times. The pass is that of the first training step: batch norm with the statistics of the batch, dropout with
 * its draws. Changes the weights in `values` in place; a pure function of the job, so every start of a run gives the same weights.
 * A layer whose outputs do not vary at all (constant inputs) stays orthonormal, and one whose outputs are not finite stays as it is.
 */
export async function scaleToUnitVariance(
  { plan, nodes, backend, compile, write }: LsuvInput,
  values: ReadonlyMap<string, TensorValues>,
): Promise<readonly LsuvLayer[]> {
  const layers = layersOf(plan, nodes);
  if (layers.length === 0) return [];
  const executable = await backend.compile(
    forwardPlan(plan, { keep: new Set(layers.map(({ output }) => output)) }),
    compile,
  );
  try {
    write(executable);
    const { parameters, buffers } = plan.handles;
    const restore = (): void => {
      for (const id of [...parameters, ...buffers]) {
        const given = values.get(plan.tensors[id]!.name);
        if (given !== undefined) executable.write(id, given);
      }
    };
    const report: LsuvLayer[] = [];
    for (const layer of layers) report.push(await scaleLayer(layer, plan, executable, restore, values));
    return report;
  } finally {
    await executable.dispose();
  }
}

function layersOf(plan: TrainingPlan, nodes: readonly CheckedNode[]): readonly ScaledLayer[] {
  const named = new Map(plan.tensors.map(({ name, id }) => [name, id]));
  return nodes.flatMap(({ id, parameters }) =>
    parameters.flatMap(({ name, initializer }) =>
      initializer.kind === 'lsuv'
        ? [{ id, settings: initializer, weight: `${id}.${name}`, output: named.get(`${id}.y`)! }]
        : [],
    ),
  );
}

async function scaleLayer(
  { id, settings, weight, output }: ScaledLayer,
  plan: TrainingPlan,
  executable: Executable,
  restore: () => void,
  values: ReadonlyMap<string, TensorValues>,
): Promise<LsuvLayer> {
  const own = values.get(weight)!;
  const outputs = new Float32Array(sizeOf(plan.tensors[output]!.shape));
  const measure = async (): Promise<number> => {
    restore();
    executable.run('forward');
    await executable.read(output, outputs);
    return varianceOf(outputs);
  };
  const before = await measure();
  let variance = before;
  let iterations = 0;
  while (iterations < settings.iterations && Math.abs(variance - 1) > settings.tolerance) {
    if (!(variance > 0 && variance < Infinity)) break;
    const scale = 1 / Math.sqrt(variance);
    for (let i = 0; i < own.length; i++) own[i]! *= scale;
    variance = await measure();
    iterations++;
  }
  return { node: id, before, after: variance, iterations };
}

/** Biased, in two passes in float64. */
function varianceOf(values: Float32Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) * (value - mean);
  return squares / values.length;
}
