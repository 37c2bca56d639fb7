import { effectiveKernel, windowCount } from '../ops/window.ts';
import type { Shape } from '../tensor.ts';
import type { LayerInput, LayerWindow, ShapeFault } from './layer.ts';
import type { Pads, Pair } from './props.ts';

/** Largest kernel, stride, dilation and padding that a form or document may ask for. */
export const largestExtent = 1024;

export const paddingOptions = [
  { value: 'valid', label: 'None (valid)' },
  { value: 'same', label: 'Same size (same)' },
  { value: 'explicit', label: 'By numbers (explicit)' },
] as const;
export type Padding = (typeof paddingOptions)[number]['value'];

/** The three properties that every sliding window shares. */
export const paddingProps = {
  padding: {
    kind: 'choice',
    label: 'Padding',
    help: 'valid: none. same: kernel - 1 in all, the odd pixel at the bottom and right; with stride 1 the size stays.',
    options: paddingOptions,
    default: 'valid',
  },
  pads: {
    kind: 'pads',
    label: 'Pads',
    help: 'Rows and columns added at top, left, bottom and right.',
    unit: 'px',
    when: { prop: 'padding', is: 'explicit' },
    default: [0, 0, 0, 0],
    min: 0,
    max: largestExtent,
  },
} as const;

/** Pads in pixels. "same" follows PyTorch for odd kernels, at any stride; even kernels pad one more at the bottom and right. */
export function padsOf(padding: Padding, pads: Pads, kernel: Pair, dilation: Pair = [1, 1]): Pads {
  if (padding === 'explicit') return pads;
  if (padding === 'valid') return [0, 0, 0, 0];
  const rows = effectiveKernel(kernel[0], dilation[0]) - 1;
  const columns = effectiveKernel(kernel[1], dilation[1]) - 1;
  const top = Math.floor(rows / 2);
  const left = Math.floor(columns / 2);
  return [top, left, rows - top, columns - left];
}

/** Height and width behind a window, or why it does not fit. */
export function slide(window: LayerWindow, input: LayerInput, self: string): Pair | ShapeFault {
  const { kernel, stride, pads, dilation } = window;
  const [, height, width] = input.shape as [number, number, number];
  const kernelH = effectiveKernel(kernel[0], dilation[0]);
  const kernelW = effectiveKernel(kernel[1], dilation[1]);
  const rows = windowCount(height, kernelH, stride[0], pads[0], pads[2]);
  const columns = windowCount(width, kernelW, stride[1], pads[1], pads[3]);
  if (rows > 0 && columns > 0) return [rows, columns];
  const gaps = dilation[0] > 1 || dilation[1] > 1 ? ` (${kernel.join('×')} with dilation ${dilation.join('×')})` : '';
  const padded = pads.some((pad) => pad > 0)
    ? ` (${height + pads[0] + pads[2]}×${width + pads[1] + pads[3]} with padding)`
    : '';
  return {
    prop: 'kernel',
    fault: `${self} looks at ${kernelH}×${kernelW} pixels${gaps}, but ${input.id} gives ${input.shape.join('×')}${padded}; use a smaller kernel, padding "same", or less pooling before it.`,
  };
}

/** "3×3", and what differs from stride 1, no padding and no dilation: "3×3, stride 2, same". */
export function describeWindow(
  kernel: Pair,
  stride: Pair,
  padding: Padding,
  pads: Pads,
  dilation: Pair = [1, 1],
): string {
  const parts = [kernel.join('×')];
  if (stride.some((each) => each !== 1)) parts.push(`stride ${both(stride)}`);
  if (dilation.some((each) => each !== 1)) parts.push(`dilation ${both(dilation)}`);
  if (padding === 'same') parts.push('same');
  if (padding === 'explicit') parts.push(`pads ${pads.join(' ')}`);
  return parts.join(', ');
}

const both = ([height, width]: Pair): string => (height === width ? `${height}` : `${height}×${width}`);

/**
 * A pooling window: the shape behind it, or why it does not fit. A window must never see padding alone. Rounded up
 * (`ceilMode`), a further window counts where it begins inside the image or the padding before it.
 */
export function pooledShape(
  window: LayerWindow,
  input: LayerInput,
  self: string,
  ceilMode: boolean,
): Shape | ShapeFault {
  const { kernel, stride, pads } = window;
  if (Math.max(pads[0], pads[2]) >= kernel[0] || Math.max(pads[1], pads[3]) >= kernel[1]) {
    return {
      prop: 'pads',
      fault: `${self} pads ${pads.join(', ')} around a ${kernel.join('×')} kernel, so a window would see padding alone; use pads smaller than the kernel.`,
    };
  }
  const size = slide(window, input, self);
  if ('fault' in size) return size;
  const extent = (axis: 0 | 1): number => {
    const padded = input.shape[axis + 1]! + pads[axis] + pads[axis + 2]!;
    const next = size[axis] * stride[axis];
    const isRest = (padded - kernel[axis]) % stride[axis] !== 0;
    return ceilMode && isRest && next < padded - pads[axis + 2]! ? size[axis] + 1 : size[axis];
  };
  return [input.shape[0]!, extent(0), extent(1)];
}
