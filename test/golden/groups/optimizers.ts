import type { OpBody } from '../../../engine/ops/definition.ts';
import { hyperSize } from '../../../engine/ops/op.ts';
import { gradientOps, updateOp } from '../../../engine/plan/update.ts';
import { fillHyper, initialState, optimizerState } from '../../../engine/train/optimizers.ts';
import type { ClipSettings, OptimizerSettings } from '../../../engine/train/settings.ts';
import type { GoldenCase } from '../cases.ts';
import type { Output } from '../compare.ts';
import { GoldenDataError, Unsupported } from '../errors.ts';
import { runTrial, Trial } from '../trial.ts';
import { booleanOf, inputOf, numberOf, numbersOf } from './adapter.ts';
import type { Device, GroupAdapter } from './adapter.ts';

/** The optimiser that a case's op and attributes describe; also used for those of training runs. */
export function optimizerOf(golden: GoldenCase): OptimizerSettings {
  const number = (name: string): number => numberOf(golden, name);
  const common = () => ({ learningRate: number('lr'), weightDecay: number('weight_decay') });
  const moments = () => ({ ...common(), beta1: number('beta1'), beta2: number('beta2'), eps: number('eps') });
  switch (golden.op) {
    case 'sgd':
      return {
        kind: 'sgd',
        ...common(),
        momentum: number('momentum'),
        dampening: number('dampening'),
        nesterov: booleanOf(golden, 'nesterov'),
      };
    case 'adam':
    case 'adamw':
      return {
        kind: 'adam',
        ...moments(),
        decoupled: golden.op === 'adamw',
        biasCorrection: booleanOf(golden, 'bias_correction'),
      };
    case 'rmsprop':
      return {
        kind: 'rmsprop',
        ...common(),
        alpha: number('alpha'),
        eps: number('eps'),
        momentum: number('momentum'),
        centered: booleanOf(golden, 'centered'),
      };
    case 'adagrad':
      return {
        kind: 'adagrad',
        ...common(),
        learningRateDecay: number('lr_decay'),
        initialAccumulator: number('initial_accumulator'),
        eps: number('eps'),
      };
    case 'adamax':
      return { kind: 'adamax', ...moments() };
    case 'nadam':
      return { kind: 'nadam', ...moments(), momentumDecay: number('momentum_decay') };
    default:
      throw new Unsupported(golden.op);
  }
}

/** The clipping that a case asks for. */
export function clipOf(golden: GoldenCase): ClipSettings | null {
  const { clip } = golden.attrs;
  if (clip === undefined) return null;
  if (typeof clip === 'object' && clip !== null) {
    if ('norm' in clip && typeof clip.norm === 'number') return { norm: clip.norm };
    if ('value' in clip && typeof clip.value === 'number') return { value: clip.value };
  }
  throw new GoldenDataError(`${golden.id}: attribute "clip" is neither {"norm": n} nor {"value": v}.`);
}

function declare(trial: Trial, ops: readonly OpBody[]): void {
  for (const { op, attrs, inputs, outputs } of ops) trial.op(op, attrs, inputs, outputs, 'update');
}

/** A clipping of three gradients at once. */
function clipping(golden: GoldenCase, device: Device): Promise<Map<string, Output>> {
  const trial = new Trial();
  const gradients = [...golden.inputs].map(([name, tensor]) => trial.input(name, tensor, tensor.shape, 'gradient'));
  const clip =
    golden.op === 'clip_grad_norm' ? { norm: numberOf(golden, 'max_norm') } : { value: numberOf(golden, 'value') };
  const norm = trial.result('norm', [1]);
  declare(
    trial,
    gradientOps({ clip, l1: 0 }, { parameters: gradients, gradients }, () => norm),
  );
  return runTrial(trial, device, {
    ...('norm' in clip ? { total_norm: { id: norm, shape: [] } } : {}),
    ...Object.fromEntries(gradients.map((id, i) => [`clipped${i}`, id])),
  });
}

export const optimizers: GroupAdapter = async (golden, device) => {
  if (golden.op.startsWith('clip_grad_')) return clipping(golden, device);
  const settings = optimizerOf(golden);
  const stored = inputOf(golden, 'param');
  const grads = inputOf(golden, 'grads');
  const [steps, size] = grads.shape as [number, number];
  const rates = 'lrs' in golden.attrs ? numbersOf(golden, 'lrs') : new Array<number>(steps).fill(settings.learningRate);
  const trial = new Trial();
  const hyper = trial.tensor('hyper', [hyperSize], 'f32', 'input');
  const parameter = trial.input('parameter', stored, stored.shape, 'parameter');
  const gradient = trial.tensor('parameter.grad', stored.shape, 'f32', 'gradient');
  const start = { shape: [size], data: new Float32Array(size).fill(initialState(settings)) };
  const state = optimizerState(settings).map((name) => [
    trial.input(`parameter.${name}`, start, start.shape, 'optimizerState'),
  ]);
  const tensors = { hyper, parameters: [parameter], gradients: [gradient], state };
  const norm = (): number => trial.result('norm', [1]);
  declare(trial, [...gradientOps({ clip: clipOf(golden), l1: 0 }, tensors, norm), updateOp(settings, tensors)]);

  const params = new Float32Array(steps * size);
  const scalars = new Float32Array(hyperSize);
  try {
    await trial.compile(device);
    for (let step = 0; step < steps; step++) {
      fillHyper(settings, rates[step]!, step, scalars);
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
