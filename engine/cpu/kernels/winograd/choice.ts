import type { KernelContext } from '../../step.ts';
import type { ConvShape } from '../convShape.ts';
import { taps, winogradMatrices, type WinogradMatrices } from './matrices.ts';

/**
 * F(2x2, 3x3): points 0, 1, -1 and infinity. F(4x4, 3x3): the points +-5/8 and +-3/2 keep the transforms' coefficients near 1 and
 * exact in float32; see docs/precision.md for their error beside that of other points.
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

export interface WinogradWish {
  /** Channels that are summed over and those that result; for the gradient of the weights those of x and dy. */
  readonly channels: number;
  readonly outChannels: number;
  /** Of the image that is cut into tiles: y, or dx for the gradient of the input. */
  readonly height: number;
  readonly width: number;
  readonly gradWeight: boolean;
}

/**
 * The transforms for a convolution, or null where it is computed directly: other kernels than 3x3, strides, dilation, groups, few
 * channels. F(2x2) rounds no more than the direct product, but for the gradient of the weights; so 'exact' allows it elsewhere.
 */
export function chooseWinograd(
  { precision, winogradPoints }: Pick<KernelContext, 'precision' | 'winogradPoints'>,
  { attrs, kernelHeight, kernelWidth }: ConvShape,
  { channels, outChannels, height, width, gradWeight }: WinogradWish,
): WinogradMatrices | null {
  const isPlain = [...attrs.stride, ...attrs.dilation, attrs.groups].every((value) => value === 1);
  if (kernelHeight !== taps || kernelWidth !== taps || !isPlain) return null;
  if (winogradPoints) return winogradPoints.length === 0 ? null : winogradMatrices(winogradPoints);
  const tiles = precision === 'fast' ? [small, large] : gradWeight ? [] : [small];
  const costs = [null, ...tiles].map((matrices) => ({
    matrices,
    work: work(channels, outChannels, height, width, matrices),
  }));
  return costs.reduce((a, b) => (b.work < a.work ? b : a)).matrices;
}
