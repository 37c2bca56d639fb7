import { describe, expect, it } from 'vitest';
import { inPlaceOf, isDifferentiable } from '../../../engine/ops/index.ts';
import { inputOperands, outputOperands, withOperands } from '../../../engine/ops/operands.ts';
import { effectiveKernel, windowCount } from '../../../engine/ops/window.ts';
import type { OpInstance } from '../../../engine/plan/plan.ts';

const norm: OpInstance = {
  op: 'batchNorm',
  attrs: { momentum: null, eps: 1e-5 },
  inputs: { x: 1, gamma: undefined, runningMean: 2, runningVar: 3, batchesTracked: 4 },
  outputs: { y: 5, batchMean: 6, batchVar: 7 },
  phase: 'forward',
};
const join: OpInstance = {
  op: 'concat',
  attrs: { axis: 1 },
  inputs: { xs: [3, 1, 3] },
  outputs: { y: 9 },
  phase: 'forward',
  node: 'join',
};

describe('operands', () => {
  it('lists tensors with their slots, leaving out what is not given', () => {
    expect(inputOperands(norm).map(({ slot, tensor }) => `${slot} ${tensor}`)).toEqual([
      'x 1',
      'runningMean 2',
      'runningVar 3',
      'batchesTracked 4',
    ]);
    expect(inputOperands(join).map(({ slot, tensor }) => `${slot} ${tensor}`)).toEqual([
      'xs[0] 3',
      'xs[1] 1',
      'xs[2] 3',
    ]);
    expect(outputOperands(norm).map(({ tensor }) => tensor)).toEqual([5, 6, 7]);
  });

  it('exchanges tensors and nothing else', () => {
    expect(withOperands(join, (tensor) => tensor + 10)).toEqual({
      ...join,
      inputs: { xs: [13, 11, 13] },
      outputs: { y: 19 },
    });
  });
});

describe('op definitions', () => {
  it('name the inputs that an op changes', () => {
    expect(inPlaceOf(norm)).toEqual([2, 3, 4]);
    expect(
      inPlaceOf({ ...norm, attrs: { momentum: 0.1, eps: 1e-5 }, inputs: { x: 1, runningMean: 2, runningVar: 3 } }),
    ).toEqual([2, 3]);
    expect(inPlaceOf(join)).toEqual([]);
    const lists = { hyper: 0, parameters: [1, 2], gradients: [3, 4] };
    const update = { attrs: { momentum: 0.9, weightDecay: 0, nesterov: false }, outputs: {}, phase: 'update' } as const;
    expect(inPlaceOf({ op: 'sgdUpdate', inputs: { ...lists, velocities: [5, 6] }, ...update })).toEqual([1, 2, 5, 6]);
  });

  it('know what is differentiated', () => {
    expect(isDifferentiable(norm)).toBe(true);
    expect(
      isDifferentiable({
        op: 'gatherLabels',
        attrs: {},
        inputs: { labels: 0, indices: 1 },
        outputs: { target: 2 },
        phase: 'data',
      }),
    ).toBe(false);
  });
});

describe('windows', () => {
  it('counts positions by brute force', () => {
    for (let size = 1; size <= 9; size++) {
      for (let kernel = 1; kernel <= 4; kernel++) {
        for (let stride = 1; stride <= 3; stride++) {
          for (let before = 0; before <= 2; before++) {
            for (let after = 0; after <= 2; after++) {
              let count = 0;
              for (let at = -before; at + kernel <= size + after; at += stride) count++;
              expect(windowCount(size, kernel, stride, before, after)).toBe(count);
            }
          }
        }
      }
    }
    expect([effectiveKernel(3, 1), effectiveKernel(3, 2), effectiveKernel(1, 9)]).toEqual([3, 5, 1]);
  });
});
