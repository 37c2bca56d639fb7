import type { GpuArray, GpuKernel } from '../kernel.ts';
import { f32 } from '../wgsl.ts';
import { each } from './each.ts';
import { flatten, skipPadding } from './flat.ts';

export const accumulate: GpuKernel<'accumulate'> = ({ inputs }, context) => {
  for (const flat of flatten(context, [inputs.sums, inputs.values])) {
    const [sums, values] = flat.arrays as [GpuArray, GpuArray];
    each(context, flat.size, {
      label: 'accumulate',
      read: { values },
      update: { sums },
      body: '  sums[i] += values(i);',
    });
  }
};

export const takeAccumulated: GpuKernel<'takeAccumulated'> = ({ attrs, inputs }, context) => {
  for (const flat of flatten(context, [inputs.sums, inputs.values])) {
    const [sums, values] = flat.arrays as [GpuArray, GpuArray];
    each(context, flat.size, {
      label: 'takeAccumulated',
      update: { sums, values },
      body: `  values[i] = sums[i] * ${f32(attrs.scale)};\n  sums[i] = 0.0;`,
    });
  }
};

export const copy: GpuKernel<'copy'> = ({ inputs }, context) => {
  for (const flat of flatten(context, [inputs.from, inputs.to])) {
    const [source, result] = flat.arrays as [GpuArray, GpuArray];
    each(context, flat.size, {
      label: 'copy',
      read: { source, valid: flat.valid },
      update: { result },
      body: `${skipPadding(flat)}  result[i] = source(i);`,
    });
  }
};
