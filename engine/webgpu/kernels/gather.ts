import { augmentationSize, augmentationSlot } from '../../ops/op.ts';
import type { GpuKernel } from '../kernel.ts';
import { each } from './each.ts';

/** One dispatch per place that the data set lies in: it writes the images that lie there. */
export const gatherImages: GpuKernel<'gatherImages'> = ({ inputs, outputs }, context) => {
  const pixels = context.tensor(inputs.pixels);
  const offset = context.tensor(inputs.offset);
  const scale = context.tensor(inputs.scale);
  const x = context.tensor(outputs.x);
  const size = x.size / x.shape[0]!;
  const at = (values: { readonly size: number }): string => (values.size === 1 ? '0u' : 'pixel');
  context.images(pixels, context.tensor(inputs.indices)).forEach(({ pixels, rows, stride, firstRow, count }, part) => {
    each(context, x.size, {
      label: 'gatherImages',
      read: { pixels, rows, offset, scale },
      emit: { x },
      body: `
  let row = rows(i / ${size}u);
  let pixel = i % ${size}u;
  if (row < 0) { ${part === 0 ? 'emit_x(i, 0.0); ' : ''}return; }
  if (row < ${firstRow} || row >= ${firstRow + count}) { return; }
  let centred = f32(pixels(u32(row - ${firstRow}) * ${stride}u + pixel)) - offset(${at(offset)});
  emit_x(i, centred * scale(${at(scale)}));`,
    });
  });
};

export const gatherRows: GpuKernel<'gatherRows'> = ({ inputs, outputs }, context) => {
  const x = context.tensor(outputs.x);
  const size = x.size / x.shape[0]!;
  each(context, x.size, {
    label: 'gatherRows',
    read: { rows: context.tensor(inputs.rows), indices: context.tensor(inputs.indices) },
    emit: { x },
    body: `
  let row = indices(i / ${size}u);
  if (row < 0) { emit_x(i, 0.0); return; }
  emit_x(i, rows(u32(row) * ${size}u + i % ${size}u));`,
  });
};

export const scatterRows: GpuKernel<'scatterRows'> = ({ inputs }, context) => {
  const x = context.tensor(inputs.x);
  const size = x.size / x.shape[0]!;
  each(context, x.size, {
    label: 'scatterRows',
    read: { x, indices: context.tensor(inputs.indices) },
    update: { rows: context.tensor(inputs.rows) },
    body: `
  let row = indices(i / ${size}u);
  if (row >= 0) { rows[u32(row) * ${size}u + i % ${size}u] = x(i); }`,
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

/** The four stored pixels around a place, black outside; one dispatch per place that the data set lies in. */
export const augmentImages: GpuKernel<'augmentImages'> = ({ inputs, outputs }, context) => {
  const pixels = context.tensor(inputs.pixels);
  const offset = context.tensor(inputs.offset);
  const scale = context.tensor(inputs.scale);
  const x = context.tensor(outputs.x);
  const [, , height, width] = x.shape as readonly [number, number, number, number];
  const plane = height * width;
  const size = x.size / x.shape[0]!;
  const at = (values: { readonly size: number }): string => (values.size === 1 ? '0u' : 'pixel');
  const change = (slot: keyof typeof augmentationSlot): string => `changes(own + ${augmentationSlot[slot]}u)`;
  context.images(pixels, context.tensor(inputs.indices)).forEach(({ pixels, rows, stride, firstRow, count }, part) => {
    const tap = (row: string, column: string): string =>
      `select(0.0, f32(pixels(first + u32(clamp(${row}, 0, ${height - 1}) * ${width} + clamp(${column}, 0, ${width - 1})))), ${row} >= 0 && ${row} < ${height} && ${column} >= 0 && ${column} < ${width})`;
    each(context, x.size, {
      label: 'augmentImages',
      read: {
        pixels,
        rows,
        changes: context.tensor(inputs.augmentation),
        offset,
        scale,
      },
      emit: { x },
      body: `
  let n = i / ${size}u;
  let image_row = rows(n);
  let pixel = i % ${size}u;
  let own = n * ${augmentationSize}u;
  let h = f32((pixel % ${plane}u) / ${width}u);
  let w = f32(pixel % ${width}u);
  let blank = h >= ${change('top')} && h < ${change('bottom')} && w >= ${change('left')} && w < ${change('right')};
  if (image_row < 0 || blank) { ${part === 0 ? 'emit_x(i, 0.0); ' : ''}return; }
  if (image_row < ${firstRow} || image_row >= ${firstRow + count}) { return; }
  let first = u32(image_row - ${firstRow}) * ${stride}u + pixel / ${plane}u * ${plane}u;
  let y = ${change('yy')} * h + ${change('yx')} * w + ${change('y0')};
  let across = ${change('xy')} * h + ${change('xx')} * w + ${change('x0')};
  let row = i32(floor(y));
  let column = i32(floor(across));
  let down = y - floor(y);
  let right = across - floor(across);
  let upper = mix(${tap('row', 'column')}, ${tap('row', '(column + 1)')}, right);
  let lower = mix(${tap('(row + 1)', 'column')}, ${tap('(row + 1)', '(column + 1)')}, right);
  let seen = clamp(mix(upper, lower, down) * ${change('gain')} + ${change('bias')}, 0.0, 255.0);
  emit_x(i, (seen - offset(${at(offset)})) * scale(${at(scale)}));`,
    });
  });
};
