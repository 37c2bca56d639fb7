import type { Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';
import { pad4 } from '../layout.ts';
import { ownRows, whole, type KernelContext, type Placed } from '../step.ts';
import { convCore, type ConvSpec } from './convCore.ts';
import { convFlops, type ConvShape, type Padded } from './convShape.ts';
import { panelCount } from './gemm.ts';
import { flopCost, streamCost } from './kernel.ts';
import { packedSize } from './microkernel.ts';
import { isPaddedInPlace, padCore } from './padImage.ts';

/**
 * Along one axis the pixels first, first + stride, ... of dx. Only every stride-th tap of the window reaches them, so that their
 * gradient is a convolution of stride 1 over dy with `taps` taps, the last of the window first.
 */
export interface GradPhase {
  readonly first: number;
  readonly count: number;
  /** Taps of the window, in the order of that convolution. */
  readonly taps: readonly number[];
  /** Pixels of zeros before dy that its first output looks at; negative where it begins inside dy. */
  readonly lead: number;
}

export function gradPhases(extent: number, kernel: number, stride: number, pad: number): GradPhase[] {
  return Array.from({ length: Math.min(stride, extent) }, (_, first) => {
    const start = (first + pad) % stride;
    const taps: number[] = [];
    for (let tap = start; tap < kernel; tap += stride) taps.unshift(tap);
    const lead = taps.length - 1 - Math.floor((first + pad) / stride);
    return { first, count: Math.ceil((extent - first) / stride), taps, lead };
  });
}

/** The image of dy with zeros around it that serves all phases of an axis. */
function extentOf(phases: readonly GradPhase[]): { lead: number; extent: number } {
  const active = phases.filter(({ taps }) => taps.length > 0);
  const lead = Math.max(...active.map((phase) => phase.lead));
  const extent = Math.max(...active.map((phase) => lead - phase.lead + phase.count - 1 + phase.taps.length));
  return { lead, extent };
}

/** packTaps(source, target, panel): as packTurned, but of the given taps only, in their order. */
function packTapsCore(module: Module, taps: readonly number[], channels: number, outChannels: number): Func {
  const row = pad4(outChannels);
  return module.core(`packTaps ${taps.join()} ${channels} ${outChannels}`, ['i32', 'i32', 'i32'], (f) => {
    const [source, target, panel] = f.params() as [Local, Local, Local];
    const [out, from] = f.locals('i32', 2) as [Local, Local];
    f.inc(source, f.i32.mul(panel, 32 * row));
    f.inc(target, f.i32.mul(panel, 32 * taps.length * outChannels));
    const copy = (present: number): void => {
      const width = pad4(present);
      for (const tap of taps) {
        f.set(from, f.i32.add(source, tap * 4 * channels * row));
        f.for(out, 0, outChannels, 1, () => {
          for (let i = 0; i < width; i++) {
            f.storeF32(target, 4 * i, i < present ? f.loadF32(from, 4 * i * row) : f.float(0));
          }
          f.inc(from, 4);
          f.inc(target, 4 * width);
        });
      }
    };
    const last = channels % 8;
    if (last === 0) copy(8);
    else
      f.if(
        f.i32.eq(panel, channels >> 3),
        () => copy(last),
        () => copy(8),
      );
  });
}

/** The gradient of the input of a strided convolution without dilation, phase by phase: no product with the zeros between dy. */
export function stridedGradInput(
  context: KernelContext,
  shape: ConvShape,
  dy: Placed,
  weight: Placed,
  dx: Placed,
): void {
  const { attrs, channels, outChannels, kernelWidth } = shape;
  const down = gradPhases(shape.height, shape.kernelHeight, attrs.stride[0], attrs.pads[0]);
  const across = gradPhases(shape.width, kernelWidth, attrs.stride[1], attrs.pads[1]);
  const rows = extentOf(down);
  const columns = extentOf(across);
  const padded: Padded = {
    ...{ height: rows.extent, width: columns.extent, top: rows.lead, left: columns.lead },
    ...{ spreadHeight: 1, spreadWidth: 1 },
  };
  context.needScratch(4 * padded.height * padded.width * dy.layout.pixel);
  let floats = 0;
  const parts = down.flatMap((vertical) =>
    across.map((horizontal) => {
      const taps = vertical.taps.flatMap((h) => horizontal.taps.map((w) => h * kernelWidth + w));
      const part = { vertical, horizontal, taps, at: 4 * floats };
      floats += packedSize(taps.length * outChannels, channels);
      return part;
    }),
  );
  const active = parts.filter(({ taps }) => taps.length > 0);
  const packed = context.workspace(`${weight.spec.name} phases`, 4 * floats);
  context.step({
    kind: 'tasks',
    name: 'conv2dGradInput pack',
    count: panelCount(channels),
    reads: [whole(weight)],
    writes: [whole(packed)],
    cost: streamCost(4 * packed.bytes),
    emit: ({ f, module, task }) => {
      for (const { taps, at } of active) {
        const pack = packTapsCore(module, taps, channels, outChannels);
        f.run(f.call(pack, weight.buffer.address, packed.address + at, task));
      }
    },
  });
  const { pixel } = dx.layout;
  context.step({
    kind: 'rows',
    name: 'conv2dGradInput phases',
    rows: shape.rows,
    unit: 'image',
    reads: [ownRows(dy), whole(packed)],
    writes: [ownRows(dx)],
    cost: flopCost(convFlops(shape)),
    emit: ({ f, module, scratch, address }) => {
      const source = address(dy);
      const inPlace = isPaddedInPlace(shape.outHeight, shape.outWidth, padded);
      const image = inPlace ? source : scratch;
      if (!inPlace) {
        const pad = padCore(module, shape.outHeight, shape.outWidth, dy.layout.pixel, padded);
        f.run(f.call(pad, source, scratch));
      }
      if (active.length < parts.length) f.zero(address(dx), 4 * dx.layout.rowSize);
      for (const { vertical, horizontal, at } of active) {
        const spec: ConvSpec = {
          channels: outChannels,
          pixel: dy.layout.pixel,
          width: padded.width,
          outHeight: vertical.count,
          outWidth: horizontal.count,
          vectors: pad4(channels) / 4,
          outPixel: attrs.stride[1] * pixel,
          outRow: attrs.stride[0] * shape.width * pixel,
          kernelHeight: vertical.taps.length,
          kernelWidth: horizontal.taps.length,
          ...{ strideHeight: 1, strideWidth: 1, dilationHeight: 1, dilationWidth: 1 },
        };
        const skipped = (rows.lead - vertical.lead) * padded.width + columns.lead - horizontal.lead;
        const from = f.i32.add(image, 4 * dy.layout.pixel * skipped);
        const to = f.i32.add(address(dx), 4 * pixel * (vertical.first * shape.width + horizontal.first));
        f.run(f.call(convCore(module, spec, false), from, packed.address + at, to, 0));
      }
    },
  });
}
