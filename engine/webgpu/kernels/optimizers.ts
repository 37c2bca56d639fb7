import { hyperSlot, type TensorId } from '../../ops/op.ts';
import type { GpuArray, GpuContext, GpuKernel } from '../kernel.ts';
import { f32 } from '../wgsl.ts';
import { each } from './each.ts';
import { flatten, skipPadding } from './flat.ts';

interface Update {
  readonly label: string;
  readonly hyper: TensorId;
  readonly parameters: readonly TensorId[];
  readonly gradients: readonly TensorId[];
  /** Lists of state by the name that the statements know element i under; empty ones are left out. */
  readonly state: Readonly<Record<string, readonly TensorId[]>>;
  /** Statements that turn `p` (the parameter) and `g` (the gradient), both variables, into the new `p`. */
  readonly body: string;
}

const scalar = (name: keyof typeof hyperSlot): string => `hyper(${hyperSlot[name]}u)`;

/** One dispatch over all parameters, as far as they lie in one stretch. */
function update(context: GpuContext, of: Update): void {
  const state = Object.entries(of.state).filter(([, list]) => list.length > 0);
  const lists = [of.parameters, of.gradients, ...state.map(([, list]) => list)];
  for (const flat of flatten(context, lists)) {
    const [parameter, gradient, ...rest] = flat.arrays as [GpuArray, GpuArray, ...GpuArray[]];
    each(context, flat.size, {
      label: of.label,
      read: { gradient, hyper: context.tensor(of.hyper), valid: flat.valid },
      update: { parameter, ...Object.fromEntries(state.map(([name], i) => [name, rest[i]!])) },
      body: `${skipPadding(flat)}
  var p = parameter[i];
  var g = gradient(i);
  let rate = ${scalar('learningRate')};
${of.body}
  parameter[i] = p;`,
    });
  }
}

/** g += weightDecay * p. */
const decay = (weightDecay: number): string => (weightDecay === 0 ? '' : `  g += ${f32(weightDecay)} * p;`);

export const sgdUpdate: GpuKernel<'sgdUpdate'> = ({ attrs, inputs }, context) => {
  const { momentum, weightDecay, nesterov } = attrs;
  const velocities = momentum === 0 ? [] : inputs.velocities;
  update(context, {
    ...{ label: 'sgdUpdate', hyper: inputs.hyper, parameters: inputs.parameters, gradients: inputs.gradients },
    state: { velocity: velocities },
    body: `${decay(weightDecay)}
${
  momentum === 0
    ? ''
    : `  let v = ${f32(momentum)} * velocity[i] + ${scalar('dampening')} * g;
  velocity[i] = v;
  ${nesterov ? `g += ${f32(momentum)} * v;` : 'g = v;'}`
}
  p -= rate * g;`,
  });
};

/** The moving averages that Adam and Nadam share: sets `m` and `v`. */
const moments = (beta1: number, beta2: number): string => `
  let m = ${f32(beta1)} * first[i] + ${f32(1 - beta1)} * g;
  let v = ${f32(beta2)} * second[i] + ${f32(1 - beta2)} * g * g;
  first[i] = m;
  second[i] = v;`;

export const adamUpdate: GpuKernel<'adamUpdate'> = ({ attrs, inputs }, context) => {
  const { beta1, beta2, eps, weightDecay, decoupled } = attrs;
  update(context, {
    ...{ label: 'adamUpdate', hyper: inputs.hyper, parameters: inputs.parameters, gradients: inputs.gradients },
    state: { first: inputs.firstMoments, second: inputs.secondMoments },
    body: `${decoupled ? `  p *= 1.0 - rate * ${f32(weightDecay)};` : decay(weightDecay)}${moments(beta1, beta2)}
  p -= rate * (m * ${scalar('correction1')}) / (sqrt(v * ${scalar('correction2')}) + ${f32(eps)});`,
  });
};

export const nadamUpdate: GpuKernel<'nadamUpdate'> = ({ attrs, inputs }, context) => {
  const { beta1, beta2, eps, weightDecay } = attrs;
  update(context, {
    ...{ label: 'nadamUpdate', hyper: inputs.hyper, parameters: inputs.parameters, gradients: inputs.gradients },
    state: { first: inputs.firstMoments, second: inputs.secondMoments },
    body: `${decay(weightDecay)}${moments(beta1, beta2)}
  let direction = ${scalar('gradientPart')} * g + ${scalar('correction1')} * m;
  p -= rate * direction / (sqrt(v * ${scalar('correction2')}) + ${f32(eps)});`,
  });
};

export const adamaxUpdate: GpuKernel<'adamaxUpdate'> = ({ attrs, inputs }, context) => {
  const { beta1, beta2, eps, weightDecay } = attrs;
  update(context, {
    ...{ label: 'adamaxUpdate', hyper: inputs.hyper, parameters: inputs.parameters, gradients: inputs.gradients },
    state: { first: inputs.firstMoments, infinite: inputs.infinityNorms },
    body: `${decay(weightDecay)}
  let m = ${f32(beta1)} * first[i] + ${f32(1 - beta1)} * g;
  let old = ${f32(beta2)} * infinite[i];
  let size = abs(g) + ${f32(eps)};
  // turned so that NaN passes through
  let u = select(size, old, old > size);
  first[i] = m;
  infinite[i] = u;
  p -= rate * ${scalar('correction1')} * m / u;`,
  });
};

export const adagradUpdate: GpuKernel<'adagradUpdate'> = ({ attrs, inputs }, context) => {
  update(context, {
    ...{ label: 'adagradUpdate', hyper: inputs.hyper, parameters: inputs.parameters, gradients: inputs.gradients },
    state: { square_sum: inputs.squareSums },
    body: `${decay(attrs.weightDecay)}
  let sum = square_sum[i] + g * g;
  square_sum[i] = sum;
  p -= rate * g / (sqrt(sum) + ${f32(attrs.eps)});`,
  });
};

export const rmspropUpdate: GpuKernel<'rmspropUpdate'> = ({ attrs, inputs }, context) => {
  const { alpha, eps, weightDecay, momentum, centered } = attrs;
  update(context, {
    ...{ label: 'rmspropUpdate', hyper: inputs.hyper, parameters: inputs.parameters, gradients: inputs.gradients },
    state: {
      square: inputs.squares,
      average: centered ? inputs.averages : [],
      velocity: momentum === 0 ? [] : inputs.velocities,
    },
    body: `${decay(weightDecay)}
  var v = ${f32(alpha)} * square[i] + ${f32(1 - alpha)} * g * g;
  square[i] = v;
${
  centered
    ? `  let a = ${f32(alpha)} * average[i] + ${f32(1 - alpha)} * g;
  average[i] = a;
  v -= a * a;
  // a variance; rounding may take it below 0
  v = select(v, 0.0, v < 0.0);`
    : ''
}
  var step_size = g / (sqrt(v) + ${f32(eps)});
${momentum === 0 ? '' : `  step_size += ${f32(momentum)} * velocity[i];\n  velocity[i] = step_size;`}
  p -= rate * step_size;`,
  });
};
