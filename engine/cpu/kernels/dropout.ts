import type { Expr, Local } from '../asm/func.ts';
import { randomSlot } from '../../ops/op.ts';
import { streamKind } from '../../random.ts';
import { byRow, ownRows, whole } from '../step.ts';
import { streamCost, type CpuKernel } from './kernel.ts';
import { philox } from './philox.ts';

/**
 * Philox4x32-10 for four counters at a time. The counter of a pixel's four channels is the number of their vector in
 * memory, so the bytes of four counters' words, interleaved, are 16 consecutive mask bytes.
 */
export const dropoutMask: CpuKernel<'dropoutMask'> = ({ attrs, inputs, outputs }, context) => {
  const random = context.tensor(inputs.random);
  const mask = context.tensor(outputs.mask);
  const { rows, rowSize } = mask.layout;
  const threshold = Math.round(attrs.p * 2 ** 24);
  context.step({
    kind: 'rows',
    name: 'dropoutMask',
    rows,
    unit: 'image',
    reads: [whole(random)],
    writes: [byRow(mask)],
    cost: mask.layout.size * 4,
    emit: ({ f, module, from, to }) => {
      const fill = module.core(
        `dropoutMask ${attrs.p} ${attrs.stream}`,
        ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
        (g) => {
          const [target, first, last, step, keyLow, keyHigh] = g.params() as [
            ...[Local, Local, Local, Local, Local, Local],
          ];
          const counter = g.local('i32');
          const { words, draw } = philox(g, {
            index: counter,
            step,
            stream: attrs.stream,
            kind: streamKind.dropout,
            keyLow,
            keyHigh,
          });
          g.for(counter, first, last, 4, () => {
            draw();
            const bytes = words.map((word, lane) =>
              g.v.and(g.vi.geS(g.vi.shrU(word, 8), g.ivec(threshold)), g.ivec(1 << (8 * lane))),
            );
            const [b0, b1, b2, b3] = bytes as [Expr, Expr, Expr, Expr];
            g.store(g.i32.add(target, g.i32.shl(counter, 2)), 0, g.v.or(g.v.or(b0, b1), g.v.or(b2, b3)));
          });
        },
      );
      const word = (slot: number): Expr => f.loadI32(random.buffer.address + 4 * slot);
      const [first, last] = [from, to].map((row) => f.i32.mul(row, rowSize / 4)) as [Expr, Expr];
      f.run(
        f.call(
          fill,
          ...[mask.buffer.address, first, last],
          ...[word(randomSlot.step), word(randomSlot.seedLow), word(randomSlot.seedHigh)],
        ),
      );
    },
  });
};

/** y = mask ? x * scale : 0, with a mask per element or, [N, C], per channel. */
export const dropout: CpuKernel<'dropout'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const mask = context.tensor(inputs.mask);
  const y = context.tensor(outputs.y);
  const { rows, rowSize, pixel } = y.layout;
  const perChannel = mask.shape.length < x.shape.length;
  const types = ['i32', 'i32', 'i32', 'i32'] as const;
  context.step({
    kind: 'rows',
    name: 'dropout',
    rows,
    unit: 'image',
    reads: [ownRows(x), ownRows(mask)],
    writes: [ownRows(y)],
    cost: streamCost(10 * y.layout.size),
    emit: ({ f, module, from, to, address }) => {
      const core = module.core(`dropout ${attrs.scale} ${perChannel ? pixel : ''}`, types, (g) => {
        const [source, keep, target, size] = g.params() as [Local, Local, Local, Local];
        const [i, c] = g.locals('i32', 2) as [Local, Local];
        const kept = (at: Expr): Expr => g.vi.ne(g.vi.widenLowU16(g.vi.widenLowU8(g.loadOne(at))), g.ivec(0));
        const vector = (at: Expr, of: Expr): void => {
          const scaled = g.v.mul(g.load(g.i32.add(source, at)), g.vec(attrs.scale));
          g.store(g.i32.add(target, at), 0, g.v.and(scaled, of));
        };
        if (!perChannel) {
          g.for(i, 0, size, 4, () => vector(g.i32.shl(i, 2), kept(g.i32.add(keep, i))));
          return;
        }
        const keeps = g.local('v128');
        g.for(c, 0, pixel, 4, () => {
          g.set(keeps, kept(g.i32.add(keep, c)));
          g.for(i, c, size, pixel, () => vector(g.i32.shl(i, 2), keeps));
        });
      });
      const size = f.i32.mul(f.i32.sub(to, from), rowSize);
      f.run(f.call(core, address(x), address(mask), address(y), size));
    },
  });
};
