import type { Expr, Local } from '../asm/func.ts';
import { ownRows, whole, type Placed } from '../step.ts';
import { emitVectorLoop } from './elementwise.ts';
import { streamCost, type CpuKernel } from './kernel.ts';

/** Row after row; with a shift the other row is another image's, so that all of them must be there. */
export const mixRows: CpuKernel<'mixRows'> = ({ attrs, inputs, outputs }, context) => {
  const a = context.tensor(inputs.a);
  const b = context.tensor(inputs.b);
  const weight = context.tensor(inputs.weight);
  const y = context.tensor(outputs.y);
  const { rows, rowSize } = y.layout;
  const { shift } = attrs;
  const reads = [a, b].map((tensor) => (shift === 0 ? ownRows(tensor) : whole(tensor)));
  context.step({
    kind: 'rows',
    name: 'mixRows',
    rows,
    unit: 'image',
    reads: [...reads, whole(weight)],
    writes: [ownRows(y)],
    cost: streamCost(12 * y.layout.size),
    emit: ({ f, module, from, address }) => {
      const core = module.core('mixRows', ['i32', 'i32', 'i32', 'i32', 'i32'], (g) => {
        const [own, other, target, part, bytes] = g.params() as [Local, Local, Local, Local, Local];
        const at = g.local('i32');
        const [lambda, second] = g.locals('v128', 2) as [Local, Local];
        g.set(lambda, g.loadSplat(part));
        emitVectorLoop(g, at, bytes, 1, (offset) => {
          g.set(second, g.load(g.i32.add(other, at), offset));
          const difference = g.v.sub(g.load(g.i32.add(own, at), offset), second);
          g.store(g.i32.add(target, at), offset, g.v.add(second, g.v.mul(lambda, difference)));
        });
      });
      const row = (of: Placed, number: Expr): Expr => f.i32.add(f.i32.mul(number, 4 * rowSize), of.buffer.address);
      if (shift === 0) {
        f.run(f.call(core, address(a), address(b), address(y), weight.buffer.address, 4 * rowSize));
        return;
      }
      const partner = f.local('i32');
      f.set(partner, f.i32.add(from, shift));
      f.set(partner, f.choose(f.i32.ltU(partner, rows), partner, f.i32.sub(partner, rows)));
      f.run(f.call(core, row(a, from), row(b, partner), address(y), weight.buffer.address, 4 * rowSize));
    },
  });
};
