import type { Expr, Func, Local } from '../asm/func.ts';
import { ownRows, whole, type KernelContext, type Placed } from '../step.ts';
import { elementwise } from './elementwise.ts';
import { scalarCost, streamCost, type CpuKernel } from './kernel.ts';

/** Feature c * pixels + p of a row stands at p * pixel + c of an image. */
function permute(context: KernelContext, image: Placed, flat: Placed, toFlat: boolean): void {
  const source = toFlat ? image : flat;
  const target = toFlat ? flat : image;
  if (source.buffer === target.buffer) return;
  const [rows = 1, channels = 1, ...spatial] = image.shape;
  const pixels = spatial.reduce((product, extent) => product * extent, 1);
  const { layout } = image;
  if (layout.kind === 'plane' || pixels === 1) {
    elementwise(context, { key: 'copy', inputs: [source], output: target, unroll: 4, body: (_, [x]) => x! });
    return;
  }
  context.step({
    kind: 'rows',
    name: toFlat ? 'flatten' : 'flattenGrad',
    rows,
    unit: 'image',
    reads: [ownRows(source)],
    writes: [ownRows(target)],
    cost: scalarCost(layout.size),
    emit: ({ f, module, address }) => {
      const key = `permute ${pixels} ${channels} ${layout.pixel} ${toFlat}`;
      const core = module.core(key, ['i32', 'i32'], (g) => emitPermute(g, channels, pixels, layout.pixel, toFlat));
      f.run(f.call(core, address(image), address(flat)));
    },
  });
}

function emitPermute(f: Func, channels: number, pixels: number, pixel: number, toFlat: boolean): void {
  const [image, flat] = f.params() as [Local, Local];
  const [c, at] = f.locals('i32', 2) as [Local, Local];
  f.for(c, 0, 4 * channels, 4, () => {
    f.for(at, f.i32.add(image, c), f.i32.add(f.i32.add(image, c), 4 * pixels * pixel), 4 * pixel, () => {
      if (toFlat) f.storeF32(flat, 0, f.loadF32(at));
      else f.storeF32(at, 0, f.loadF32(flat));
      f.inc(flat, 4);
    });
  });
}

export const flatten: CpuKernel<'flatten'> = ({ inputs, outputs }, context) =>
  permute(context, context.tensor(inputs.x), context.tensor(outputs.y), true);

export const flattenGrad: CpuKernel<'flattenGrad'> = ({ inputs, outputs }, context) =>
  permute(context, context.tensor(outputs.dx), context.tensor(inputs.dy), false);

/** How parts stand in the joined tensor: `outer` times per row a run of floats from each part. */
interface Join {
  readonly outer: number;
  readonly run: (part: Placed) => number;
  /** Floats from one run of a part to the next. */
  readonly step: (part: Placed) => number;
}

function joinOf(whole: Placed, axis: number): Join {
  const { layout, shape } = whole;
  if (shape.length === 1) return { outer: 1, run: (part) => part.shape[0]!, step: () => 0 };
  if (axis === 0) return { outer: 1, run: (part) => part.layout.size, step: () => 0 };
  if (axis === 1) {
    return { outer: layout.rowSize / layout.pixel, run: (part) => part.shape[1]!, step: (part) => part.layout.pixel };
  }
  const outer = shape.slice(2, axis).reduce((product, extent) => product * extent, 1);
  const run = (part: Placed): number =>
    part.shape.slice(axis).reduce((product, extent) => product * extent, 1) * part.layout.pixel;
  return { outer, run, step: run };
}

/** copy `floats` floats; one function per length. */
function copyRun(f: Func, target: Expr, source: Expr, floats: number): void {
  const [i, from, to] = f.locals('i32', 3) as [Local, Local, Local];
  f.set(from, source);
  f.set(to, target);
  const vectors = 4 * (floats & ~3);
  f.for(i, 0, vectors, 16, () => f.store(f.i32.add(to, i), 0, f.load(f.i32.add(from, i))));
  for (let rest = 0; rest < floats % 4; rest++) {
    f.storeF32(to, vectors + 4 * rest, f.loadF32(from, vectors + 4 * rest));
  }
}

/** Moves parts into the joined tensor (or back). Along the batch axis it is one task, else row by row. */
function join(context: KernelContext, parts: readonly Placed[], joined: Placed, axis: number, gather: boolean): void {
  const { outer, run, step } = joinOf(joined, axis);
  const { rows } = joined.layout;
  const byBatch = axis === 0;
  const emitRow = (f: Func, address: (of: Placed) => Expr): void => {
    const turn = f.local('i32');
    let start = 0;
    for (const part of parts) {
      const floats = run(part);
      const partRow = address(part);
      const joinedRow = f.i32.add(address(joined), 4 * start);
      const joinedStep = axis === 1 ? joined.layout.pixel : parts.reduce((sum, each) => sum + run(each), 0);
      f.for(turn, 0, outer, 1, () => {
        const inPart = f.i32.add(partRow, f.i32.mul(turn, 4 * step(part)));
        const inJoined = f.i32.add(joinedRow, f.i32.mul(turn, 4 * joinedStep));
        if (gather) copyRun(f, inJoined, inPart, floats);
        else copyRun(f, inPart, inJoined, floats);
      });
      start += floats;
    }
  };
  const [sources, targets] = gather ? [parts, [joined]] : [[joined], parts];
  const cost = streamCost(8 * joined.layout.size) + 2 * rows * outer * parts.length;
  const name = gather ? 'concat' : 'concatGrad';
  if (byBatch) {
    context.step({
      kind: 'tasks',
      name,
      count: 1,
      reads: sources.map((tensor) => whole(tensor)),
      writes: targets.map((tensor) => whole(tensor)),
      cost,
      emit: ({ f }) => emitRow(f, ({ buffer }) => f.int(buffer.address)),
    });
    return;
  }
  context.step({
    kind: 'rows',
    name,
    rows,
    unit: 'image',
    reads: sources.map((tensor) => ownRows(tensor)),
    writes: targets.map((tensor) => ownRows(tensor)),
    cost,
    emit: ({ f, address }) => emitRow(f, address),
  });
}

export const concat: CpuKernel<'concat'> = ({ attrs, inputs, outputs }, context) =>
  join(
    context,
    inputs.xs.map((id) => context.tensor(id)),
    context.tensor(outputs.y),
    attrs.axis,
    true,
  );

export const concatGrad: CpuKernel<'concatGrad'> = ({ attrs, inputs, outputs }, context) =>
  join(
    context,
    outputs.dxs.map((id) => context.tensor(id)),
    context.tensor(inputs.dy),
    attrs.axis,
    false,
  );
