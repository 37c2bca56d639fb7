import type { Expr, Func, Local } from '../asm/func.ts';
import { ownRows, whole, wholeIf, type Buffer, type KernelContext, type Placed } from '../step.ts';
import type { OpInstanceOf } from '../../plan/plan.ts';
import {
  channelGroup,
  combineMoments,
  eachChannel,
  partialMoments,
  partialProducts,
  type Products,
} from './batchStatistics.ts';
import { streamCost, type CpuKernel } from './kernel.ts';
import { flush } from './math.ts';

/**
 * Per channel, kept in a workspace of vectors: what the element-wise pass multiplies by and adds.
 * Forward: y = (x - mean) * scale + shift. Backward: dx = (dy - offset) * scale - (x - mean) * slope.
 */
export const coefficient = { mean: 0, scale: 1, shift: 2, slope: 3, count: 4 } as const;

function coefficients(context: KernelContext, x: Placed): Buffer {
  return context.workspace(`${x.spec.name} coefficients`, coefficient.count * 4 * x.layout.pixel);
}

/** Byte offset of a coefficient's vector inside the workspace. */
export function slot(x: Placed, which: number): number {
  return which * 4 * x.layout.pixel;
}

function loadOr(f: Func, of: Placed | undefined, c: Expr, otherwise: number): Expr {
  return of ? f.load(c, of.buffer.address) : f.vec(otherwise);
}

/** y from x and the coefficients, image by image. */
function normalizeStep(context: KernelContext, x: Placed, y: Placed, table: Buffer): void {
  const { rows, rowSize, pixel } = x.layout;
  context.step({
    kind: 'rows',
    name: 'batchNorm apply',
    rows,
    unit: 'image',
    reads: [ownRows(x), whole(table)],
    writes: [ownRows(y)],
    cost: streamCost(8 * x.layout.size),
    emit: ({ f, module, address }) => {
      const core = module.core(`normalize ${rowSize} ${pixel}`, ['i32', 'i32', 'i32'], (g) => {
        const [source, target, at] = g.params() as [Local, Local, Local];
        const load = (which: number) => (c: Expr, offset: number) => g.load(g.i32.add(at, c), slot(x, which) + offset);
        const loads = [load(coefficient.mean), load(coefficient.scale), load(coefficient.shift)];
        eachElement(g, rowSize, pixel, loads, (element, offset, [mean, scale, shift]) => {
          const centred = g.v.sub(g.load(g.i32.add(source, element), offset), mean!);
          g.store(g.i32.add(target, element), offset, g.madd(centred, scale!, shift!));
        });
      });
      f.run(f.call(core, address(x), address(y), table.address));
    },
  });
}

/**
 * Every vector of an image, with the channels' coefficients in locals while the loop runs over the pixels, or along a lone
 * row. `body` works on the vector at element + offset.
 */
export function eachElement(
  f: Func,
  rowSize: number,
  pixel: number,
  loads: readonly ((c: Expr, offset: number) => Expr)[],
  body: (element: Local, offset: number, values: readonly Expr[]) => void,
): void {
  const element = f.local('i32');
  if (rowSize === pixel) {
    f.for(element, 0, 4 * pixel, 16, () => {
      body(
        element,
        0,
        loads.map((load) => load(element, 0)),
      );
    });
    return;
  }
  const c = f.local('i32');
  const group = channelGroup(pixel, Math.floor(12 / loads.length));
  const values = Array.from({ length: group }, () => f.locals('v128', loads.length));
  f.for(c, 0, 4 * pixel, 16 * group, () => {
    values.forEach((locals, g) => locals.forEach((local, i) => f.set(local, loads[i]!(c, 16 * g))));
    f.for(element, c, f.i32.add(c, 4 * rowSize), 4 * pixel, () =>
      values.forEach((locals, g) => body(element, 16 * g, locals)),
    );
  });
}

/** 1 / sqrt(variance + eps) */
function inverseDeviation(f: Func, variance: Expr, eps: number): Expr {
  return f.v.div(f.vec(1), f.v.sqrt(f.v.add(variance, f.vec(eps))));
}

/** Batch statistics, moved running ones, and the coefficients of the normalising pass. */
export function batchCoefficients(
  { attrs, inputs, outputs }: Omit<OpInstanceOf<'batchNorm'>, 'op'>,
  context: KernelContext,
): Buffer {
  const x = context.tensor(inputs.x);
  const gamma = context.optional(inputs.gamma);
  const beta = context.optional(inputs.beta);
  const runningMean = context.tensor(inputs.runningMean);
  const runningVar = context.tensor(inputs.runningVar);
  const tracked = context.optional(inputs.batchesTracked);
  const batchMean = context.tensor(outputs.batchMean);
  const batchVar = context.tensor(outputs.batchVar);
  const moments = partialMoments(context, x);
  const table = coefficients(context, x);
  const { momentum } = attrs;
  const running = [runningMean, runningVar, ...(tracked ? [tracked] : [])].map((tensor) => whole(tensor));
  const elements = x.layout.rows * (x.layout.rowSize / x.layout.pixel);
  context.step({
    kind: 'tasks',
    name: 'batchNorm combine',
    count: 1,
    reads: [whole(moments), ...wholeIf(gamma), ...wholeIf(beta), ...running],
    writes: [whole(table), whole(batchMean), whole(batchVar), ...running],
    cost: streamCost(2 * moments.bytes) + 200,
    emit: ({ f }) => {
      const [mean, squares, variance, scale, spare, factor] = f.locals('v128', 6) as [
        ...[Local, Local, Local, Local, Local, Local],
      ];
      if (momentum !== null) f.set(factor, f.vec(momentum));
      else {
        const count = f.int(tracked?.buffer.address ?? 0);
        const next = f.i32.add(f.loadI32(count), 1);
        f.set(factor, f.v.splat(f.f32.div(f.float(1), f.f32.convertS(next))));
        f.storeI32(count, 0, next);
      }
      eachChannel(f, x, (c) => {
        combineMoments(f, x, moments, c, mean, squares, spare);
        f.set(variance, f.v.div(squares, f.vec(elements)));
        f.store(c, batchMean.buffer.address, mean);
        f.store(c, batchVar.buffer.address, variance);
        f.set(scale, f.v.mul(inverseDeviation(f, variance, attrs.eps), loadOr(f, gamma, c, 1)));
        f.store(c, table.address + slot(x, coefficient.mean), mean);
        f.store(c, table.address + slot(x, coefficient.scale), scale);
        f.store(c, table.address + slot(x, coefficient.shift), loadOr(f, beta, c, 0));
        const move = (of: Placed, value: Expr): void => {
          f.set(spare, f.load(c, of.buffer.address));
          const kept = f.v.mul(f.v.sub(f.vec(1), factor), spare);
          f.store(c, of.buffer.address, f.madd(factor, value, kept));
        };
        move(runningMean, mean);
        move(runningVar, f.v.div(squares, f.vec(elements - 1)));
      });
    },
  });
  return table;
}

export const batchNorm: CpuKernel<'batchNorm'> = (instance, context) => {
  const table = batchCoefficients(instance, context);
  normalizeStep(context, context.tensor(instance.inputs.x), context.tensor(instance.outputs.y), table);
};

/** The coefficients of the normalising pass from the running statistics. */
export function runningCoefficients(
  { attrs, inputs }: Omit<OpInstanceOf<'batchNormInference'>, 'op'>,
  context: KernelContext,
): Buffer {
  const x = context.tensor(inputs.x);
  const gamma = context.optional(inputs.gamma);
  const beta = context.optional(inputs.beta);
  const runningMean = context.tensor(inputs.runningMean);
  const runningVar = context.tensor(inputs.runningVar);
  const table = coefficients(context, x);
  context.step({
    kind: 'tasks',
    name: 'batchNormInference coefficients',
    count: 1,
    reads: [whole(runningMean), whole(runningVar), ...wholeIf(gamma), ...wholeIf(beta)],
    writes: [whole(table)],
    cost: streamCost(table.bytes) + 100,
    emit: ({ f }) =>
      eachChannel(f, x, (c) => {
        const inverse = inverseDeviation(f, f.load(c, runningVar.buffer.address), attrs.eps);
        f.store(c, table.address + slot(x, coefficient.mean), f.load(c, runningMean.buffer.address));
        f.store(c, table.address + slot(x, coefficient.scale), f.v.mul(inverse, loadOr(f, gamma, c, 1)));
        f.store(c, table.address + slot(x, coefficient.shift), loadOr(f, beta, c, 0));
      }),
  });
  return table;
}

export const batchNormInference: CpuKernel<'batchNormInference'> = (instance, context) => {
  const table = runningCoefficients(instance, context);
  normalizeStep(context, context.tensor(instance.inputs.x), context.tensor(instance.outputs.y), table);
};

interface GradTensors {
  readonly x: Placed;
  readonly dy: Placed;
  readonly gamma: Placed | undefined;
  readonly mean: Placed;
  readonly variance: Placed;
  readonly dx: Placed;
  readonly dgamma: Placed | undefined;
  readonly dbeta: Placed | undefined;
}

type Statistics = Omit<GradTensors, 'dy' | 'dx'>;

/** dgamma, dbeta and the coefficients of the pass that gives dx. */
export function gradientCoefficients(
  context: KernelContext,
  { x, gamma, mean, variance, dgamma, dbeta }: Statistics,
  products: Products | undefined,
  eps: number,
  batchStatistics: boolean,
): Buffer {
  const { rows, rowSize, pixel } = x.layout;
  const elements = rows * (rowSize / pixel);
  const table = coefficients(context, x);
  context.step({
    kind: 'tasks',
    name: 'batchNormGrad combine',
    count: 1,
    reads: [...(products ? [whole(products.buffer)] : []), whole(mean), whole(variance), ...wholeIf(gamma)],
    writes: [whole(table), ...wholeIf(dgamma), ...wholeIf(dbeta)],
    cost: streamCost(products?.buffer.bytes ?? 0) + 200,
    emit: ({ f }) => {
      const [sum, product, inverse, scale] = f.locals('v128', 4) as [Local, Local, Local, Local];
      eachChannel(f, x, (c) => {
        f.set(inverse, inverseDeviation(f, f.load(c, variance.buffer.address), eps));
        f.set(scale, f.v.mul(inverse, loadOr(f, gamma, c, 1)));
        products?.combine(f, c, sum, product);
        if (dgamma) f.store(c, dgamma.buffer.address, f.v.mul(product, inverse));
        if (dbeta) f.store(c, dbeta.buffer.address, sum);
        f.store(c, table.address + slot(x, coefficient.scale), scale);
        f.store(c, table.address + slot(x, coefficient.mean), f.load(c, mean.buffer.address));
        if (!batchStatistics) return;
        f.store(c, table.address + slot(x, coefficient.shift), f.v.div(sum, f.vec(elements)));
        const slope = f.v.mul(f.v.mul(f.v.mul(inverse, inverse), f.v.div(product, f.vec(elements))), scale);
        f.store(c, table.address + slot(x, coefficient.slope), slope);
      });
    },
  });
  return table;
}

/** Both backward passes: with batch statistics the mean and the variance depend on x, running ones are constants. */
function gradient(context: KernelContext, tensors: GradTensors, eps: number, batchStatistics: boolean): void {
  const { x, dy, mean, dx, dgamma, dbeta } = tensors;
  const { rows, rowSize, pixel } = x.layout;
  const needed = batchStatistics || dgamma !== undefined || dbeta !== undefined;
  const products = needed ? partialProducts(context, x, dy, mean) : undefined;
  const table = gradientCoefficients(context, tensors, products, eps, batchStatistics);
  context.step({
    kind: 'rows',
    name: 'batchNormGrad apply',
    rows,
    unit: 'image',
    reads: [ownRows(x), ownRows(dy), whole(table)],
    writes: [ownRows(dx)],
    cost: streamCost(12 * x.layout.size),
    emit: ({ f, module, address }) => {
      const key = `normalizeGrad ${rowSize} ${pixel} ${batchStatistics}`;
      const core = module.core(key, ['i32', 'i32', 'i32', 'i32'], (g) => {
        const [source, upstream, target, at] = g.params() as [Local, Local, Local, Local];
        const result = g.local('v128');
        const load = (which: number) => (c: Expr, offset: number) => g.load(g.i32.add(at, c), slot(x, which) + offset);
        const { mean: m, scale, shift, slope } = coefficient;
        const loads = batchStatistics ? [load(scale), load(m), load(shift), load(slope)] : [load(scale)];
        eachElement(g, rowSize, pixel, loads, (element, offset, [s, average, upward, tilt]) => {
          const dyHere = g.load(g.i32.add(upstream, element), offset);
          if (batchStatistics) {
            const centred = g.v.sub(g.load(g.i32.add(source, element), offset), average!);
            g.set(result, g.nmadd(centred, tilt!, g.v.mul(g.v.sub(dyHere, upward!), s!)));
          } else g.set(result, g.v.mul(dyHere, s!));
          g.store(g.i32.add(target, element), offset, flush(g, result));
        });
      });
      f.run(f.call(core, address(x), address(dy), address(dx), table.address));
    },
  });
}

/** The tensors of an op with batch statistics. */
export function gradTensors(
  { inputs, outputs }: Pick<OpInstanceOf<'batchNormGrad'>, 'inputs' | 'outputs'>,
  context: KernelContext,
): GradTensors {
  return {
    x: context.tensor(inputs.x),
    dy: context.tensor(inputs.dy),
    gamma: context.optional(inputs.gamma),
    mean: context.tensor(inputs.batchMean),
    variance: context.tensor(inputs.batchVar),
    dx: context.tensor(outputs.dx),
    dgamma: context.optional(outputs.dgamma),
    dbeta: context.optional(outputs.dbeta),
  };
}

export const batchNormGrad: CpuKernel<'batchNormGrad'> = (instance, context) => {
  gradient(context, gradTensors(instance, context), instance.attrs.eps, true);
};

export const batchNormInferenceGrad: CpuKernel<'batchNormInferenceGrad'> = ({ attrs, inputs, outputs }, context) => {
  gradient(
    context,
    {
      x: context.tensor(inputs.x),
      dy: context.tensor(inputs.dy),
      gamma: context.optional(inputs.gamma),
      mean: context.tensor(inputs.runningMean),
      variance: context.tensor(inputs.runningVar),
      dx: context.tensor(outputs.dx),
      dgamma: context.optional(outputs.dgamma),
      dbeta: context.optional(outputs.dbeta),
    },
    attrs.eps,
    false,
  );
};
