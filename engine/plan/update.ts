import type { OpBody } from '../ops/definition.ts';
import type { TensorId } from '../ops/op.ts';
import type { GradientSettings, OptimizerSettings } from '../train/settings.ts';

export interface UpdateTensors {
  readonly hyper: TensorId;
  readonly parameters: readonly TensorId[];
  readonly gradients: readonly TensorId[];
  /** One list per name of `optimizerState`, in its order. */
  readonly state: readonly (readonly TensorId[])[];
}

/** What is done to the gradients before the optimiser sees them, in order. `norm` f32 [1] takes their length. */
export function gradientOps(
  { clip, l1 }: GradientSettings,
  { parameters, gradients }: Pick<UpdateTensors, 'parameters' | 'gradients'>,
  norm: () => TensorId,
): OpBody[] {
  if (parameters.length === 0) return [];
  const ops: OpBody[] = [];
  if (clip !== null && 'norm' in clip) {
    ops.push({
      op: 'clipGradientNorm',
      attrs: { maximum: clip.norm },
      inputs: { gradients },
      outputs: { norm: norm() },
    });
  } else if (clip !== null) {
    ops.push({ op: 'clipGradientValue', attrs: { maximum: clip.value }, inputs: { gradients }, outputs: {} });
  }
  if (l1 > 0) ops.push({ op: 'l1Penalty', attrs: { strength: l1 }, inputs: { parameters, gradients }, outputs: {} });
  return ops;
}

/** The optimiser's op. */
export function updateOp(optimizer: OptimizerSettings, tensors: UpdateTensors): OpBody {
  const { hyper, parameters, gradients, state } = tensors;
  const [first = [], second = []] = state;
  const shared = { hyper, parameters, gradients };
  switch (optimizer.kind) {
    case 'sgd': {
      const { momentum, weightDecay, nesterov } = optimizer;
      const attrs = { momentum, weightDecay, nesterov };
      return { op: 'sgdUpdate', attrs, inputs: { ...shared, velocities: first }, outputs: {} };
    }
    case 'adam': {
      const { beta1, beta2, eps, weightDecay, decoupled } = optimizer;
      const attrs = { beta1, beta2, eps, weightDecay, decoupled };
      const inputs = { ...shared, firstMoments: first, secondMoments: second };
      return { op: 'adamUpdate', attrs, inputs, outputs: {} };
    }
    case 'nadam': {
      const { beta1, beta2, eps, weightDecay } = optimizer;
      const inputs = { ...shared, firstMoments: first, secondMoments: second };
      return { op: 'nadamUpdate', attrs: { beta1, beta2, eps, weightDecay }, inputs, outputs: {} };
    }
    case 'adamax': {
      const { beta1, beta2, eps, weightDecay } = optimizer;
      const inputs = { ...shared, firstMoments: first, infinityNorms: second };
      return { op: 'adamaxUpdate', attrs: { beta1, beta2, eps, weightDecay }, inputs, outputs: {} };
    }
    case 'adagrad': {
      const { eps, weightDecay } = optimizer;
      return {
        op: 'adagradUpdate',
        attrs: { eps, weightDecay },
        inputs: { ...shared, squareSums: first },
        outputs: {},
      };
    }
    case 'rmsprop': {
      const { alpha, eps, weightDecay, momentum, centered } = optimizer;
      const attrs = { alpha, eps, weightDecay, momentum, centered };
      const averages = centered ? second : [];
      const velocities = momentum === 0 ? [] : state.at(-1)!;
      const inputs = { ...shared, squares: first, averages, velocities };
      return { op: 'rmspropUpdate', attrs, inputs, outputs: {} };
    }
  }
}
