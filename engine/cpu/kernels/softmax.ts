import type { Expr, Func, Local } from '../asm/func.ts';
import { ownRows, type KernelContext, type Placed } from '../step.ts';
import { streamCost, type CpuKernel } from './kernel.ts';
import { linesAlong, spreadLargest, spreadSum, type Lines } from './lines.ts';
import { emitExp, emitLogFrom1, flush } from './math.ts';

/** exp(-80) is nothing beside the largest value's 1, and divided by any number of classes it is no denormal yet. */
const leastExponent = -80;

interface LineScope {
  readonly f: Func;
  readonly lines: Lines;
  /** Addresses of the row of each tensor, inputs first. */
  readonly rows: readonly Local[];
  readonly at: Local;
  readonly v: Local;
  readonly temps: readonly Local[];
}

/** A step that calls `body` for every line along the axis, image by image. */
function lineStep(
  context: KernelContext,
  name: string,
  axis: number,
  inputs: readonly Placed[],
  output: Placed,
  body: (scope: LineScope) => void,
): void {
  const lines = linesAlong(output, axis);
  const tensors = [...inputs, output];
  const { size, rows } = output.layout;
  context.step({
    kind: 'rows',
    name,
    rows,
    unit: 'image',
    reads: inputs.map((input) => ownRows(input)),
    writes: [ownRows(output)],
    cost: streamCost(4 * size * (tensors.length + 2)) + (size / 4) * 8,
    emit: ({ f, module, address }) => {
      const types = tensors.map(() => 'i32' as const);
      const core = module.core(`${name} ${lines.key}`, types, (g) => {
        const [at, v] = g.locals('i32', 2) as [Local, Local];
        const temps = g.locals('v128', 6);
        lines.each(g, at, () => body({ f: g, lines, rows: g.params(), at, v, temps }));
      });
      f.run(f.call(core, ...tensors.map(address)));
    },
  });
}

/** temps[0] = the largest value of the line, in every lane that belongs to it. */
function setLargest({ f, lines, rows, at, v, temps }: LineScope): void {
  const largest = temps[0]!;
  f.set(largest, f.vec(-Infinity));
  lines.eachVector(f, v, at, (mask) => {
    const x = f.load(f.i32.add(rows[0]!, v));
    f.set(largest, f.v.max(largest, mask ? f.v.select(x, largest, mask) : x));
  });
  if (lines.across) spreadLargest(f, largest);
}

/** temps[1] = the sum of the line's exp(x - largest); `keep` is given each vector of them. */
function setSum({ f, lines, rows, at, v, temps }: LineScope, keep?: (e: Local) => void): void {
  const [largest, sum, e, spare] = temps as [Local, Local, Local, Local];
  f.set(sum, f.vec(0));
  lines.eachVector(f, v, at, (mask) => {
    const shifted = f.v.sub(f.load(f.i32.add(rows[0]!, v)), largest);
    emitExp(f, e, f.v.pmax(shifted, f.vec(leastExponent)), spare);
    keep?.(e);
    f.set(sum, f.v.add(sum, mask ? f.v.and(e, mask) : e));
  });
  if (lines.across) spreadSum(f, sum, spare);
}

/** temps[1] = the sum over the line of what `term` gives for a vector. */
function setSumOf({ f, lines, at, v, temps }: LineScope, term: () => Expr): void {
  const [, sum, , spare] = temps as [Local, Local, Local, Local];
  f.set(sum, f.vec(0));
  lines.eachVector(f, v, at, (mask) => f.set(sum, f.v.add(sum, mask ? f.v.and(term(), mask) : term())));
  if (lines.across) spreadSum(f, sum, spare);
}

export const softmax: CpuKernel<'softmax'> = ({ attrs, inputs, outputs }, context) => {
  lineStep(context, 'softmax', attrs.axis, [context.tensor(inputs.x)], context.tensor(outputs.y), (scope) => {
    const { f, lines, rows, at, v, temps } = scope;
    const y = (): Expr => f.i32.add(rows[1]!, v);
    setLargest(scope);
    setSum(scope, (e) => f.store(y(), 0, e));
    lines.eachVector(f, v, at, () => f.store(y(), 0, f.v.div(f.load(y()), temps[1]!)));
  });
};

export const softmaxGrad: CpuKernel<'softmaxGrad'> = ({ attrs, inputs, outputs }, context) => {
  const given = [context.tensor(inputs.y), context.tensor(inputs.dy)];
  lineStep(context, 'softmaxGrad', attrs.axis, given, context.tensor(outputs.dx), (scope) => {
    const { f, lines, rows, at, v, temps } = scope;
    const [y, dy] = rows.map((row) => f.load(f.i32.add(row, v))) as [Expr, Expr];
    const dx = temps[2]!;
    setSumOf(scope, () => f.v.mul(y, dy));
    lines.eachVector(f, v, at, () => {
      f.set(dx, f.v.mul(y, f.v.sub(dy, temps[1]!)));
      f.store(f.i32.add(rows[2]!, v), 0, flush(f, dx));
    });
  });
};

export const logSoftmax: CpuKernel<'logSoftmax'> = ({ attrs, inputs, outputs }, context) => {
  lineStep(context, 'logSoftmax', attrs.axis, [context.tensor(inputs.x)], context.tensor(outputs.y), (scope) => {
    const { f, lines, rows, at, v, temps } = scope;
    const [largest, sum, log, spare, other] = temps as [Local, Local, Local, Local, Local];
    setLargest(scope);
    setSum(scope);
    emitLogFrom1(f, log, sum, [spare, other]);
    lines.eachVector(f, v, at, () => {
      const shifted = f.v.sub(f.load(f.i32.add(rows[0]!, v)), largest);
      f.store(f.i32.add(rows[1]!, v), 0, f.v.sub(shifted, log));
    });
  });
};

export const logSoftmaxGrad: CpuKernel<'logSoftmaxGrad'> = ({ attrs, inputs, outputs }, context) => {
  const given = [context.tensor(inputs.y), context.tensor(inputs.dy)];
  lineStep(context, 'logSoftmaxGrad', attrs.axis, given, context.tensor(outputs.dx), (scope) => {
    const { f, lines, rows, at, v, temps } = scope;
    const [y, dy] = rows.map((row) => f.load(f.i32.add(row, v))) as [Expr, Expr];
    const [, sum, e, spare] = temps as [Local, Local, Local, Local];
    setSumOf(scope, () => dy);
    lines.eachVector(f, v, at, () => {
      emitExp(f, e, f.v.pmax(y, f.vec(leastExponent)), spare);
      f.set(e, f.nmadd(e, sum, dy));
      f.store(f.i32.add(rows[2]!, v), 0, flush(f, e));
    });
  });
};
