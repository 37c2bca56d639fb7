import type { LayerWindow } from './layer.ts';
import type { Pads, Pair } from './props.ts';
import { describeWindow, largestExtent, paddingProps, padsOf, type Padding } from './window.ts';

/** Properties that maximum and average pooling share. */
export const poolProps = {
  kernel: {
    kind: 'pair',
    label: 'Kernel',
    help: 'Height and width of the window.',
    unit: 'px',
    default: [2, 2],
    min: 1,
    max: largestExtent,
  },
  stride: {
    kind: 'pair',
    label: 'Stride',
    help: 'Step of the window. As large as the kernel unless you say otherwise, so that windows do not overlap.',
    unit: 'px',
    nullMeans: 'as large as the kernel',
    default: null,
    min: 1,
    max: largestExtent,
  },
  ...paddingProps,
  ceilMode: {
    kind: 'boolean',
    label: 'Round up',
    help: 'Whether a last window that reaches beyond the image counts, so that no pixel is left out.',
    default: false,
  },
} as const;

interface PoolProps {
  readonly kernel: Pair;
  readonly stride: Pair | null;
  readonly padding: Padding;
  readonly pads: Pads;
  readonly ceilMode: boolean;
}

export const poolWindow = ({ kernel, stride, padding, pads }: Omit<PoolProps, 'ceilMode'>): LayerWindow => ({
  kernel,
  stride: stride ?? kernel,
  dilation: [1, 1],
  pads: padsOf(padding, pads, kernel),
});

/** "2×2", "3×3, stride 2". */
export function describePool({ kernel, stride, padding, pads, ceilMode }: PoolProps): string {
  const usual = stride === null || (stride[0] === kernel[0] && stride[1] === kernel[1]);
  const window = describeWindow(kernel, usual ? [1, 1] : stride, padding, pads);
  return ceilMode ? `${window}, rounded up` : window;
}
