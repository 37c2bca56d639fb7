import { randomSlot } from '../../ops/op.ts';
import type { GpuKernel } from '../kernel.ts';
import { each } from './each.ts';

export const record: GpuKernel<'record'> = ({ inputs }, context) => {
  const history = context.tensor(inputs.history);
  const slots = history.shape[0]!;
  const width = inputs.values.length;
  // history, random and a few values fit the bindings that every adapter has
  const most = context.limits.maxStorageBuffersPerShaderStage - 2;
  for (let begin = 0; begin < width; begin += most) {
    const values = inputs.values.slice(begin, begin + most).map((id) => context.tensor(id));
    each(context, 1, {
      label: 'record',
      read: {
        random: context.tensor(inputs.random),
        ...Object.fromEntries(values.map((value, j) => [`value${j}`, value])),
      },
      update: { history },
      body: `
  let row = bitcast<u32>(random(${randomSlot.step}u)) % ${slots}u * ${width}u;
${values.map((_, j) => `  history[row + ${begin + j}u] = value${j}(0u);`).join('\n')}`,
    });
  }
};
