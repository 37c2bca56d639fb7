import type { Expr, Local } from '../asm/func.ts';
import { ownRows, whole, type Placed } from '../step.ts';
import { scalarCost, streamCost, type CpuKernel } from './kernel.ts';

/** x = (pixel - offset) * scale; planes (one channel) four pixels at a time, others one by one. */
export const gatherImages: CpuKernel<'gatherImages'> = ({ inputs, outputs }, context) => {
  const pixels = context.tensor(inputs.pixels);
  const indices = context.tensor(inputs.indices);
  const offset = context.tensor(inputs.offset);
  const scale = context.tensor(inputs.scale);
  const x = context.tensor(outputs.x);
  const [, channels = 1, ...spatial] = x.shape;
  const plane = spatial.reduce((product, extent) => product * extent, 1);
  const { rows, rowSize, pixel, kind } = x.layout;
  const isVector = kind === 'plane' || (channels % 4 === 0 && plane === 1) || x.shape.length === 2;
  const features = isVector && x.shape.length === 2 ? channels : channels * plane;
  const size = (of: Placed): number => (of.layout.size > 4 || of.shape[0] !== 1 ? 4 : 0);
  context.step({
    kind: 'rows',
    name: 'gatherImages',
    rows,
    unit: 'image',
    reads: [whole(pixels), whole(indices), whole(offset), whole(scale)],
    writes: [ownRows(x)],
    cost: scalarCost(isVector ? x.layout.size / 4 : x.layout.size),
    emit: ({ f, from, address }) => {
      const [index, target, source, i, c] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
      f.set(index, f.loadI32(f.i32.shl(from, 2), indices.buffer.address));
      f.set(target, address(x));
      f.if(
        f.i32.ltS(index, 0),
        () => f.zero(target, 4 * rowSize),
        () => {
          f.set(source, f.i32.add(f.i32.mul(index, features), pixels.buffer.address));
          const constant = (of: Placed, at: Expr): Expr =>
            size(of) === 0 ? f.int(of.buffer.address) : f.i32.add(f.i32.shl(at, 2), of.buffer.address);
          if (isVector) {
            f.for(i, 0, rowSize, 4, () => {
              const bytes = f.vi.widenLowU16(f.vi.widenLowU8(f.loadOne(f.i32.add(source, i))));
              const vector = (of: Placed): Expr =>
                size(of) === 0 ? f.loadSplat(of.buffer.address) : f.load(constant(of, i));
              const value = f.v.mul(f.v.sub(f.v.convertU(bytes), vector(offset)), vector(scale));
              f.store(f.i32.add(target, f.i32.shl(i, 2)), 0, value);
            });
            return;
          }
          f.for(i, 0, plane, 1, () => {
            f.for(c, 0, channels, 1, () => {
              const at = f.i32.add(f.i32.mul(c, plane), i);
              const byte = f.f32.convertU(f.loadU8(f.i32.add(source, at)));
              const centred = f.f32.sub(byte, f.loadF32(constant(offset, at)));
              const value = f.f32.mul(centred, f.loadF32(constant(scale, at)));
              f.storeF32(f.i32.add(target, f.i32.shl(c, 2)), 0, value);
            });
            f.inc(target, 4 * pixel);
          });
        },
      );
    },
  });
};

/** Rows are moved as they lie, padding and all. */
export const gatherRows: CpuKernel<'gatherRows'> = ({ inputs, outputs }, context) => {
  const rows = context.tensor(inputs.rows);
  const indices = context.tensor(inputs.indices);
  const x = context.tensor(outputs.x);
  const bytes = 4 * x.layout.rowSize;
  context.step({
    kind: 'rows',
    name: 'gatherRows',
    rows: x.layout.rows,
    unit: 'image',
    reads: [whole(rows), whole(indices)],
    writes: [ownRows(x)],
    cost: streamCost(8 * x.layout.size),
    emit: ({ f, from, address }) => {
      const [index, target] = f.locals('i32', 2) as [Local, Local];
      f.set(index, f.loadI32(f.i32.shl(from, 2), indices.buffer.address));
      f.set(target, address(x));
      f.if(
        f.i32.ltS(index, 0),
        () => f.zero(target, bytes),
        () => f.copy(target, f.i32.add(f.i32.mul(index, bytes), rows.buffer.address), bytes),
      );
    },
  });
};

export const scatterRows: CpuKernel<'scatterRows'> = ({ inputs }, context) => {
  const x = context.tensor(inputs.x);
  const indices = context.tensor(inputs.indices);
  const rows = context.tensor(inputs.rows);
  const bytes = 4 * x.layout.rowSize;
  context.step({
    kind: 'rows',
    name: 'scatterRows',
    rows: x.layout.rows,
    unit: 'image',
    reads: [ownRows(x), whole(indices)],
    writes: [whole(rows)],
    cost: streamCost(8 * x.layout.size),
    emit: ({ f, from, address }) => {
      const index = f.local('i32');
      f.set(index, f.loadI32(f.i32.shl(from, 2), indices.buffer.address));
      f.if(f.i32.geS(index, 0), () =>
        f.copy(f.i32.add(f.i32.mul(index, bytes), rows.buffer.address), address(x), bytes),
      );
    },
  });
};

export const gatherLabels: CpuKernel<'gatherLabels'> = ({ inputs, outputs }, context) => {
  const labels = context.tensor(inputs.labels);
  const indices = context.tensor(inputs.indices);
  const target = context.tensor(outputs.target);
  const count = indices.shape[0] ?? 1;
  context.step({
    kind: 'tasks',
    name: 'gatherLabels',
    count: 1,
    reads: [whole(labels), whole(indices)],
    writes: [whole(target)],
    cost: scalarCost(count),
    emit: ({ f }) => {
      const [at, index] = f.locals('i32', 2) as [Local, Local];
      f.for(at, 0, 4 * count, 4, () => {
        f.set(index, f.loadI32(at, indices.buffer.address));
        f.if(
          f.i32.ltS(index, 0),
          () => f.storeI32(at, target.buffer.address, -1),
          () => f.storeI32(at, target.buffer.address, f.loadU8(index, labels.buffer.address)),
        );
      });
    },
  });
};
