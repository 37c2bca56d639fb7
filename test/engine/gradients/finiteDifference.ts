import type { Executable } from '../../../engine/backend.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import { appendBackward } from '../../../engine/plan/backward.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import type { OpInstance } from '../../../engine/plan/plan.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { RandomStream, shuffle, streamKind } from '../../../engine/random.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import type { Shape, TensorValues } from '../../../engine/tensor.ts';

const seed = 20240607;
/** A power of two, so that x + h and x - h are exact for the values drawn. */
const h = 2 ** -6;
/** Differences of float32 outputs carry about 1e-7 / h of rounding, and h^2 of truncation. */
const tolerance = { abs: 2e-3, rel: 2e-3 };

/** Declares the inputs of one op and gives its instance. */
export class GradientTrial {
  readonly builder = new PlanBuilder();
  readonly #values = new Map<TensorId, TensorValues>();
  readonly #differentiable: TensorId[] = [];
  readonly #random = new RandomStream(seed, streamKind.noise);

  /**
   * An input whose gradient is checked. Values are distinct multiples of 1/8, half a step off zero: away from the kinks of
   * ReLU and of maximum pooling by more than h.
   */
  variable(name: string, shape: Shape): TensorId {
    const size = sizeOf(shape);
    const order = Int32Array.from({ length: size }, (_, i) => i);
    shuffle(order, this.#random);
    const step = Math.max(1 / 8, 2.5 * h);
    const id = this.constant(
      name,
      shape,
      Float32Array.from(order, (i) => (i - Math.floor(size / 2) + 0.5) * step),
    );
    this.#differentiable.push(id);
    return id;
  }

  constant(name: string, shape: Shape, values: TensorValues, role: 'input' | 'buffer' = 'input'): TensorId {
    const dtype = values instanceof Float32Array ? 'f32' : values instanceof Int32Array ? 'i32' : 'u8';
    const id = this.builder.tensor(name, shape, dtype, role);
    this.#values.set(id, values);
    return id;
  }

  result(name: string, shape: Shape): TensorId {
    return this.builder.tensor(name, shape, 'f32', 'result');
  }

  forward(op: Omit<OpInstance, 'phase'>): void {
    this.builder.op('run', { ...op, phase: 'forward' } as OpInstance);
  }

  /**
   * The largest excess of |analytic - numeric| over the tolerance, for L = sum(y * dy) with random dy and every element of
   * every variable, with the place where it lies, and the largest numeric gradient.
   */
  async check(y: TensorId): Promise<{ excess: number; where: string; largest: number }> {
    const { builder } = this;
    const dyValues = new Float32Array(sizeOf(builder.shape(y)));
    this.#random.fillNormal(dyValues);
    const dy = this.constant('dy', builder.shape(y), dyValues);
    const gradients = this.#differentiable.map((id) =>
      builder.tensor(`d.${builder.spec(id).name}`, builder.shape(id), 'f32', 'result'),
    );
    appendBackward(builder, 'run', {
      seeds: [{ tensor: y, gradient: dy }],
      targets: this.#differentiable.map((tensor, i) => ({ tensor, gradient: gradients[i]! })),
    });
    const plan = builder.build();
    verifyPlan(plan);
    const executable = await referenceBackend.compile(plan);
    for (const [id, values] of this.#values) executable.write(id, values);
    executable.run('run');
    const analytic = gradients.map((id) => readF32(executable, id, builder.shape(id)));

    const loss = (): number => {
      executable.run('run');
      const values = readF32(executable, y, builder.shape(y));
      return values.reduce((sum, value, i) => sum + value * dyValues[i]!, 0);
    };
    let worst = { excess: 0, where: '' };
    let largest = 0;
    for (const [which, id] of this.#differentiable.entries()) {
      const values = this.#values.get(id)!.slice() as Float32Array;
      for (let i = 0; i < values.length; i++) {
        const middle = values[i]!;
        values[i] = middle + h;
        executable.write(id, values);
        const above = loss();
        values[i] = middle - h;
        executable.write(id, values);
        const below = loss();
        values[i] = middle;
        const numeric = (above - below) / (2 * h);
        largest = Math.max(largest, Math.abs(numeric));
        const error = Math.abs(analytic[which]![i]! - numeric);
        const excess = error / (tolerance.abs + tolerance.rel * Math.abs(numeric));
        if (!(excess <= worst.excess)) {
          worst = { excess, where: `d.${builder.spec(id).name}[${i}]: ${analytic[which]![i]} against ${numeric}` };
        }
      }
      executable.write(id, values);
    }
    return { ...worst, largest };
  }
}

function readF32(executable: Executable, id: TensorId, shape: Shape): Float32Array {
  const values = new Float32Array(sizeOf(shape));
  void executable.read(id, values);
  return values;
}
