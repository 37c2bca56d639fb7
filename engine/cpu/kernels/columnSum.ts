import type { Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';
import { byRow, ownRows, whole, type Buffer, type KernelContext, type Placed } from '../step.ts';
import { streamCost } from './kernel.ts';

/** sum(source, target): target[c] = sum of `pixels` vectors, `pixel` floats apart, for four channels. */
function sumCore(module: Module, pixels: number, pixel: number): Func {
  return module.core(`columnSum ${pixels} ${pixel}`, ['i32', 'i32'], (f) => {
    const [source, target] = f.params() as [Local, Local];
    const i = f.local('i32');
    const sum = f.local('v128');
    f.set(sum, f.vec(0));
    f.for(i, 0, pixels, 1, () => {
      f.set(sum, f.v.add(sum, f.load(source)));
      f.inc(source, 4 * pixel);
    });
    f.store(target, 0, sum);
  });
}

/**
 * sums[c] = sum over rows and pixels of x[..., c], in order: the gradient of a bias. Images are summed one by one, while
 * they are in the cache, and then their sums.
 */
export function columnSum(context: KernelContext, x: Placed, sums: Placed): void {
  const { rows, rowSize, pixel } = x.layout;
  const pixels = rowSize / pixel;
  let source: Buffer = x.buffer;
  if (pixels > 1) {
    const perRow = context.workspace(`${x.spec.name} sums`, 4 * rows * pixel);
    context.step({
      kind: 'rows',
      name: 'columnSum rows',
      rows,
      unit: 'image',
      reads: [ownRows(x)],
      writes: [byRow(perRow)],
      cost: streamCost(4 * x.layout.size),
      emit: ({ f, module, from, address }) => {
        const core = sumCore(module, pixels, pixel);
        const c = f.local('i32');
        f.for(c, 0, 4 * pixel, 16, () => {
          const target = f.i32.add(f.i32.mul(from, 4 * pixel), perRow.address);
          f.run(f.call(core, f.i32.add(c, address(x)), f.i32.add(c, target)));
        });
      },
    });
    source = perRow;
  }
  context.step({
    kind: 'tasks',
    name: 'columnSum',
    count: pixel / 4,
    reads: [whole(source)],
    writes: [whole(sums)],
    cost: streamCost(4 * rows * pixel),
    emit: ({ f, module, task }) => {
      const at = f.i32.mul(task, 16);
      const core = sumCore(module, rows, pixel);
      f.run(f.call(core, f.i32.add(at, source.address), f.i32.add(at, sums.buffer.address)));
    },
  });
}
