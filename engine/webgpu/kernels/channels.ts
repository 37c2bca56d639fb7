import { sizeOf } from '../../tensor.ts';
import type { GpuArray, GpuContext, GpuTensor } from '../kernel.ts';
import { sumAll } from '../wgsl.ts';
import { each } from './each.ts';

/**
 * The values of one channel of [N, C] or [N, C, H, W], cut into slices that workgroups sum by themselves: first stage. The
 * second adds the slices up in order. What is summed in which order depends on the shape alone.
 */
export interface Channels {
  readonly channels: number;
  /** Values per channel. */
  readonly count: number;
  readonly slices: number;
  /** Values per slice; the last may have fewer. */
  readonly length: number;
  /** Declares `position(c, e)`: where value e of channel c stands. */
  readonly functions: string;
}

/** Slices of a channel at most: one invocation joins them. */
const mostSlices = 16;

export function channelsOf(context: GpuContext, { shape }: Pick<GpuTensor, 'shape'>): Channels {
  const channels = shape[1]!;
  const plane = sizeOf(shape.slice(2));
  const count = shape[0]! * plane;
  const { sumGroups, rowThreads } = context.tuning;
  const most = Math.min(mostSlices, Math.max(1, Math.ceil(count / (rowThreads * 4))));
  const wanted = Math.min(most, Math.max(1, Math.ceil(sumGroups / Math.max(channels, 1))));
  const length = Math.ceil(count / wanted);
  const slices = Math.max(1, Math.ceil(count / Math.max(length, 1)));
  const functions = `
fn position(c: u32, e: u32) -> u32 { return (e / ${plane}u * ${channels}u + c) * ${plane}u + e % ${plane}u; }`;
  return { channels, count, slices, length, functions };
}

/** Statements that every first stage begins with: which channel `c`, which part of it, and a loop over it. */
export const sliceLoop = ({ slices, length, count }: Channels, threads: number, statements: string): string => `
  for (var e = group % ${slices}u * ${length}u + lid; e < min((group % ${slices}u + 1u) * ${length}u, ${count}u); e += ${threads}u) {
    let at = position(c, e);
    ${statements}
  }`;

/** out[c] = sum over images and places of x. Two stages, or one where a channel is one slice. */
export function channelSums(context: GpuContext, label: string, x: GpuTensor, out: GpuArray): void {
  const channels = channelsOf(context, x);
  const threads = context.tuning.rowThreads;
  const single = channels.slices === 1;
  const sums = single ? out : context.workspace(channels.channels * channels.slices);
  context.dispatch({
    label,
    read: { x },
    write: { sums },
    functions: channels.functions + sumAll(context.tuning),
    body: `
  let c = group / ${channels.slices}u;
  var sum = 0.0;${sliceLoop(channels, threads, 'sum += x(at);')}
  let total = sum_all(lid, sum);
  if (lid == 0u) { sums[group] = total; }`,
    threads,
    groups: channels.channels * channels.slices,
  });
  if (single) return;
  each(context, channels.channels, {
    label: `${label} sums`,
    read: { sums },
    write: { total: out },
    body: `
  var sum = 0.0;
  for (var s = 0u; s < ${channels.slices}u; s++) { sum += sums(i * ${channels.slices}u + s); }
  total[i] = sum;`,
  });
}
