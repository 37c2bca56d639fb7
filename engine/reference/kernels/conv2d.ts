import type { ConvAttrs } from '../../ops/op.ts';
import type { Shape } from '../../tensor.ts';
import type { ReferenceKernel } from '../kernel.ts';

/** Extents of a convolution: x [N, C, H, W], weight [O, C/groups, kH, kW], y [N, O, yH, yW]. */
interface Extents {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly outs: number;
  readonly groupChannels: number;
  readonly groupOuts: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

function extentsOf(x: Shape, weight: Shape, y: Shape, groups: number): Extents {
  return {
    batch: x[0]!,
    channels: x[1]!,
    height: x[2]!,
    width: x[3]!,
    outs: y[1]!,
    groupChannels: weight[1]!,
    groupOuts: y[1]! / groups,
    kernelHeight: weight[2]!,
    kernelWidth: weight[3]!,
    outHeight: y[2]!,
    outWidth: y[3]!,
  };
}

/**
 * Calls `visit` with the flat positions (in x, weight, y) of every product x * weight that belongs to y: for all
 * n, o, row and column of y, then channel and kernel position. The three passes of a convolution are the same
 * products, summed into y, x's gradient or the weight's gradient.
 */
function forEachProduct(e: Extents, attrs: ConvAttrs, visit: (x: number, weight: number, y: number) => void): void {
  const [strideH, strideW] = attrs.stride;
  const [dilationH, dilationW] = attrs.dilation;
  const [padTop, padLeft] = attrs.pads;
  for (let n = 0; n < e.batch; n++) {
    for (let o = 0; o < e.outs; o++) {
      const firstChannel = Math.floor(o / e.groupOuts) * e.groupChannels;
      for (let oh = 0; oh < e.outHeight; oh++) {
        for (let ow = 0; ow < e.outWidth; ow++) {
          const y = ((n * e.outs + o) * e.outHeight + oh) * e.outWidth + ow;
          for (let c = 0; c < e.groupChannels; c++) {
            for (let kh = 0; kh < e.kernelHeight; kh++) {
              const h = oh * strideH - padTop + kh * dilationH;
              if (h < 0 || h >= e.height) continue;
              for (let kw = 0; kw < e.kernelWidth; kw++) {
                const w = ow * strideW - padLeft + kw * dilationW;
                if (w < 0 || w >= e.width) continue;
                const x = ((n * e.channels + firstChannel + c) * e.height + h) * e.width + w;
                const weight = ((o * e.groupChannels + c) * e.kernelHeight + kh) * e.kernelWidth + kw;
                visit(x, weight, y);
              }
            }
          }
        }
      }
    }
  }
}

export const conv2d: ReferenceKernel<'conv2d'> = (instance, tensors) => {
  const { attrs, inputs, outputs } = instance;
  const x = tensors.f32(inputs.x);
  const weight = tensors.f32(inputs.weight);
  const y = tensors.f32(outputs.y);
  const e = extentsOf(tensors.shape(inputs.x), tensors.shape(inputs.weight), tensors.shape(outputs.y), attrs.groups);
  const sums = tensors.scratch(instance, y.length);
  forEachProduct(e, attrs, (xAt, weightAt, yAt) => {
    sums[yAt]! += x[xAt]! * weight[weightAt]!;
  });
  if (inputs.bias !== undefined) {
    const bias = tensors.f32(inputs.bias);
    const plane = e.outHeight * e.outWidth;
    for (let i = 0; i < sums.length; i++) sums[i]! += bias[Math.floor(i / plane) % e.outs]!;
  }
  y.set(sums);
};

export const conv2dGradInput: ReferenceKernel<'conv2dGradInput'> = (instance, tensors) => {
  const { attrs, inputs, outputs } = instance;
  const dy = tensors.f32(inputs.dy);
  const weight = tensors.f32(inputs.weight);
  const dx = tensors.f32(outputs.dx);
  const e = extentsOf(tensors.shape(outputs.dx), tensors.shape(inputs.weight), tensors.shape(inputs.dy), attrs.groups);
  const sums = tensors.scratch(instance, dx.length);
  forEachProduct(e, attrs, (xAt, weightAt, yAt) => {
    sums[xAt]! += dy[yAt]! * weight[weightAt]!;
  });
  dx.set(sums);
};

export const conv2dGradWeight: ReferenceKernel<'conv2dGradWeight'> = (instance, tensors) => {
  const { attrs, inputs, outputs } = instance;
  const x = tensors.f32(inputs.x);
  const dy = tensors.f32(inputs.dy);
  const dweight = tensors.f32(outputs.dweight);
  const e = extentsOf(tensors.shape(inputs.x), tensors.shape(outputs.dweight), tensors.shape(inputs.dy), attrs.groups);
  const sums = tensors.scratch(instance, dweight.length + e.outs);
  forEachProduct(e, attrs, (xAt, weightAt, yAt) => {
    sums[weightAt]! += x[xAt]! * dy[yAt]!;
  });
  dweight.set(sums.subarray(0, dweight.length));
  if (outputs.dbias !== undefined) {
    const plane = e.outHeight * e.outWidth;
    for (let i = 0; i < dy.length; i++) sums[dweight.length + (Math.floor(i / plane) % e.outs)]! += dy[i]!;
    tensors.f32(outputs.dbias).set(sums.subarray(dweight.length));
  }
};
