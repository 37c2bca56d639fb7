import type { Expr, Func, Local } from '../asm/func.ts';
import type { Module } from '../asm/module.ts';
import { whole, type Buffer, type KernelContext, type Placed } from '../step.ts';
import { flatStep, placedList } from './flat.ts';
import { groupsOf, type Groups } from './groups.ts';
import { scalarCost, streamCost, type CpuKernel } from './kernel.ts';
import { clamp } from './math.ts';

/** Keeps the factor finite for gradients that are all zero. */
const normEps = 1e-6;
/** Values per task; also how the sum is cut, so the number of threads does not change it. */
const block = 8192;

/** squares(source, groups, target): two f64 partial sums of squares of so many groups. */
function squaresCore(module: Module, { period, valid }: Groups): Func {
  return module.core(`squares ${period} ${valid}`, ['i32', 'i32', 'i32'], (f) => {
    const [source, groups, target] = f.params() as [Local, Local, Local];
    const [group, v] = f.locals('i32', 2) as [Local, Local];
    const [low, high, x, part] = f.locals('v128', 4) as [Local, Local, Local, Local];
    const add = (value: Expr): void => {
      f.set(x, value);
      // in double precision: squares of float32 numbers neither overflow nor vanish there
      f.set(part, f.vd.promoteLow(x));
      f.set(low, f.vd.add(low, f.vd.mul(part, part)));
      f.set(part, f.vd.promoteLow(f.shuffle(x, x, [2, 3, 2, 3])));
      f.set(high, f.vd.add(high, f.vd.mul(part, part)));
    };
    const full = 16 * Math.floor(valid / 4);
    const rest = valid % 4;
    f.set(low, f.vec(0));
    f.set(high, f.vec(0));
    f.for(group, 0, groups, 1, () => {
      if (full === 16) add(f.load(source));
      else if (full > 0) f.for(v, source, f.i32.add(source, full), 16, () => add(f.load(v)));
      const lane = (i: number): number => (i < rest ? -1 : 0);
      if (rest > 0) add(f.v.and(f.load(source, full), f.ivec([lane(0), lane(1), lane(2), lane(3)])));
      f.inc(source, 4 * period);
    });
    f.store(target, 0, f.vd.add(low, high));
  });
}

/** Partial sums of squares of one tensor, two doubles per task. */
function squares(context: KernelContext, tensor: Placed): Buffer {
  const shape = groupsOf(tensor);
  const perTask = Math.max(1, Math.floor(block / shape.period));
  const count = Math.ceil(shape.groups / perTask);
  const sums = context.workspace(`${tensor.spec.name} squares`, 16 * count);
  context.step({
    kind: 'tasks',
    name: 'clipGradientNorm squares',
    count,
    reads: [whole(tensor)],
    writes: [whole(sums)],
    cost: streamCost(4 * tensor.layout.size),
    emit: ({ f, module, task }) => {
      const [first, groups] = f.locals('i32', 2) as [Local, Local];
      f.set(first, f.i32.mul(task, perTask));
      f.set(groups, f.i32.sub(shape.groups, first));
      f.set(groups, f.choose(f.i32.ltU(groups, perTask), groups, perTask));
      const source = f.i32.add(f.i32.mul(first, 4 * shape.period), tensor.buffer.address);
      const target = f.i32.add(f.i32.mul(task, 16), sums.address);
      f.run(f.call(squaresCore(module, shape), source, groups, target));
    },
  });
  return sums;
}

/** Squares in slices, their sum in order, then one pass that scales. */
export const clipGradientNorm: CpuKernel<'clipGradientNorm'> = ({ attrs, inputs, outputs }, context) => {
  const gradients = placedList(context, inputs.gradients);
  const norm = context.tensor(outputs.norm);
  const sums = gradients.map((gradient) => squares(context, gradient));
  const factor = context.workspace('clip factor', 16);
  context.step({
    kind: 'tasks',
    name: 'clipGradientNorm sum',
    count: 1,
    reads: sums.map((sum) => whole(sum)),
    writes: [whole(norm), whole(factor)],
    cost: scalarCost(sums.reduce((total, { bytes }) => total + bytes / 8, 8)),
    emit: ({ f }) => {
      const at = f.local('i32');
      const sum = f.local('f64');
      f.set(sum, f.double(0));
      for (const { address, bytes } of sums) {
        f.for(at, address, address + bytes, 8, () => f.set(sum, f.f64.add(sum, f.loadF64(at))));
      }
      f.set(sum, f.f64.sqrt(sum));
      f.storeF32(norm.buffer.address, 0, f.f32.demote(sum));
      const ratio = f.f64.div(f.double(attrs.maximum), f.f64.add(sum, f.double(normEps)));
      f.storeF32(factor.address, 0, f.f32.demote(f.f64.min(ratio, f.double(1))));
    },
  });
  flatStep(context, {
    name: 'clipGradientNorm',
    reads: [factor],
    lists: [gradients],
    changes: [true],
    prepare: (f) => {
      const scale = f.local('v128');
      f.set(scale, f.loadSplat(factor.address));
      return ([gradient]) => {
        const { address, offset } = gradient!;
        f.store(address, offset, f.v.mul(f.load(address, offset), scale));
      };
    },
  });
};

export const clipGradientValue: CpuKernel<'clipGradientValue'> = ({ attrs, inputs }, context) => {
  flatStep(context, {
    name: 'clipGradientValue',
    reads: [],
    lists: [placedList(context, inputs.gradients)],
    changes: [true],
    prepare:
      (f) =>
      ([gradient]) => {
        const { address, offset } = gradient!;
        f.store(address, offset, clamp(f, f.load(address, offset), -attrs.maximum, attrs.maximum));
      },
  });
};

export const l1Penalty: CpuKernel<'l1Penalty'> = ({ attrs, inputs }, context) => {
  flatStep(context, {
    name: 'l1Penalty',
    reads: [],
    lists: [placedList(context, inputs.parameters), placedList(context, inputs.gradients)],
    changes: [false, true],
    prepare: (f) => {
      const p = f.local('v128');
      return ([parameter, gradient]) => {
        const { address, offset } = gradient!;
        f.set(p, f.load(parameter!.address, parameter!.offset));
        const up = f.v.and(f.v.gt(p, f.vec(0)), f.vec(attrs.strength));
        const down = f.v.and(f.v.lt(p, f.vec(0)), f.vec(attrs.strength));
        f.store(address, offset, f.v.sub(f.v.add(f.load(address, offset), up), down));
      };
    },
  });
};
