import { compareSlot } from '../../ops/op.ts';
import type { Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';
import { whole } from '../step.ts';
import { flatStep, placedList } from './flat.ts';
import { groupsOf, type Groups } from './groups.ts';
import { scalarCost, type CpuKernel } from './kernel.ts';

/** Values per task; also how the sums are cut, so the number of threads does not change them. */
const block = 8192;
/** Sums of a task: a², b², (a - b)², a b, in doubles. */
const partialBytes = 32;

/** sums(a, b, groups, target) */
function sumsCore(module: Module, { period, valid }: Groups): Func {
  return module.core(`compare ${period} ${valid}`, ['i32', 'i32', 'i32', 'i32'], (f) => {
    const [a, b, groups, target] = f.params() as [Local, Local, Local, Local];
    const [group, v] = f.locals('i32', 2) as [Local, Local];
    const [x, y, d, aa, bb, dd, ab] = f.locals('f64', 7) as [Local, Local, Local, Local, Local, Local, Local];
    f.for(group, 0, groups, 1, () => {
      f.for(v, 0, 4 * valid, 4, () => {
        f.set(x, f.f64.promote(f.loadF32(f.i32.add(a, v))));
        f.set(y, f.f64.promote(f.loadF32(f.i32.add(b, v))));
        f.set(d, f.f64.sub(x, y));
        f.set(aa, f.f64.add(aa, f.f64.mul(x, x)));
        f.set(bb, f.f64.add(bb, f.f64.mul(y, y)));
        f.set(dd, f.f64.add(dd, f.f64.mul(d, d)));
        f.set(ab, f.f64.add(ab, f.f64.mul(x, y)));
      });
      f.inc(a, 4 * period);
      f.inc(b, 4 * period);
    });
    [aa, bb, dd, ab].forEach((sum, i) => f.storeF64(target, 8 * i, sum));
  });
}

export const compare: CpuKernel<'compare'> = ({ inputs, outputs }, context) => {
  const [a, b, result] = [context.tensor(inputs.a), context.tensor(inputs.b), context.tensor(outputs.result)];
  const shape = groupsOf(a);
  const perTask = Math.max(1, Math.floor(block / shape.period));
  const count = Math.ceil(shape.groups / perTask);
  const sums = context.workspace(`${result.spec.name} sums`, partialBytes * count);
  context.step({
    kind: 'tasks',
    name: 'compare sums',
    count,
    reads: [whole(a), whole(b)],
    writes: [whole(sums)],
    cost: scalarCost(2 * a.layout.size),
    emit: ({ f, module, task }) => {
      const [first, groups] = f.locals('i32', 2) as [Local, Local];
      f.set(first, f.i32.mul(task, perTask));
      f.set(groups, f.i32.sub(shape.groups, first));
      f.set(groups, f.choose(f.i32.ltU(groups, perTask), groups, perTask));
      f.set(first, f.i32.mul(first, 4 * shape.period));
      const from = (address: number): (() => void) => f.i32.add(first, address);
      const target = f.i32.add(f.i32.mul(task, partialBytes), sums.address);
      f.run(f.call(sumsCore(module, shape), from(a.buffer.address), from(b.buffer.address), groups, target));
    },
  });
  context.step({
    kind: 'tasks',
    name: 'compare',
    count: 1,
    reads: [whole(sums)],
    writes: [whole(result)],
    cost: scalarCost(4 * count),
    emit: ({ f }) => {
      const at = f.local('i32');
      const sum = f.local('f64');
      const places = [compareSlot.normA, compareSlot.normB, compareSlot.difference, compareSlot.product];
      places.forEach((place, i) => {
        f.set(sum, f.double(0));
        f.for(at, sums.address, sums.address + partialBytes * count, partialBytes, () => {
          f.set(sum, f.f64.add(sum, f.loadF64(at, 8 * i)));
        });
        const value = place === compareSlot.product ? sum : f.f64.sqrt(sum);
        f.storeF32(result.buffer.address, 4 * place, f.f32.demote(value));
      });
    },
  });
};

export const copy: CpuKernel<'copy'> = ({ inputs }, context) => {
  flatStep(context, {
    name: 'copy',
    reads: [],
    lists: [placedList(context, inputs.from), placedList(context, inputs.to)],
    changes: [false, true],
    prepare:
      (f) =>
      ([from, to]) =>
        f.store(to!.address, to!.offset, f.load(from!.address, from!.offset)),
  });
};
