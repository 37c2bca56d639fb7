import { hyperSize, hyperSlot } from '../../../engine/ops/op.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import { fillHyper } from '../../../engine/train/optimizers.ts';
import type { OptimizerSettings } from '../../../engine/train/settings.ts';
import type { GoldenCase } from '../cases.ts';
import type { Output } from '../compare.ts';
import { Unsupported } from '../errors.ts';
import { Trial } from '../trial.ts';
import { booleanOf, inputOf, numberOf, numbersOf } from './adapter.ts';
import type { GroupAdapter } from './adapter.ts';

/** The optimiser that a case's op and attributes describe; also used for those of training runs. */
export function optimizerOf(golden: GoldenCase): OptimizerSettings {
  const common = () => ({ learningRate: numberOf(golden, 'lr'), weightDecay: numberOf(golden, 'weight_decay') });
  switch (golden.op) {
    case 'sgd':
      return {
        kind: 'sgd',
        ...common(),
        momentum: numberOf(golden, 'momentum'),
        dampening: numberOf(golden, 'dampening'),
        nesterov: booleanOf(golden, 'nesterov'),
      };
    case 'adam':
    case 'adamw':
      return {
        kind: 'adam',
        ...common(),
        beta1: numberOf(golden, 'beta1'),
        beta2: numberOf(golden, 'beta2'),
        eps: numberOf(golden, 'eps'),
        decoupled: golden.op === 'adamw',
      };
    default:
      throw new Unsupported(golden.op);
  }
}

/** Clipping is an op of its own, which the engine must have to run the case. */
export function refuseClipping(golden: GoldenCase): void {
  const { clip } = golden.attrs;
  if (clip === undefined) return;
  throw new Unsupported(
    typeof clip === 'object' && clip !== null && 'norm' in clip ? 'clip_grad_norm' : 'clip_grad_value',
  );
}

/** The step's scalars (see hyperSlot), as the case's attributes have them. */
export function fillScalars(
  golden: GoldenCase,
  settings: OptimizerSettings,
  rate: number,
  step: number,
  scalars: Float32Array,
): void {
  fillHyper(settings, rate, step, scalars);
  if (settings.kind !== 'adam' || booleanOf(golden, 'bias_correction')) return;
  // The op takes any correction; only the settings have no switch for leaving it out.
  scalars[hyperSlot.correction1] = 1;
  scalars[hyperSlot.correction2] = 1;
}

function declareUpdate(
  trial: Trial,
  settings: OptimizerSettings,
  ids: { hyper: TensorId; parameter: TensorId; gradient: TensorId },
  size: number,
): void {
  const inputs = { hyper: ids.hyper, parameters: [ids.parameter], gradients: [ids.gradient] };
  const state = (name: string): TensorId[] => [trial.tensor(`parameter.${name}`, [size], 'f32', 'optimizerState')];
  if (settings.kind === 'sgd') {
    const { momentum, weightDecay, nesterov } = settings;
    const velocities = momentum === 0 ? [] : state('velocity');
    trial.op('sgdUpdate', { momentum, weightDecay, nesterov }, { ...inputs, velocities }, {}, 'update');
  } else {
    const { beta1, beta2, eps, weightDecay, decoupled } = settings;
    const moments = { firstMoments: state('firstMoment'), secondMoments: state('secondMoment') };
    trial.op('adamUpdate', { beta1, beta2, eps, weightDecay, decoupled }, { ...inputs, ...moments }, {}, 'update');
  }
}

export const optimizers: GroupAdapter = async (golden, device) => {
  const settings = optimizerOf(golden);
  refuseClipping(golden);
  const stored = inputOf(golden, 'param');
  const grads = inputOf(golden, 'grads');
  const [steps, size] = grads.shape as [number, number];
  const rates = 'lrs' in golden.attrs ? numbersOf(golden, 'lrs') : new Array<number>(steps).fill(settings.learningRate);
  const trial = new Trial();
  const hyper = trial.tensor('hyper', [hyperSize], 'f32', 'input');
  const parameter = trial.input('parameter', stored, stored.shape, 'parameter');
  const gradient = trial.tensor('parameter.grad', stored.shape, 'f32', 'gradient');
  declareUpdate(trial, settings, { hyper, parameter, gradient }, size);

  const params = new Float32Array(steps * size);
  const scalars = new Float32Array(hyperSize);
  try {
    await trial.compile(device);
    for (let step = 0; step < steps; step++) {
      fillScalars(golden, settings, rates[step]!, step, scalars);
      trial.write(hyper, scalars);
      trial.write(gradient, (grads.data as Float32Array).slice(step * size, (step + 1) * size));
      trial.run();
      params.set((await trial.read(parameter)).data, step * size);
    }
  } finally {
    await trial.dispose();
  }
  return new Map<string, Output>([['params', { shape: [steps, size], data: params }]]);
};
