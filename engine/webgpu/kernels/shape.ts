import type { TensorId } from '../../ops/op.ts';
import { sizeOf } from '../../tensor.ts';
import type { GpuContext, GpuKernel, GpuTensor } from '../kernel.ts';
import { each } from './each.ts';
import { alone, type ElementwiseOf } from './elementwise.ts';

/** Nothing where both are the same memory. */
function copy(context: GpuContext, label: string, x: GpuTensor, y: GpuTensor): void {
  if (x.view === y.view) return;
  each(context, y.size, { label, read: { x }, emit: { y }, body: '  emit_y(i, x(i));' });
}

export const flatten: GpuKernel<'flatten'> = ({ inputs, outputs }, context) => {
  copy(context, 'flatten', context.tensor(inputs.x), context.tensor(outputs.y));
};

export const flattenGrad: GpuKernel<'flattenGrad'> = ({ inputs, outputs }, context) => {
  copy(context, 'flattenGrad', context.tensor(inputs.dy), context.tensor(outputs.dx));
};

export const addValue: ElementwiseOf<'add'> = ({ inputs, outputs }) => ({
  label: 'add',
  at: { a: inputs.a, b: inputs.b },
  result: outputs.y,
  value: () => 'a + b',
});
export const add = alone(addValue);

export const mixRows: GpuKernel<'mixRows'> = ({ attrs, inputs, outputs }, context) => {
  const y = context.tensor(outputs.y);
  const first = (attrs.shift * y.size) / y.shape[0]!;
  each(context, y.size, {
    label: 'mixRows',
    read: { a: context.tensor(inputs.a), b: context.tensor(inputs.b), weight: context.tensor(inputs.weight) },
    emit: { y },
    body: `
  let other = b(${first === 0 ? 'i' : `(i + ${first}u) % ${y.size}u`});
  emit_y(i, other + weight(0u) * (a(i) - other));`,
  });
};

/** Calls `visit` for each part of a whole along `axis` with WGSL for where element i of the part stands in the whole. */
function eachPart(
  context: GpuContext,
  parts: readonly TensorId[],
  whole: GpuTensor,
  axis: number,
  visit: (part: GpuTensor, position: string) => void,
): void {
  const wholeRun = sizeOf(whole.shape.slice(axis));
  let offset = 0;
  for (const id of parts) {
    const part = context.tensor(id);
    const run = sizeOf(part.shape.slice(axis));
    visit(part, `i / ${run}u * ${wholeRun}u + ${offset}u + i % ${run}u`);
    offset += run;
  }
}

export const concat: GpuKernel<'concat'> = ({ attrs, inputs, outputs }, context) => {
  const y = context.tensor(outputs.y);
  eachPart(context, inputs.xs, y, attrs.axis, (x, position) => {
    each(context, x.size, { label: 'concat', read: { x }, emit: { y }, body: `  emit_y(${position}, x(i));` });
  });
};

export const concatGrad: GpuKernel<'concatGrad'> = ({ attrs, inputs, outputs }, context) => {
  const dy = context.tensor(inputs.dy);
  eachPart(context, outputs.dxs, dy, attrs.axis, (dx, position) => {
    each(context, dx.size, { label: 'concatGrad', read: { dy }, write: { dx }, body: `  dx[i] = dy(${position});` });
  });
};
