import type { Expr, Func, Local } from '../asm/func.ts';
import type { TensorId } from '../../ops/op.ts';
import { hyperSlot } from '../../ops/op.ts';
import { whole, type KernelContext, type Placed } from '../step.ts';
import { streamCost, type CpuKernel } from './kernel.ts';
import { flush } from './math.ts';

/** Bytes per task: small enough to share a small model, large enough to stream. */
const block = 32_768;

/** Stretches of memory that all lists walk in step: usually one, the whole model. */
function stretches(lists: readonly (readonly Placed[])[]): { first: number; count: number; bytes: number }[] {
  const [parameters = []] = lists;
  const result: { first: number; count: number; bytes: number }[] = [];
  parameters.forEach((parameter, i) => {
    const last = result.at(-1);
    const follows =
      last && lists.every((list) => list[i]!.buffer.address === list[last.first]!.buffer.address + last.bytes);
    const bytes = 4 * parameter.layout.size;
    if (follows) {
      last.count++;
      last.bytes += bytes;
    } else result.push({ first: i, count: 1, bytes });
  });
  return result;
}

/** emit(f, at): updates the vectors at the addresses `at` (one per list). */
type Update = (f: Func, at: readonly { address: Expr; offset: number }[]) => void;

/** The bytes of all lists, cut into blocks; addresses are known only when code is emitted. */
function updateStep(
  context: KernelContext,
  name: string,
  hyper: Placed,
  lists: readonly (readonly Placed[])[],
  prepare: (f: Func) => Update,
): void {
  const [parameters = []] = lists;
  if (parameters.length === 0) return;
  const bytes = parameters.reduce((sum, parameter) => sum + 4 * parameter.layout.size, 0);
  const count = Math.ceil(bytes / block);
  const changed = lists.filter((_, i) => i !== 1).flat();
  context.step({
    kind: 'tasks',
    name,
    count,
    reads: [whole(hyper), ...lists.flat().map((tensor) => whole(tensor))],
    writes: changed.map((tensor) => whole(tensor)),
    cost: streamCost(bytes * (2 * lists.length - 1)),
    emit: ({ f, task }) => {
      const [from, to, low, high, at] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
      const update = prepare(f);
      f.set(from, f.i32.mul(task, block));
      f.set(to, f.i32.add(from, block));
      let start = 0;
      // Each task takes its part of every stretch that it meets.
      for (const stretch of stretches(lists)) {
        const end = start + stretch.bytes;
        const addresses = lists.map((list) => list[stretch.first]!.buffer.address - start);
        f.set(low, f.choose(f.i32.ltU(from, start), start, from));
        f.set(high, f.choose(f.i32.ltU(end, to), end, to));
        f.for(at, low, high, 16, () =>
          update(
            f,
            addresses.map((address) =>
              address >= 0 ? { address: at, offset: address } : { address: f.i32.add(at, address), offset: 0 },
            ),
          ),
        );
        start = end;
      }
    },
  });
}

function placed(context: KernelContext, ids: readonly TensorId[]): Placed[] {
  return ids.map((id) => context.tensor(id));
}

function splatHyper(f: Func, hyper: Placed, slot: number): Local {
  const local = f.local('v128');
  f.set(local, f.loadSplat(hyper.buffer.address, 4 * slot));
  return local;
}

export const sgdUpdate: CpuKernel<'sgdUpdate'> = ({ attrs, inputs }, context) => {
  const hyper = context.tensor(inputs.hyper);
  const lists = [placed(context, inputs.parameters), placed(context, inputs.gradients)];
  const withMomentum = inputs.velocities.length > 0;
  if (withMomentum) lists.push(placed(context, inputs.velocities));
  updateStep(context, 'sgdUpdate', hyper, lists, (f) => {
    const rate = splatHyper(f, hyper, hyperSlot.learningRate);
    const dampening = splatHyper(f, hyper, hyperSlot.dampening);
    const [p, g, v] = f.locals('v128', 3) as [Local, Local, Local];
    return (_, [parameter, gradient, velocity]) => {
      f.set(p, f.load(parameter!.address, parameter!.offset));
      f.set(g, f.load(gradient!.address, gradient!.offset));
      if (attrs.weightDecay !== 0) f.set(g, f.madd(f.vec(attrs.weightDecay), p, g));
      if (velocity) {
        const old = f.load(velocity.address, velocity.offset);
        f.set(v, f.madd(f.vec(attrs.momentum), old, f.v.mul(dampening, g)));
        f.set(v, flush(f, v));
        f.store(velocity.address, velocity.offset, v);
        if (attrs.nesterov) f.set(g, f.madd(f.vec(attrs.momentum), v, g));
        else f.set(g, v);
      }
      f.store(parameter!.address, parameter!.offset, f.nmadd(rate, g, p));
    };
  });
};

/** Second moments below this are squares of gradients of some 1e-19: zero beside any eps in use. */
const negligibleSquare = 1e-37;

export const adamUpdate: CpuKernel<'adamUpdate'> = ({ attrs, inputs }, context) => {
  const hyper = context.tensor(inputs.hyper);
  const lists = [inputs.parameters, inputs.gradients, inputs.firstMoments, inputs.secondMoments].map((ids) =>
    placed(context, ids),
  );
  const { beta1, beta2, eps, weightDecay, decoupled } = attrs;
  updateStep(context, 'adamUpdate', hyper, lists, (f) => {
    const rate = splatHyper(f, hyper, hyperSlot.learningRate);
    const correction1 = splatHyper(f, hyper, hyperSlot.correction1);
    const correction2 = splatHyper(f, hyper, hyperSlot.correction2);
    const [p, g, m, v] = f.locals('v128', 4) as [Local, Local, Local, Local];
    return (_, [parameter, gradient, first, second]) => {
      f.set(p, f.load(parameter!.address, parameter!.offset));
      f.set(g, f.load(gradient!.address, gradient!.offset));
      if (weightDecay !== 0) {
        if (decoupled) f.set(p, f.v.mul(p, f.nmadd(rate, f.vec(weightDecay), f.vec(1))));
        else f.set(g, f.madd(f.vec(weightDecay), p, g));
      }
      f.set(m, f.v.mul(f.load(first!.address, first!.offset), f.vec(beta1)));
      f.set(m, f.madd(g, f.vec(1 - beta1), m));
      f.set(m, flush(f, m));
      f.store(first!.address, first!.offset, m);
      f.set(v, f.v.mul(f.load(second!.address, second!.offset), f.vec(beta2)));
      f.set(v, f.madd(f.v.mul(g, g), f.vec(1 - beta2), v));
      f.set(v, f.v.andnot(v, f.v.lt(v, f.vec(negligibleSquare))));
      f.store(second!.address, second!.offset, v);
      const root = f.v.add(f.v.sqrt(f.v.mul(v, correction2)), f.vec(eps));
      f.store(parameter!.address, parameter!.offset, f.nmadd(rate, f.v.div(f.v.mul(m, correction1), root), p));
    };
  });
};
