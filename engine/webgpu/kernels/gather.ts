import type { GpuKernel } from '../kernel.ts';
import { each } from './each.ts';

/** One dispatch per part of the data set: it writes the images that the part has. */
export const gatherImages: GpuKernel<'gatherImages'> = ({ inputs, outputs }, context) => {
  const pixels = context.tensor(inputs.pixels);
  const offset = context.tensor(inputs.offset);
  const scale = context.tensor(inputs.scale);
  const x = context.tensor(outputs.x);
  const size = x.size / x.shape[0]!;
  const at = (values: { readonly size: number }): string => (values.size === 1 ? '0u' : 'pixel');
  context.chunks(pixels).forEach(({ array, firstRow, rows }, part) => {
    each(context, x.size, {
      label: 'gatherImages',
      read: { pixels: array, indices: context.tensor(inputs.indices), offset, scale },
      write: { x },
      body: `
  let image = indices(i / ${size}u);
  let pixel = i % ${size}u;
  if (image < 0) { ${part === 0 ? 'x[i] = 0.0; ' : ''}return; }
  if (image < ${firstRow} || image >= ${firstRow + rows}) { return; }
  let centred = f32(pixels(u32(image - ${firstRow}) * ${size}u + pixel)) - offset(${at(offset)});
  x[i] = centred * scale(${at(scale)});`,
    });
  });
};

export const gatherLabels: GpuKernel<'gatherLabels'> = ({ inputs, outputs }, context) => {
  const target = context.tensor(outputs.target);
  context.chunks(context.tensor(inputs.labels)).forEach(({ array, firstRow, rows }, part) => {
    each(context, target.size, {
      label: 'gatherLabels',
      read: { labels: array, indices: context.tensor(inputs.indices) },
      write: { classes: target },
      body: `
  let image = indices(i);
  if (image < 0) { ${part === 0 ? 'classes[i] = -1; ' : ''}return; }
  if (image < ${firstRow} || image >= ${firstRow + rows}) { return; }
  classes[i] = i32(labels(u32(image - ${firstRow})));`,
    });
  });
};
