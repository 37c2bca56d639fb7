import { activationGradNeeds } from '../../../engine/ops/activationName.ts';
import { noise, positive, t, type Trial } from './trial.ts';

export function activationTrials(): Trial[] {
  const functions = [
    { fn: 'sigmoid' },
    { fn: 'tanh' },
    { fn: 'relu' },
    { fn: 'leakyRelu', slope: 0.2 },
    { fn: 'elu', alpha: 1.7 },
    { fn: 'elu' },
    { fn: 'selu' },
    { fn: 'gelu', approximate: 'none' },
    { fn: 'gelu', approximate: 'tanh' },
    { fn: 'silu' },
    { fn: 'softplus' },
    { fn: 'hardSwish' },
    { fn: 'mish' },
  ] as const;
  const wide = { shape: [5, 3, 7, 2], values: (i: number) => 8 * noise(2)(i) };
  return functions.flatMap((attrs): Trial[] => {
    const name = JSON.stringify(attrs);
    const needsX = activationGradNeeds[attrs.fn] === 'x';
    return [
      { name: `activation ${name}`, op: 'activation', attrs, inputs: { x: wide }, outputs: { y: t(...wide.shape) } },
      {
        name: `activationGrad ${name}`,
        op: 'activationGrad',
        attrs,
        inputs: needsX ? { x: wide, dy: t(...wide.shape) } : { y: positive(...wide.shape), dy: t(...wide.shape) },
        outputs: { dx: t(...wide.shape) },
      },
    ];
  });
}
