import type { ConvAttrs } from '../../ops/op.ts';
import type { Placed } from '../step.ts';

/** Constants of a convolution. "Bytes from pixel to pixel" are `pixel` floats times 4. */
export interface ConvShape {
  readonly rows: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly outChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly attrs: ConvAttrs;
}

export function convShape(x: Placed, weight: Placed, y: Placed, attrs: ConvAttrs): ConvShape {
  const [rows = 1, channels = 1, height = 1, width = 1] = x.shape;
  const [outChannels = 1, , kernelHeight = 1, kernelWidth = 1] = weight.shape;
  const [, , outHeight = 1, outWidth = 1] = y.shape;
  return { rows, channels, height, width, outChannels, outHeight, outWidth, kernelHeight, kernelWidth, attrs };
}

export function convFlops(shape: ConvShape): number {
  const { rows, channels, outChannels, outHeight, outWidth, kernelHeight, kernelWidth, attrs } = shape;
  const perPixel = (2 * kernelHeight * kernelWidth * channels * outChannels) / attrs.groups;
  return rows * outHeight * outWidth * perPixel;
}

/** An image inside a larger one of zeros, where every window of a convolution lies whole. */
export interface Padded {
  readonly height: number;
  readonly width: number;
  /** Where the image starts; negative where the convolution never looks at its first pixels. */
  readonly top: number;
  readonly left: number;
  /** Pixels of the padded image from one image pixel to the next, as the gradient of a strided convolution needs. */
  readonly spreadHeight: number;
  readonly spreadWidth: number;
}

/** x as the forward convolution sees it. */
export function paddedInput(shape: ConvShape): Padded {
  const { attrs, kernelHeight, kernelWidth, outHeight, outWidth } = shape;
  return {
    height: (outHeight - 1) * attrs.stride[0] + (kernelHeight - 1) * attrs.dilation[0] + 1,
    width: (outWidth - 1) * attrs.stride[1] + (kernelWidth - 1) * attrs.dilation[1] + 1,
    top: attrs.pads[0],
    left: attrs.pads[1],
    spreadHeight: 1,
    spreadWidth: 1,
  };
}

/** dy as the convolution with the turned kernel sees it, whose result is dx. */
export function paddedGradient(shape: ConvShape): Padded {
  const { attrs, kernelHeight, kernelWidth, height, width } = shape;
  const reachHeight = (kernelHeight - 1) * attrs.dilation[0];
  const reachWidth = (kernelWidth - 1) * attrs.dilation[1];
  return {
    height: height + reachHeight,
    width: width + reachWidth,
    top: reachHeight - attrs.pads[0],
    left: reachWidth - attrs.pads[1],
    spreadHeight: attrs.stride[0],
    spreadWidth: attrs.stride[1],
  };
}
