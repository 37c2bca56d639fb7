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

/** A row of products x[from + i * step] * weight[tap], which belong to y[to + i], for i below `count`. */
type VisitRow = (from: number, step: number, tap: number, to: number, count: number) => void;

/**
 * Calls `visit` for every product x * weight that belongs to y, row by row of y: for all n, o, channel and kernel position.
 * The three passes of a convolution are the same products, summed into y, x's gradient or the weight's gradient.
 */
function forEachRow(e: Extents, attrs: ConvAttrs, visit: VisitRow): void {
  const [strideH, strideW] = attrs.stride;
  const [dilationH, dilationW] = attrs.dilation;
  const [padTop, padLeft] = attrs.pads;
  for (let n = 0; n < e.batch; n++) {
    for (let o = 0; o < e.outs; o++) {
      const firstChannel = Math.floor(o / e.groupOuts) * e.groupChannels;
      for (let c = 0; c < e.groupChannels; c++) {
        for (let kh = 0; kh < e.kernelHeight; kh++) {
          for (let kw = 0; kw < e.kernelWidth; kw++) {
            // Column ow of y reads column ow * strideW + shift of x; those outside the image are padding.
            const shift = kw * dilationW - padLeft;
            const first = Math.max(0, Math.ceil(-shift / strideW));
            const last = Math.min(e.outWidth - 1, Math.floor((e.width - 1 - shift) / strideW));
            const tap = ((o * e.groupChannels + c) * e.kernelHeight + kh) * e.kernelWidth + kw;
            for (let oh = 0; oh < e.outHeight; oh++) {
              const h = oh * strideH - padTop + kh * dilationH;
              if (h < 0 || h >= e.height) continue;
              const xRow = ((n * e.channels + firstChannel + c) * e.height + h) * e.width;
              const yRow = ((n * e.outs + o) * e.outHeight + oh) * e.outWidth;
              visit(xRow + first * strideW + shift, strideW, tap, yRow + first, last - first + 1);
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
  forEachRow(e, attrs, (from, step, tap, to, count) => {
    const factor = weight[tap]!;
    for (let i = 0; i < count; i++) sums[to + i]! += x[from + i * step]! * factor;
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
  forEachRow(e, attrs, (from, step, tap, to, count) => {
    const factor = weight[tap]!;
    for (let i = 0; i < count; i++) sums[from + i * step]! += dy[to + i]! * factor;
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
  forEachRow(e, attrs, (from, step, tap, to, count) => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += x[from + i * step]! * dy[to + i]!;
    sums[tap]! += sum;
  });
  dweight.set(sums.subarray(0, dweight.length));
  if (outputs.dbias !== undefined) {
    const plane = e.outHeight * e.outWidth;
    for (let i = 0; i < dy.length; i++) sums[dweight.length + (Math.floor(i / plane) % e.outs)]! += dy[i]!;
    tensors.f32(outputs.dbias).set(sums.subarray(dweight.length));
  }
};
