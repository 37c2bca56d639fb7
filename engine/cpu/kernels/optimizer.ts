import { hyperSlot, type TensorId } from '../../ops/op.ts';
import type { Expr, Func, Local } from '../asm/func.ts';
import type { KernelContext } from '../step.ts';
import { flatStep, placedList, type Place } from './flat.ts';
import type { CpuKernel } from './kernel.ts';
import { flush, negligibleFactor } from './math.ts';

type Slot = keyof typeof hyperSlot;

/** Vectors of the present place: the parameter and its gradient, as locals that may be changed. */
interface Vectors {
  readonly f: Func;
  readonly p: Local;
  readonly g: Local;
  /** Scalars of the step, in all lanes. */
  readonly hyper: Readonly<Record<Slot, Expr>>;
  /** The place in each list of state. */
  readonly state: readonly Place[];
  /** Free locals, as many as were asked for. */
  readonly spare: readonly Local[];
}

interface UpdateSpec {
  readonly name: string;
  readonly inputs: {
    readonly hyper: TensorId;
    readonly parameters: readonly TensorId[];
    readonly gradients: readonly TensorId[];
  };
  /** Lists of state; empty ones must not be among them. */
  readonly state: readonly (readonly TensorId[])[];
  readonly slots: readonly Slot[];
  readonly spare: number;
  /** Sets `p` to the new parameter and stores the new state. */
  readonly body: (vectors: Vectors) => void;
}

/** An optimiser in one pass: every value is read once and what changes is written once. */
function updateStep(context: KernelContext, { name, inputs, state, slots, spare, body }: UpdateSpec): void {
  const hyper = context.tensor(inputs.hyper);
  const lists = [inputs.parameters, inputs.gradients, ...state].map((ids) => placedList(context, ids));
  flatStep(context, {
    name,
    reads: [hyper.buffer],
    lists,
    changes: lists.map((_, i) => i !== 1),
    prepare: (f) => {
      const scalars = {} as Record<Slot, Expr>;
      for (const slot of slots) {
        const local = f.local('v128');
        f.set(local, f.loadSplat(hyper.buffer.address, 4 * hyperSlot[slot]));
        scalars[slot] = local;
      }
      const [p, g, ...rest] = f.locals('v128', 2 + spare) as [Local, Local, ...Local[]];
      return ([parameter, gradient, ...places]) => {
        f.set(p, f.load(parameter!.address, parameter!.offset));
        f.set(g, f.load(gradient!.address, gradient!.offset));
        body({ f, p, g, hyper: scalars, state: places, spare: rest });
        f.store(parameter!.address, parameter!.offset, p);
      };
    },
  });
}

/** g += weightDecay * p */
function decay({ f, p, g }: Vectors, weightDecay: number): void {
  if (weightDecay !== 0) f.set(g, f.madd(f.vec(weightDecay), p, g));
}

/** target = keep * state + (1 - keep) * value, without denormals, stored back. */
function mean(f: Func, place: Place, keep: number, value: Local, target: Local): void {
  f.set(target, f.v.mul(f.load(place.address, place.offset), f.vec(keep)));
  f.set(target, f.madd(flush(f, value), f.vec(1 - keep), target));
  f.set(target, flush(f, target));
  f.store(place.address, place.offset, target);
}

/** Second moments below this are squares of gradients of some 1e-19: zero beside any eps in use. */
const negligibleSquare = 1e-37;

/** target = keep * state + share * value^2, without denormals, stored back. */
function meanSquare(f: Func, place: Place, keep: number, share: number, value: Local, target: Local): void {
  const old = f.load(place.address, place.offset);
  f.set(target, keep === 1 ? old : f.v.mul(old, f.vec(keep)));
  const square = f.v.mul(flush(f, value, negligibleFactor), value);
  f.set(target, share === 1 ? f.v.add(square, target) : f.madd(square, f.vec(share), target));
  f.set(target, f.v.andnot(target, f.v.lt(target, f.vec(negligibleSquare))));
  f.store(place.address, place.offset, target);
}

export const sgdUpdate: CpuKernel<'sgdUpdate'> = ({ attrs, inputs }, context) => {
  const withMomentum = inputs.velocities.length > 0;
  updateStep(context, {
    name: 'sgdUpdate',
    inputs,
    state: withMomentum ? [inputs.velocities] : [],
    slots: ['learningRate', 'dampening'],
    spare: 1,
    body: (vectors) => {
      const { f, p, g, hyper, state, spare } = vectors;
      const [velocity] = state;
      const v = spare[0]!;
      decay(vectors, attrs.weightDecay);
      if (velocity) {
        const old = f.load(velocity.address, velocity.offset);
        f.set(v, f.madd(f.vec(attrs.momentum), old, f.v.mul(hyper.dampening, g)));
        f.set(v, flush(f, v));
        f.store(velocity.address, velocity.offset, v);
        if (attrs.nesterov) f.set(g, f.madd(f.vec(attrs.momentum), v, g));
        else f.set(g, v);
      }
      f.set(p, f.nmadd(hyper.learningRate, g, p));
    },
  });
};

export const adamUpdate: CpuKernel<'adamUpdate'> = ({ attrs, inputs }, context) => {
  const { beta1, beta2, eps, weightDecay, decoupled } = attrs;
  updateStep(context, {
    name: 'adamUpdate',
    inputs,
    state: [inputs.firstMoments, inputs.secondMoments],
    slots: ['learningRate', 'correction1', 'correction2'],
    spare: 2,
    body: (vectors) => {
      const { f, p, g, hyper, state, spare } = vectors;
      const [first, second] = state as readonly [Place, Place];
      const [m, v] = spare as readonly [Local, Local];
      if (!decoupled) decay(vectors, weightDecay);
      else if (weightDecay !== 0) f.set(p, f.v.mul(p, f.nmadd(hyper.learningRate, f.vec(weightDecay), f.vec(1))));
      mean(f, first, beta1, g, m);
      meanSquare(f, second, beta2, 1 - beta2, g, v);
      const root = f.v.add(f.v.sqrt(f.v.mul(v, hyper.correction2)), f.vec(eps));
      f.set(p, f.nmadd(hyper.learningRate, f.v.div(f.v.mul(m, hyper.correction1), root), p));
    },
  });
};

export const nadamUpdate: CpuKernel<'nadamUpdate'> = ({ attrs, inputs }, context) => {
  const { beta1, beta2, eps, weightDecay } = attrs;
  updateStep(context, {
    name: 'nadamUpdate',
    inputs,
    state: [inputs.firstMoments, inputs.secondMoments],
    slots: ['learningRate', 'gradientPart', 'correction1', 'correction2'],
    spare: 2,
    body: (vectors) => {
      const { f, p, g, hyper, state, spare } = vectors;
      const [first, second] = state as readonly [Place, Place];
      const [m, v] = spare as readonly [Local, Local];
      decay(vectors, weightDecay);
      mean(f, first, beta1, g, m);
      meanSquare(f, second, beta2, 1 - beta2, g, v);
      const root = f.v.add(f.v.sqrt(f.v.mul(v, hyper.correction2)), f.vec(eps));
      const direction = f.madd(hyper.gradientPart, g, f.v.mul(m, hyper.correction1));
      f.set(p, f.nmadd(hyper.learningRate, f.v.div(direction, root), p));
    },
  });
};

export const adamaxUpdate: CpuKernel<'adamaxUpdate'> = ({ attrs, inputs }, context) => {
  const { beta1, beta2, eps, weightDecay } = attrs;
  updateStep(context, {
    name: 'adamaxUpdate',
    inputs,
    state: [inputs.firstMoments, inputs.infinityNorms],
    slots: ['learningRate', 'correction1'],
    spare: 2,
    body: (vectors) => {
      const { f, p, g, hyper, state, spare } = vectors;
      const [first, infinity] = state as readonly [Place, Place];
      const [m, u] = spare as readonly [Local, Local];
      decay(vectors, weightDecay);
      mean(f, first, beta1, g, m);
      const old = f.v.mul(f.load(infinity.address, infinity.offset), f.vec(beta2));
      f.set(u, f.v.max(old, f.v.add(f.v.abs(g), f.vec(eps))));
      f.store(infinity.address, infinity.offset, u);
      f.set(p, f.nmadd(hyper.learningRate, f.v.div(f.v.mul(m, hyper.correction1), u), p));
    },
  });
};

export const adagradUpdate: CpuKernel<'adagradUpdate'> = ({ attrs, inputs }, context) => {
  updateStep(context, {
    name: 'adagradUpdate',
    inputs,
    state: [inputs.squareSums],
    slots: ['learningRate'],
    spare: 1,
    body: (vectors) => {
      const { f, p, g, hyper, state, spare } = vectors;
      const sum = spare[0]!;
      decay(vectors, attrs.weightDecay);
      meanSquare(f, state[0]!, 1, 1, g, sum);
      const root = f.v.add(f.v.sqrt(sum), f.vec(attrs.eps));
      f.set(p, f.nmadd(hyper.learningRate, f.v.div(g, root), p));
    },
  });
};

export const rmspropUpdate: CpuKernel<'rmspropUpdate'> = ({ attrs, inputs }, context) => {
  const { alpha, eps, weightDecay, momentum, centered } = attrs;
  const withMomentum = inputs.velocities.length > 0;
  updateStep(context, {
    name: 'rmspropUpdate',
    inputs,
    state: [inputs.squares, inputs.averages, inputs.velocities].filter((list) => list.length > 0),
    slots: ['learningRate'],
    spare: 2,
    body: (vectors) => {
      const { f, p, g, hyper, state, spare } = vectors;
      const [v, a] = spare as readonly [Local, Local];
      decay(vectors, weightDecay);
      meanSquare(f, state[0]!, alpha, 1 - alpha, g, v);
      if (centered) {
        mean(f, state[1]!, alpha, g, a);
        // a variance; rounding may take it below 0
        f.set(v, f.v.pmax(f.nmadd(a, a, v), f.vec(0)));
      }
      f.set(g, f.v.div(g, f.v.add(f.v.sqrt(v), f.vec(eps))));
      if (withMomentum) {
        const velocity = state.at(-1)!;
        f.set(g, f.madd(f.vec(momentum), f.load(velocity.address, velocity.offset), g));
        f.set(g, flush(f, g));
        f.store(velocity.address, velocity.offset, g);
      }
      f.set(p, f.nmadd(hyper.learningRate, g, p));
    },
  });
};
