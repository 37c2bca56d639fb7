import type { Local } from '../asm/func.ts';
import { whole, wholeIf } from '../step.ts';
import { normalizeRows, normalizeRowsGrad } from './groupNorm.ts';
import { streamCost, type CpuKernel } from './kernel.ts';

/** Vectors of gamma that one task sums up over the batch. */
const block = 16;

export const layerNorm: CpuKernel<'layerNorm'> = ({ attrs, inputs, outputs }, context) => {
  normalizeRows(
    context,
    'layerNorm',
    {
      x: context.tensor(inputs.x),
      gamma: context.optional(inputs.gamma),
      beta: context.optional(inputs.beta),
      y: context.tensor(outputs.y),
      mean: context.tensor(outputs.mean),
      variance: context.tensor(outputs.variance),
    },
    { groups: 1, eps: attrs.eps, affine: 'value' },
  );
};

/** dgamma and dbeta: sums over the batch for each value of an image, every task for its own stretch of values. */
export const layerNormGrad: CpuKernel<'layerNormGrad'> = ({ attrs, inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const dy = context.tensor(inputs.dy);
  const { parts, stride } = normalizeRowsGrad(
    context,
    'layerNormGrad',
    {
      x,
      dy,
      gamma: context.optional(inputs.gamma),
      mean: context.tensor(inputs.mean),
      variance: context.tensor(inputs.variance),
      dx: context.tensor(outputs.dx),
    },
    { groups: 1, eps: attrs.eps, affine: 'value' },
  );
  const dgamma = context.optional(outputs.dgamma);
  const dbeta = context.optional(outputs.dbeta);
  if (dgamma === undefined && dbeta === undefined) return;
  const { rows, rowSize } = x.layout;
  const vectors = rowSize / 4;
  context.step({
    kind: 'tasks',
    name: 'layerNormGrad sums',
    count: Math.ceil(vectors / block),
    reads: [whole(x), whole(dy), whole(parts)],
    writes: [...wholeIf(dgamma), ...wholeIf(dbeta)],
    cost: streamCost(10 * x.layout.size),
    emit: ({ f, task }) => {
      const [at, end, element, row, part] = f.locals('i32', 5) as [Local, Local, Local, Local, Local];
      const [sum, product, value] = f.locals('v128', 3) as [Local, Local, Local];
      f.set(at, f.i32.mul(task, 16 * block));
      f.set(end, f.i32.add(at, 16 * block));
      f.set(end, f.choose(f.i32.ltU(end, 4 * rowSize), end, 4 * rowSize));
      f.for(at, at, end, 16, () => {
        f.set(sum, f.vec(0));
        f.set(product, f.vec(0));
        f.set(element, at);
        f.set(part, parts.address);
        f.for(row, 0, rows, 1, () => {
          f.set(value, f.load(element, dy.buffer.address));
          f.set(sum, f.v.add(sum, value));
          const centred = f.v.sub(f.load(element, x.buffer.address), f.loadSplat(part));
          f.set(product, f.madd(value, f.v.mul(centred, f.loadSplat(part, 4)), product));
          f.inc(element, 4 * rowSize);
          f.inc(part, stride);
        });
        if (dgamma) f.store(at, dgamma.buffer.address, product);
        if (dbeta) f.store(at, dbeta.buffer.address, sum);
      });
    },
  });
};
