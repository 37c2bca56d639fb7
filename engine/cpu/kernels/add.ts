import { elementwise } from './elementwise.ts';
import type { CpuKernel } from './kernel.ts';

export const add: CpuKernel<'add'> = ({ inputs, outputs }, context) => {
  elementwise(context, {
    key: 'add',
    inputs: [context.tensor(inputs.a), context.tensor(inputs.b)],
    output: context.tensor(outputs.y),
    body: (f, [a, b]) => f.v.add(a!, b!),
  });
};
