import type { Expr, Func, Local } from '../asm/func.ts';
import { randomSlot } from '../../ops/op.ts';
import { streamKind } from '../../random.ts';
import { byRow, ownRows, whole } from '../step.ts';
import { eachElement } from './batchNorm.ts';
import { scalarCost, streamCost, type CpuKernel } from './kernel.ts';
import { emitLog1p, emitLogFrom1, horner } from './math.ts';
import { philox } from './philox.ts';

/** sin(x) = x + x^3 p(x^2) on |x| <= pi / 2: Taylor's series; the first term left out is below 6e-8. */
const sineSeries = [-1 / 39916800, 1 / 362880, -1 / 5040, 1 / 120, -1 / 6];

/** u in [0, 1) from the upper 24 bits, exact. */
function uniform(f: Func, word: Expr): Expr {
  return f.v.mul(f.v.convertU(f.vi.shrU(word, 8)), f.vec(2 ** -24));
}

function signed(f: Func, word: Expr): Expr {
  return f.v.sub(f.v.mul(uniform(f, word), f.vec(2)), f.vec(1));
}

/** target = cos(2 pi u) for u in [0, 1): a sine of less than a quarter turn, as cos(2 pi u) = sin(2 pi (|u - 1/2| - 1/4)). */
function emitCosineOfTurns(f: Func, target: Local, u: Expr, spare: Local): void {
  const turn = f.v.sub(f.v.abs(f.v.sub(u, f.vec(0.5))), f.vec(0.25));
  f.set(target, f.v.mul(turn, f.vec(2 * Math.PI)));
  f.set(spare, f.v.mul(target, target));
  f.set(target, f.madd(f.v.mul(spare, target), horner(f, sineSeries, spare), target));
}

/**
 * target = -ln(1 - u) for u in [0, 1): where u is small as ln(1 + u / (1 - u)), which keeps its digits, else as
 * ln(1 / (1 - u)).
 */
function emitMinusLog(f: Func, target: Local, u: Expr, spares: readonly [Local, Local, Local]): void {
  const [x, y, z] = spares;
  f.set(x, f.v.div(f.vec(1), f.v.sub(f.vec(1), u)));
  emitLogFrom1(f, target, x, [y, z]);
  emitLog1p(f, y, f.v.pmin(f.v.mul(x, u), f.vec(1)), z);
  f.set(target, f.v.select(y, target, f.v.lt(u, f.vec(0.5))));
}

/** Four channels at a time: a vector of draws for the step, one for each image. */
export const noise: CpuKernel<'noise'> = ({ attrs, inputs, outputs }, context) => {
  const random = context.tensor(inputs.random);
  const scale = context.tensor(outputs.scale);
  const shift = context.tensor(outputs.shift);
  const { rows, rowSize } = scale.layout;
  const { stream, meanRange, largestScale, meanSpread, scaleSpread } = attrs;
  context.step({
    kind: 'rows',
    name: 'noise',
    rows,
    unit: 'image',
    reads: [whole(random)],
    writes: [byRow(scale), byRow(shift)],
    cost: scalarCost(scale.layout.size * 60),
    emit: ({ f, module, from }) => {
      const key = `noise ${[stream, meanRange, largestScale, meanSpread, scaleSpread, rowSize].join(' ')}`;
      const core = module.core(key, ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], (g) => {
        const [row, step, keyLow, keyHigh, scales, shifts] = g.params() as [
          ...[Local, Local, Local, Local, Local, Local],
        ];
        const [c, index, at] = g.locals('i32', 3) as [Local, Local, Local];
        const [mean, spread, radius, x, y, z] = g.locals('v128', 6) as [...[Local, Local, Local, Local, Local, Local]];
        const { words, draw } = philox(g, { index, step, stream, kind: streamKind.noise, keyLow, keyHigh });
        const [first, second, third] = words as readonly [Local, Local, Local, Local];
        g.for(c, 0, rowSize, 4, () => {
          g.set(index, c);
          draw();
          g.set(mean, g.v.mul(signed(g, first), g.vec(meanRange)));
          g.set(spread, g.v.add(g.v.mul(uniform(g, second), g.vec(largestScale - 1)), g.vec(1)));
          g.set(at, g.i32.add(g.i32.mul(row, rowSize), c));
          g.set(index, g.i32.add(at, rowSize));
          draw();
          g.set(at, g.i32.shl(at, 2));
          g.store(g.i32.add(at, shifts), 0, g.v.add(mean, g.v.mul(signed(g, first), g.vec(meanSpread))));
          emitMinusLog(g, radius, uniform(g, second), [x, y, z]);
          emitCosineOfTurns(g, x, uniform(g, third), y);
          const normal = g.v.mul(g.v.sqrt(g.v.mul(radius, g.vec(2))), x);
          g.store(g.i32.add(at, scales), 0, g.v.add(spread, g.v.mul(normal, g.vec(scaleSpread))));
        });
      });
      const word = (slot: number): Expr => f.loadI32(random.buffer.address + 4 * slot);
      const key3 = [word(randomSlot.step), word(randomSlot.seedLow), word(randomSlot.seedHigh)];
      f.run(f.call(core, from, ...key3, scale.buffer.address, shift.buffer.address));
    },
  });
};

/** y = x * scale + shift with factors of each image's channels. */
export const scaleShift: CpuKernel<'scaleShift'> = ({ inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const scale = context.tensor(inputs.scale);
  const shift = context.optional(inputs.shift);
  const y = context.tensor(outputs.y);
  const { rows, rowSize, pixel } = x.layout;
  context.step({
    kind: 'rows',
    name: 'scaleShift',
    rows,
    unit: 'image',
    reads: [ownRows(x), ownRows(scale), ...(shift ? [ownRows(shift)] : [])],
    writes: [ownRows(y)],
    cost: streamCost(8 * x.layout.size),
    emit: ({ f, module, address }) => {
      const key = `scaleShift ${rowSize} ${pixel} ${shift !== undefined}`;
      const core = module.core(key, ['i32', 'i32', 'i32', 'i32'], (g) => {
        const [source, target, factors, summands] = g.params() as [Local, Local, Local, Local];
        const load = (of: Local) => (c: Expr, offset: number) => g.load(g.i32.add(of, c), offset);
        const loads = [load(factors), ...(shift ? [load(summands)] : [])];
        eachElement(g, rowSize, pixel, loads, (element, offset, values) => {
          const [factor, summand] = values as readonly [Expr, Expr | undefined];
          const value = g.load(g.i32.add(source, element), offset);
          g.store(
            g.i32.add(target, element),
            offset,
            summand ? g.madd(value, factor, summand) : g.v.mul(value, factor),
          );
        });
      });
      f.run(f.call(core, address(x), address(y), address(scale), shift ? address(shift) : 0));
    },
  });
};
