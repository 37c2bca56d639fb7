import type { GpuContext, GpuDispatch } from '../kernel.ts';

const threads = 256;

/** One invocation per value: in the body `i` (u32) counts from 0 below `count`. */
export function each(context: GpuContext, count: number, dispatch: Omit<GpuDispatch, 'threads' | 'groups'>): void {
  if (count === 0) return;
  const width = Math.min(threads, context.limits.maxComputeInvocationsPerWorkgroup);
  const guard = count % width === 0 ? '' : `\n  if (i >= ${count}u) { return; }`;
  context.dispatch({
    ...dispatch,
    body: `  let i = group * ${width}u + lid;${guard}\n${dispatch.body}`,
    threads: width,
    groups: Math.ceil(count / width),
  });
}
