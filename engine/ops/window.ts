import { formatShape, type Shape } from '../tensor.ts';
import type { OpCheck } from './definition.ts';
import type { ConvAttrs, Window2d } from './op.ts';

/** Extent of a kernel with gaps of `dilation - 1` pixels between its taps. */
export const effectiveKernel = (kernel: number, dilation: number): number => (kernel - 1) * dilation + 1;

/** Positions of a window along one axis, or 0 if it does not fit: floor((size + pads - kernel) / stride) + 1. */
export function windowCount(size: number, kernel: number, stride: number, before: number, after: number): number {
  const room = size + before + after - kernel;
  return room < 0 ? 0 : Math.floor(room / stride) + 1;
}

const isCount = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least;

function checkWindowAttrs(check: OpCheck, lists: Readonly<Record<string, readonly number[]>>, least: number): boolean {
  let ok = true;
  for (const [name, values] of Object.entries(lists)) {
    if (values.every((value) => isCount(value, least))) continue;
    check.fault(`${name} is [${values.join(', ')}]; it takes whole numbers from ${least}`);
    ok = false;
  }
  return ok;
}

/** Output shape of a convolution, or undefined after telling what is wrong. x [N, C, H, W], weight [O, C/groups, kH, kW]. */
export function convOutput(check: OpCheck, attrs: ConvAttrs, x: Shape, weight: Shape): Shape | undefined {
  const { stride, pads, dilation, groups } = attrs;
  const positive = checkWindowAttrs(check, { stride, dilation, groups: [groups] }, 1);
  if (!checkWindowAttrs(check, { pads }, 0) || !positive) return undefined;
  const [batch, channels, height, width] = x as [number, number, number, number];
  const [filters, perGroup, kernelH, kernelW] = weight as [number, number, number, number];
  if (perGroup * groups !== channels || filters % groups !== 0) {
    check.fault(`weight ${formatShape(weight)} does not fit x ${formatShape(x)} in ${groups} group(s)`);
    return undefined;
  }
  const outH = windowCount(height, effectiveKernel(kernelH, dilation[0]), stride[0], pads[0], pads[2]);
  const outW = windowCount(width, effectiveKernel(kernelW, dilation[1]), stride[1], pads[1], pads[3]);
  return [batch, filters, outH, outW];
}

/**
 * Checks y's shape against a pooling window over x [N, C, H, W]. y may be one longer than the windows that fit, if that last
 * window starts before the right-hand padding (an output rounded up, "ceil mode").
 */
export function checkPoolOutput(check: OpCheck, attrs: Window2d, x: Shape, y: Shape): void {
  const { kernel, stride, pads } = attrs;
  const positive = checkWindowAttrs(check, { kernel, stride }, 1);
  if (!checkWindowAttrs(check, { pads }, 0) || !positive) return;
  const rows = windowCount(x[2]!, kernel[0], stride[0], pads[0], pads[2]);
  const columns = windowCount(x[3]!, kernel[1], stride[1], pads[1], pads[3]);
  const fits = (count: number, out: number, size: number, step: number, before: number): boolean =>
    out >= 1 && (out === count || (out === count + 1 && count * step < size + before));
  if (
    y[0] !== x[0] ||
    y[1] !== x[1] ||
    !fits(rows, y[2]!, x[2]!, stride[0], pads[0]) ||
    !fits(columns, y[3]!, x[3]!, stride[1], pads[1])
  ) {
    const expected = formatShape([x[0]!, x[1]!, rows, columns]);
    check.fault(`y is ${formatShape(y)}, but pooling ${formatShape(x)} gives ${expected}`);
  }
}
