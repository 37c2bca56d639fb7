import { whole, type Buffer, type KernelContext, type Placed } from '../step.ts';
import { streamCost } from './kernel.ts';

/** target[i] = sum over slices of parts[slice][i], in order of the slices. */
export function sumSlices(context: KernelContext, parts: Buffer, slices: number, target: Placed): void {
  const bytes = 4 * target.layout.size;
  const block = 16_384;
  context.step({
    kind: 'tasks',
    name: 'sumSlices',
    count: Math.ceil(bytes / block),
    reads: [whole(parts)],
    writes: [whole(target)],
    cost: streamCost(bytes * (slices + 1)),
    emit: ({ f, task }) => {
      const at = f.local('i32');
      const end = f.local('i32');
      const sum = f.local('v128');
      f.set(end, f.i32.mul(f.i32.add(task, 1), block));
      f.set(end, f.choose(f.i32.ltU(end, bytes), end, bytes));
      f.for(at, f.i32.mul(task, block), end, 16, () => {
        f.set(sum, f.load(at, parts.address));
        for (let slice = 1; slice < slices; slice++)
          f.set(sum, f.v.add(sum, f.load(at, parts.address + slice * bytes)));
        f.store(at, target.buffer.address, sum);
      });
    },
  });
}
