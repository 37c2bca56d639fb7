import { resizeTaps, transposeTaps, type Taps } from '../../ops/resample.ts';
import type { GpuArray, GpuContext, GpuKernel, GpuTensor } from '../kernel.ts';
import { each } from './each.ts';

/** First pixels and counts [n, 2], and weights [n, most], of an axis. */
function tables(context: GpuContext, taps: readonly Taps[]): { ranges: GpuArray; weights: GpuArray; most: number } {
  const most = Math.max(1, ...taps.map(({ weights }) => weights.length));
  const ranges = new Int32Array(taps.length * 2);
  const weights = new Float32Array(taps.length * most);
  taps.forEach(({ first, weights: list }, i) => {
    ranges.set([first, list.length], 2 * i);
    weights.set(list, i * most);
  });
  return { ranges: context.constants(ranges), weights: context.constants(weights), most };
}

/** to[.., h, w] = sum of weights of the taps of row h and column w times from. */
function resample(
  context: GpuContext,
  label: string,
  from: GpuTensor,
  to: GpuTensor,
  rowTaps: readonly Taps[],
  columnTaps: readonly Taps[],
): void {
  const rows = tables(context, rowTaps);
  const columns = tables(context, columnTaps);
  const [height, width] = from.shape.slice(2) as [number, number];
  const [toHeight, toWidth] = to.shape.slice(2) as [number, number];
  each(context, to.size, {
    label,
    read: {
      source: from,
      rows: rows.ranges,
      row_weights: rows.weights,
      columns: columns.ranges,
      column_weights: columns.weights,
    },
    emit: { result: to },
    body: `
  let h = i / ${toWidth}u % ${toHeight}u;
  let w = i % ${toWidth}u;
  let plane = i / ${toHeight * toWidth}u * ${height}u;
  let first_row = u32(rows(2u * h));
  let first_column = u32(columns(2u * w));
  let row_count = u32(rows(2u * h + 1u));
  let column_count = u32(columns(2u * w + 1u));
  var sum = 0.0;
  for (var r = 0u; r < row_count; r++) {
    let start = (plane + first_row + r) * ${width}u + first_column;
    var line = 0.0;
    for (var c = 0u; c < column_count; c++) { line += column_weights(w * ${columns.most}u + c) * source(start + c); }
    sum += row_weights(h * ${rows.most}u + r) * line;
  }
  emit_result(i, sum);`,
  });
}

export const resize: GpuKernel<'resize'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const y = context.tensor(outputs.y);
  const taps = (axis: number): readonly Taps[] => resizeTaps(attrs.mode, x.shape[axis]!, y.shape[axis]!);
  resample(context, 'resize', x, y, taps(2), taps(3));
};

export const resizeGrad: GpuKernel<'resizeGrad'> = ({ attrs, inputs, outputs }, context) => {
  const dy = context.tensor(inputs.dy);
  const dx = context.tensor(outputs.dx);
  const taps = (axis: number): readonly Taps[] =>
    transposeTaps(resizeTaps(attrs.mode, dx.shape[axis]!, dy.shape[axis]!), dx.shape[axis]!);
  resample(context, 'resizeGrad', dy, dx, taps(2), taps(3));
};
