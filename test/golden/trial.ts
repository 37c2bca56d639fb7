import type { Executable } from '../../engine/backend.ts';
import type { OpAttrs, OpInputs, OpName, OpOutputs, TensorId } from '../../engine/ops/op.ts';
import { PlanBuilder } from '../../engine/plan/builder.ts';
import type { OpInstance, Phase, TensorRole } from '../../engine/plan/plan.ts';
import { verifyPlan } from '../../engine/plan/verify.ts';
import { sizeOf } from '../../engine/tensor.ts';
import type { DType, Shape, TensorValues } from '../../engine/tensor.ts';
import type { Output } from './compare.ts';
import type { Device } from './groups/adapter.ts';
import type { GoldenTensor } from './safetensors.ts';

const arrayOf = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

function dtypeOf(values: TensorValues): DType {
  if (values instanceof Float32Array) return 'f32';
  return values instanceof Int32Array ? 'i32' : 'u8';
}

/**
 * A small plan made by hand, compiled and run once or several times: tensors with their first values, ops in order.
 * Names are the reference data's; `shape` arguments give the engine's shape where the data's rank differs.
 */
export class Trial {
  readonly #builder = new PlanBuilder();
  readonly #specs = new Map<TensorId, { shape: Shape; dtype: DType }>();
  #hasOps = false;
  readonly #initial = new Map<TensorId, TensorValues>();
  #executable: Executable | undefined;

  /** A tensor that the host writes before the first run. */
  input(name: string, tensor: GoldenTensor, shape: Shape = tensor.shape, role: TensorRole = 'input'): TensorId {
    const id = this.tensor(name, shape, dtypeOf(tensor.data), role);
    this.#initial.set(id, tensor.data);
    return id;
  }

  /** A tensor that ops write and the host reads. */
  result(name: string, shape: Shape, dtype: DType = 'f32'): TensorId {
    return this.tensor(name, shape, dtype, 'result');
  }

  tensor(name: string, shape: Shape, dtype: DType, role: TensorRole): TensorId {
    const id = this.#builder.tensor(name, shape, dtype, role);
    this.#specs.set(id, { shape, dtype });
    return id;
  }

  op<N extends OpName>(
    op: N,
    attrs: OpAttrs<N>,
    inputs: OpInputs<N>,
    outputs: OpOutputs<N>,
    phase: Phase = 'forward',
    segment = 'run',
  ): void {
    this.#hasOps = true;
    this.#builder.op(segment, { op, attrs, inputs, outputs, phase } as OpInstance);
  }

  /** Verifies and compiles the plan and writes the first values. */
  async compile(device: Device): Promise<void> {
    const plan = this.#builder.build();
    verifyPlan(plan);
    const executable = await device.backend.compile(plan, device.options);
    for (const [id, values] of this.#initial) executable.write(id, values);
    this.#executable = executable;
  }

  write(tensor: TensorId, values: TensorValues): void {
    this.#compiled().write(tensor, values);
  }

  run(segment = 'run'): void {
    this.#compiled().run(segment);
  }

  /** False where the engine has nothing to compute: values are only written and read. */
  get hasOps(): boolean {
    return this.#hasOps;
  }

  /** The values of a tensor; `shape` is how the reference data see it. */
  async read(tensor: TensorId, shape?: Shape): Promise<Output> {
    const spec = this.#specs.get(tensor)!;
    const data = new arrayOf[spec.dtype](sizeOf(spec.shape));
    await this.#compiled().read(tensor, data);
    return { shape: shape ?? spec.shape, data };
  }

  async dispose(): Promise<void> {
    await this.#executable?.dispose();
  }

  #compiled(): Executable {
    if (this.#executable === undefined) throw new Error('A trial is compiled before it runs.');
    return this.#executable;
  }
}

/** Where each output of a case lies in a trial, with the shape that the reference data give it where the ranks differ. */
export type Outputs = Record<string, TensorId | { readonly id: TensorId; readonly shape: Shape }>;

/** Compiles, runs segment 'run' once and reads the outputs. */
export async function runTrial(trial: Trial, device: Device, outputs: Outputs): Promise<Map<string, Output>> {
  try {
    await trial.compile(device);
    if (trial.hasOps) trial.run();
    const read = new Map<string, Output>();
    for (const [name, where] of Object.entries(outputs)) {
      read.set(name, typeof where === 'number' ? await trial.read(where) : await trial.read(where.id, where.shape));
    }
    return read;
  } finally {
    await trial.dispose();
  }
}
