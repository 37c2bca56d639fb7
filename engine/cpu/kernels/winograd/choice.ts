import type { ConvShape } from '../convShape.ts';
import { taps, winogradMatrices, type WinogradMatrices } from './matrices.ts';

/**
 * F(2x2, 3x3): points 0, 1, -1 and infinity. F(4x4, 3x3): the points +-5/8 and +-3/2 keep the transforms' coefficients near 1 and
 * exact in float32; see docs/performance.md for their error beside that of other points.
 */
const small = winogradMatrices([0, 1, -1]);
const large = winogradMatrices([0, 5 / 8, -5 / 8, 3 / 2, -3 / 2]);

/** Multiply-adds that one vector of a transform counts as: its loads, stores and sums, with spilled registers. */
const transformWork = { input: (n: number) => 36 * n * n, output: (n: number) => 24 * n * n };

/** Multiply-adds of a 3x3 convolution of stride 1: directly (matrices null), or by way of the transforms. */
function work(
  channels: number,
  outChannels: number,
  height: number,
  width: number,
  matrices: WinogradMatrices | null,
): number {
  if (matrices === null) return height * width * taps * taps * channels * outChannels;
  const { m, n } = matrices;
  const tiles = Math.ceil(height / m) * Math.ceil(width / m);
  const vectors = (of: number): number => Math.ceil(of / 4);
  const transforms = vectors(channels) * transformWork.input(n) + vectors(outChannels) * transformWork.output(n);
  return tiles * (n * n * channels * outChannels + transforms);
}

/**
 * The transforms for a convolution, or null where it is computed directly: other kernels than 3x3, strides, dilation, groups, few
 * channels. `height` and `width` are those of the result (of dx for the gradient of the input).
 */
export function chooseWinograd(
  shape: ConvShape,
  channels: number,
  outChannels: number,
  height: number,
  width: number,
): WinogradMatrices | null {
  const { attrs, kernelHeight, kernelWidth } = shape;
  const isPlain = [...attrs.stride, ...attrs.dilation, attrs.groups].every((value) => value === 1);
  if (kernelHeight !== taps || kernelWidth !== taps || !isPlain) return null;
  const costs = [null, small, large].map((matrices) => ({
    matrices,
    work: work(channels, outChannels, height, width, matrices),
  }));
  return costs.reduce((a, b) => (b.work < a.work ? b : a)).matrices;
}
