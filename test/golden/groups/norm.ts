import type { ResizeMode } from '../../../engine/ops/resample.ts';
import type { Shape } from '../../../engine/tensor.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import type { GoldenCase } from '../cases.ts';
import { GoldenDataError, Unsupported } from '../errors.ts';
import type { Outputs, Trial } from '../trial.ts';
import { booleanOf, choiceOf, inputOf, numberOf, numbersOf } from './adapter.ts';

/** x, dy, y and dx in the engine's shape, and gamma, beta and their gradients where the case is affine. */
function declare(golden: GoldenCase, trial: Trial, shape: Shape, affineShape: Shape, statistics: Shape) {
  const stored = inputOf(golden, 'x').shape;
  const x = trial.input('x', inputOf(golden, 'x'), shape);
  const dy = trial.input('dy', inputOf(golden, 'dy'), shape);
  const y = trial.result('y', shape);
  const dx = trial.result('dx', shape);
  const moments = { mean: trial.result('mean', statistics), variance: trial.result('variance', statistics) };
  const outputs: Outputs = { y: { id: y, shape: stored }, dx: { id: dx, shape: stored } };
  if (!booleanOf(golden, 'affine')) return { x, dy, y, dx, moments, gamma: {}, beta: {}, gradients: {}, outputs };
  const weight = inputOf(golden, 'weight');
  const gamma = trial.input('gamma', weight, affineShape, 'parameter');
  const beta = trial.input('beta', inputOf(golden, 'bias'), affineShape, 'parameter');
  const gradients = { dgamma: trial.result('dgamma', affineShape), dbeta: trial.result('dbeta', affineShape) };
  outputs['dweight'] = { id: gradients.dgamma, shape: weight.shape };
  outputs['dbias'] = { id: gradients.dbeta, shape: weight.shape };
  return { x, dy, y, dx, moments, gamma: { gamma }, beta: { beta }, gradients, outputs };
}

/** [N, C, L] is held as images one pixel wide. */
export function groupNorm(golden: GoldenCase, trial: Trial): Outputs {
  const stored = inputOf(golden, 'x').shape;
  const attrs = { groups: numberOf(golden, 'groups'), eps: numberOf(golden, 'eps') };
  const shape = stored.length === 3 ? [...stored, 1] : stored;
  const case_ = declare(golden, trial, shape, [shape[1]!], [shape[0]!, attrs.groups]);
  const { x, dy, y, dx, moments, gamma, beta, gradients, outputs } = case_;
  trial.op('groupNorm', attrs, { x, ...gamma, ...beta }, { y, ...moments });
  trial.op('groupNormGrad', attrs, { x, dy, ...gamma, ...moments }, { dx, ...gradients }, 'backward');
  return outputs;
}

/** The engine normalises everything behind the first axis; axes in front of what the case normalises are one. */
export function layerNorm(golden: GoldenCase, trial: Trial): Outputs {
  const stored = inputOf(golden, 'x').shape;
  const normalized = numbersOf(golden, 'normalized_shape');
  if (stored.slice(-normalized.length).join() !== normalized.join()) {
    throw new GoldenDataError(`${golden.id}: normalized_shape ${normalized.join('×')} does not end x.`);
  }
  const rows = sizeOf(stored.slice(0, -normalized.length));
  const own = normalized.length === 2 ? [1, ...normalized] : normalized;
  const attrs = { eps: numberOf(golden, 'eps') };
  const case_ = declare(golden, trial, [rows, ...own], own, [rows, 1]);
  const { x, dy, y, dx, moments, gamma, beta, gradients, outputs } = case_;
  trial.op('layerNorm', attrs, { x, ...gamma, ...beta }, { y, ...moments });
  trial.op('layerNormGrad', attrs, { x, dy, ...gamma, ...moments }, { dx, ...gradients }, 'backward');
  return outputs;
}

function resample(golden: GoldenCase, trial: Trial, mode: ResizeMode): Outputs {
  const [height, width] = numbersOf(golden, 'size');
  const stored = inputOf(golden, 'x');
  const x = trial.input('x', stored);
  const dy = trial.input('dy', inputOf(golden, 'dy'));
  const y = trial.result('y', [...stored.shape.slice(0, 2), height!, width!]);
  const dx = trial.result('dx', stored.shape);
  trial.op('resize', { mode }, { x }, { y });
  trial.op('resizeGrad', { mode }, { dy }, { dx }, 'backward');
  return { y, dx };
}

export function resize(golden: GoldenCase, trial: Trial): Outputs {
  const mode = choiceOf(golden, 'mode', ['nearest', 'bilinear', 'area']);
  if (golden.attrs['align_corners'] === true) throw new Unsupported('resize with align_corners');
  const antialias = golden.attrs['antialias'] === true;
  if (antialias && mode !== 'bilinear') throw new Unsupported(`resize ${mode} with antialias`);
  return resample(golden, trial, antialias ? 'bilinearAntialias' : mode);
}

export function adaptiveAvgPool2d(golden: GoldenCase, trial: Trial): Outputs {
  return resample(golden, trial, 'area');
}
