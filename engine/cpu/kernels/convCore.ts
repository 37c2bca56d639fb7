import type { Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';
import {
  emitTile,
  evenTiles,
  packedRow,
  panelBytes,
  runsOf,
  tileLocals,
  tileRows,
  tileVectors,
  tileWidths,
  type Reduction,
} from './microkernel.ts';

/** A convolution of one image that lies padded in memory, as an implicit matrix product. Extents in pixels, sizes in floats. */
export interface ConvSpec {
  /** Channels that are summed over, and floats from pixel to pixel. */
  readonly channels: number;
  readonly pixel: number;
  /** Width of the padded image. */
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  /** Vectors of 4 output channels, and floats from output pixel to output pixel. */
  readonly vectors: number;
  readonly outPixel: number;
  /** Floats from output row to output row, where they do not follow one another. */
  readonly outRow?: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
}

function key(spec: ConvSpec): string {
  return Object.entries(spec).flat().join(' ');
}

/** Reduction over the window, joined where rows of pixels lie without gaps. `bStep`: bytes from weight row to weight row. */
function windowLoops(spec: ConvSpec, bStep: number): Reduction[] {
  const { channels, pixel, width, kernelHeight, kernelWidth } = spec;
  const joined = channels === pixel && spec.dilationWidth === 1;
  const inner: Reduction[] = joined
    ? [{ count: kernelWidth * channels, a: 4, b: bStep }]
    : [
        { count: kernelWidth, a: 4 * pixel * spec.dilationWidth, b: channels * bStep },
        { count: channels, a: 4, b: bStep },
      ];
  return [
    { count: kernelHeight, a: 4 * pixel * width * spec.dilationHeight, b: kernelWidth * channels * bStep },
    ...inner,
  ];
}

/** conv(x, packedWeight, y, bias): one image. `hasBias` false: bias is not read. */
export function convCore(module: Module, spec: ConvSpec, hasBias: boolean): Func {
  return module.core(`conv ${key(spec)} ${hasBias}`, ['i32', 'i32', 'i32', 'i32'], (f) => {
    const [x, weight, y, bias] = f.params() as [Local, Local, Local, Local];
    const tiles = runsOf(evenTiles(spec.outWidth, tileRows));
    const panels = runsOf(tileWidths(spec.vectors, tileVectors(module)));
    const depth = spec.kernelHeight * spec.kernelWidth * spec.channels;
    const locals = tileLocals(f, tiles[0]!.size, panels[0]!.size, 3);
    const [a, b, c, offset, biasAt] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
    f.times(spec.outHeight, () => {
      f.set(b, weight);
      f.set(offset, y);
      f.set(biasAt, bias);
      for (const { size: vectors, times } of panels) {
        f.times(times, () => {
          f.set(a, x);
          f.set(c, offset);
          for (const { size: rows, times: repeat } of tiles) {
            f.times(repeat, () => {
              const accumulators = locals.accumulators.slice(0, rows);
              for (const row of accumulators) {
                for (let v = 0; v < vectors; v++) f.set(row[v]!, hasBias ? f.load(biasAt, 16 * v) : f.vec(0));
              }
              const aRow = 4 * spec.pixel * spec.strideWidth;
              const loops = windowLoops(spec, packedRow(vectors));
              emitTile(f, { rows, vectors, aRow, loops, bPanel: panelBytes(depth) }, a, b, locals);
              accumulators.forEach((row, i) => {
                for (let v = 0; v < vectors; v++) f.store(c, 4 * i * spec.outPixel + 16 * v, row[v]!);
              });
              f.inc(a, rows * aRow);
              f.inc(c, 4 * rows * spec.outPixel);
            });
          }
          f.inc(b, depth * 16 * vectors);
          f.inc(offset, 16 * vectors);
          if (hasBias) f.inc(biasAt, 16 * vectors);
        });
      }
      f.inc(x, 4 * spec.pixel * spec.width * spec.strideHeight);
      f.inc(y, 4 * (spec.outRow ?? spec.outPixel * spec.outWidth));
    });
  });
}

/** Output rows that one pass over the weight gradient takes in: some 64 products per load and store of a sum. */
function rowsPerPass(height: number, width: number): number {
  let best = 1;
  for (let rows = 2; rows <= height && rows * width <= 64; rows++) if (height % rows === 0) best = rows;
  return best;
}

/** convGradWeight(x, dy, dweight): adds one image's part to dweight [kH, kW, channels, 4 * vectors]. */
export function convGradWeightCore(module: Module, spec: ConvSpec): Func {
  return module.core(`convGradWeight ${key(spec)}`, ['i32', 'i32', 'i32'], (f) => {
    const [x, dy, dweight] = f.params() as [Local, Local, Local];
    const { channels, pixel, width, outPixel, kernelWidth, vectors } = spec;
    const joined = channels === pixel && spec.dilationWidth === 1;
    const runLength = joined ? kernelWidth * channels : channels;
    const tiles = runsOf(evenTiles(runLength, tileRows));
    const panels = runsOf(tileWidths(vectors, tileVectors(module)));
    const locals = tileLocals(f, tiles[0]!.size, panels[0]!.size, 2);
    const pass = rowsPerPass(spec.outHeight, spec.outWidth);
    const imageRow = 4 * pixel * width;
    const loops: Reduction[] = [
      { count: pass, a: imageRow * spec.strideHeight, b: 4 * outPixel * spec.outWidth },
      { count: spec.outWidth, a: 4 * pixel * spec.strideWidth, b: 4 * outPixel },
    ];
    const [window, a, b, c, part] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
    const run = (): void => {
      for (const { size: rows, times } of tiles) {
        f.times(times, () => {
          f.set(b, dy);
          f.set(part, c);
          for (const { size: columns, times: repeat } of panels) {
            f.times(repeat, () => {
              const accumulators = locals.accumulators.slice(0, rows);
              accumulators.forEach((row, i) => {
                for (let v = 0; v < columns; v++) f.set(row[v]!, f.load(part, 16 * (i * vectors + v)));
              });
              emitTile(f, { rows, vectors: columns, aRow: 4, loops }, a, b, locals);
              accumulators.forEach((row, i) => {
                for (let v = 0; v < columns; v++) f.store(part, 16 * (i * vectors + v), row[v]!);
              });
              f.inc(b, 16 * columns);
              f.inc(part, 16 * columns);
            });
          }
          f.inc(a, 4 * rows);
          f.inc(c, 16 * rows * vectors);
        });
      }
    };
    f.times(spec.outHeight / pass, () => {
      f.set(c, dweight);
      f.set(window, x);
      f.times(spec.kernelHeight, () => {
        f.set(a, window);
        if (joined) run();
        else
          f.times(kernelWidth, () => {
            run();
            f.inc(a, 4 * (pixel * spec.dilationWidth - channels));
          });
        f.inc(window, imageRow * spec.dilationHeight);
      });
      f.inc(x, imageRow * spec.strideHeight * pass);
      f.inc(dy, 4 * outPixel * spec.outWidth * pass);
    });
  });
}

/**
 * packTurned(source, target, panel): weights [kH, kW, in, out] for the gradient of the input: panels over `in` of
 * [kH, kW, out] with the window turned by half a turn. One panel of 8 (the last maybe 4) input channels.
 */
export function packTurnedCore(
  module: Module,
  window: number,
  channels: number,
  outChannels: number,
  outPadded: number,
): Func {
  const key = `packTurned ${window} ${channels} ${outChannels} ${outPadded}`;
  return module.core(key, ['i32', 'i32', 'i32'], (f) => {
    const [source, target, panel] = f.params() as [Local, Local, Local];
    const [tap, out, from, to] = f.locals('i32', 4) as [Local, Local, Local, Local];
    f.inc(source, f.i32.mul(panel, 32 * outPadded));
    f.inc(target, f.i32.mul(panel, 32 * window * outChannels));
    const copy = (present: number): void => {
      const width = 4 * Math.ceil(present / 4);
      f.for(tap, 0, window, 1, () => {
        f.set(from, f.i32.add(source, f.i32.mul(tap, 4 * channels * outPadded)));
        f.set(to, f.i32.add(target, f.i32.mul(f.i32.sub(window - 1, tap), 4 * outChannels * width)));
        f.for(out, 0, outChannels, 1, () => {
          for (let i = 0; i < width; i++) {
            f.storeF32(to, 4 * i, i < present ? f.loadF32(from, 4 * i * outPadded) : f.float(0));
          }
          f.inc(from, 4);
          f.inc(to, 4 * width);
        });
      });
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
