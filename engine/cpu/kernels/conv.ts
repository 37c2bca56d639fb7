import { pad4, type Layout } from '../layout.ts';
import {
  byRow,
  ownRows,
  emitSliceStart,
  sliceCount,
  whole,
  wholeIf,
  type KernelContext,
  type Placed,
  type RowScope,
} from '../step.ts';
import { columnSum } from './columnSum.ts';
import { convCore, convGradWeightCore, packTurnedCore, type ConvSpec } from './convCore.ts';
import { convFlops, convShape, paddedGradient, paddedInput, type ConvShape, type Padded } from './convShape.ts';
import { groupedConv, groupedConvGradInput, groupedConvGradWeight } from './groupedConv.ts';
import { packCore, panelCount } from './gemm.ts';
import { flopCost, streamCost, type CpuKernel } from './kernel.ts';
import { packedSize } from './microkernel.ts';
import { isPaddedInPlace, padCore } from './padImage.ts';
import { stridedGradInput } from './stridedGrad.ts';
import { sumSlices } from './sumSlices.ts';
import { chooseWinograd } from './winograd/choice.ts';
import { winogradConv } from './winograd/conv.ts';
import { winogradGradWeight } from './winograd/gradWeight.ts';
import type { WinogradMatrices } from './winograd/matrices.ts';

/** The image in its padded form: where it lies, if it needs no padding, else in scratch memory. */
function emitPadded(scope: RowScope, image: Placed, padded: Padded): () => void {
  const [, , height = 1, width = 1] = image.shape;
  const source = scope.address(image);
  if (isPaddedInPlace(height, width, padded)) return source;
  const { f, module, scratch } = scope;
  f.run(f.call(padCore(module, height, width, image.layout.pixel, padded), source, scratch));
  return scratch;
}

function needPadScratch(context: KernelContext, image: Placed, padded: Padded): void {
  context.needScratch(4 * padded.height * padded.width * image.layout.pixel);
}

function forwardSpec(shape: ConvShape, x: Layout, y: Layout): ConvSpec {
  const { attrs } = shape;
  return {
    channels: shape.channels,
    pixel: x.pixel,
    width: paddedInput(shape).width,
    outHeight: shape.outHeight,
    outWidth: shape.outWidth,
    vectors: pad4(shape.outChannels) / 4,
    outPixel: y.pixel,
    kernelHeight: shape.kernelHeight,
    kernelWidth: shape.kernelWidth,
    strideHeight: attrs.stride[0],
    strideWidth: attrs.stride[1],
    dilationHeight: attrs.dilation[0],
    dilationWidth: attrs.dilation[1],
  };
}

/** The transforms to convolve `image` by, or null: the direct product. A plane has no vectors of channels to transform. */
function winogradOf(
  context: KernelContext,
  shape: ConvShape,
  image: Placed,
  part: 'forward' | 'gradInput' | 'gradWeight',
): WinogradMatrices | null {
  if (image.layout.kind === 'plane') return null;
  const { channels, outChannels, height, width, outHeight, outWidth } = shape;
  const gradWeight = part === 'gradWeight';
  if (part === 'gradInput') {
    return chooseWinograd(context, shape, { channels: outChannels, outChannels: channels, height, width, gradWeight });
  }
  return chooseWinograd(context, shape, { channels, outChannels, height: outHeight, width: outWidth, gradWeight });
}

/** Implicit matrix product per image: rows are output pixels, the reduction runs over the window. */
export const conv2d: CpuKernel<'conv2d'> = (instance, context) => {
  if (instance.attrs.groups !== 1) return groupedConv(instance, context);
  const { inputs, outputs, attrs } = instance;
  const x = context.tensor(inputs.x);
  const weight = context.tensor(inputs.weight);
  const bias = context.optional(inputs.bias);
  const y = context.tensor(outputs.y);
  const shape = convShape(x, weight, y, attrs);
  const [padTop, padLeft] = attrs.pads;
  const matrices = winogradOf(context, shape, x, 'forward');
  if (matrices) {
    const filterRow = 4 * pad4(shape.outChannels);
    winogradConv(context, {
      ...{ name: 'conv2d', matrices, from: x, to: y, bias, padTop, padLeft },
      filters: weight.buffer,
      filterRow: () => filterRow,
      filterTap: () => shape.channels * filterRow,
      filterPanel: 32,
    });
    return undefined;
  }
  const depth = shape.kernelHeight * shape.kernelWidth * shape.channels;
  const padded = paddedInput(shape);
  needPadScratch(context, x, padded);
  const packed = context.workspace(`${weight.spec.name} packed`, 4 * packedSize(depth, shape.outChannels));
  context.step({
    kind: 'tasks',
    name: 'conv2d pack',
    count: panelCount(shape.outChannels),
    reads: [whole(weight)],
    writes: [whole(packed)],
    cost: streamCost(packed.bytes),
    emit: ({ f, module, task }) => {
      const pack = packCore(module, depth, pad4(shape.outChannels) / 4, 4 * pad4(shape.outChannels));
      f.run(f.call(pack, weight.buffer.address, packed.address, task));
    },
  });
  context.step({
    kind: 'rows',
    name: 'conv2d',
    rows: shape.rows,
    unit: 'image',
    reads: [ownRows(x), whole(packed), ...wholeIf(bias)],
    writes: [ownRows(y)],
    cost: flopCost(convFlops(shape)),
    emit: (scope) => {
      const { f, module } = scope;
      const core = convCore(module, forwardSpec(shape, x.layout, y.layout), bias !== undefined);
      const image = emitPadded(scope, x, padded);
      f.run(f.call(core, image, packed.address, scope.address(y), bias?.buffer.address ?? 0));
    },
  });
  return undefined;
};

/** The same product over dy, spread by the stride and padded, with the window turned by half a turn. */
export const conv2dGradInput: CpuKernel<'conv2dGradInput'> = (instance, context) => {
  if (instance.attrs.groups !== 1) return groupedConvGradInput(instance, context);
  const { inputs, outputs, attrs } = instance;
  const dy = context.tensor(inputs.dy);
  const weight = context.tensor(inputs.weight);
  const dx = context.tensor(outputs.dx);
  const shape = convShape(dx, weight, dy, attrs);
  const isStrided = attrs.stride[0] * attrs.stride[1] > 1;
  if (isStrided && attrs.dilation[0] * attrs.dilation[1] === 1) {
    return stridedGradInput(context, shape, dy, weight, dx);
  }
  const { channels, outChannels, kernelHeight, kernelWidth } = shape;
  const window = kernelHeight * kernelWidth;
  const padded = paddedGradient(shape);
  const packed = context.workspace(`${weight.spec.name} turned`, 4 * packedSize(window * outChannels, channels));
  context.step({
    kind: 'tasks',
    name: 'conv2dGradInput pack',
    count: panelCount(channels),
    reads: [whole(weight)],
    writes: [whole(packed)],
    cost: streamCost(4 * packed.bytes),
    emit: ({ f, module, task }) => {
      const pack = packTurnedCore(module, window, channels, outChannels, pad4(outChannels));
      f.run(f.call(pack, weight.buffer.address, packed.address, task));
    },
  });
  const matrices = winogradOf(context, shape, dy, 'gradInput');
  if (matrices) {
    winogradConv(context, {
      ...{ name: 'conv2dGradInput', matrices, from: dy, to: dx, bias: undefined },
      ...{ padTop: padded.top, padLeft: padded.left },
      filters: packed,
      filterRow: (width) => 16 * width,
      filterTap: (width) => 16 * width * outChannels,
      filterPanel: 32 * window * outChannels,
    });
    return undefined;
  }
  needPadScratch(context, dy, padded);
  context.step({
    kind: 'rows',
    name: 'conv2dGradInput',
    rows: shape.rows,
    unit: 'image',
    reads: [ownRows(dy), whole(packed)],
    writes: [ownRows(dx)],
    cost: flopCost(convFlops(shape) * attrs.stride[0] * attrs.stride[1]),
    emit: (scope) => {
      const { f, module } = scope;
      const spec: ConvSpec = {
        channels: outChannels,
        pixel: dy.layout.pixel,
        width: padded.width,
        outHeight: shape.height,
        outWidth: shape.width,
        vectors: pad4(channels) / 4,
        outPixel: dx.layout.pixel,
        kernelHeight,
        kernelWidth,
        strideHeight: 1,
        strideWidth: 1,
        dilationHeight: attrs.dilation[0],
        dilationWidth: attrs.dilation[1],
      };
      const image = emitPadded(scope, dy, padded);
      f.run(f.call(convCore(module, spec, false), image, packed.address, scope.address(dx), 0));
    },
  });
  return undefined;
};

/** Each slice of images sums into a gradient of its own; then the slices are added in order. */
export const conv2dGradWeight: CpuKernel<'conv2dGradWeight'> = (instance, context) => {
  const { inputs, outputs, attrs } = instance;
  const x = context.tensor(inputs.x);
  const dy = context.tensor(inputs.dy);
  const dweight = context.tensor(outputs.dweight);
  const dbias = context.optional(outputs.dbias);
  if (dbias) columnSum(context, dy, dbias);
  if (attrs.groups !== 1) return groupedConvGradWeight(instance, context);
  const shape = convShape(x, dweight, dy, attrs);
  const [padTop, padLeft] = attrs.pads;
  const matrices = winogradOf(context, shape, x, 'gradWeight');
  if (matrices) {
    winogradGradWeight(context, { matrices, x, dy, dweight, padTop, padLeft });
    return undefined;
  }
  const padded = paddedInput(shape);
  needPadScratch(context, x, padded);
  const slices = sliceCount(shape.rows);
  const bytes = 4 * dweight.layout.size;
  const parts = context.workspace(`${dweight.spec.name} slices`, slices * bytes);
  context.step({
    kind: 'rows',
    name: 'conv2dGradWeight',
    rows: shape.rows,
    unit: 'image',
    reads: [ownRows(x), ownRows(dy)],
    writes: [byRow(parts)],
    cost: flopCost(convFlops(shape)),
    emit: (scope) => {
      const { f, module, from, slice } = scope;
      const part = f.local('i32');
      f.set(part, f.i32.add(f.i32.mul(slice, bytes), parts.address));
      f.if(f.i32.eq(from, emitSliceStart(f, shape.rows, slice)), () => f.zero(part, bytes));
      const core = convGradWeightCore(module, forwardSpec(shape, x.layout, dy.layout));
      const image = emitPadded(scope, x, padded);
      f.run(f.call(core, image, scope.address(dy), part));
    },
  });
  sumSlices(context, parts, slices, dweight);
  return undefined;
};
