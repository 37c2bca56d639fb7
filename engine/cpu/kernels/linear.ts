import { pad4 } from '../layout.ts';
import { ownRows, sliceSizes, whole, wholeIf } from '../step.ts';
import { columnSum } from './columnSum.ts';
import { gemmCore, packTransposedCore, panelCount } from './gemm.ts';
import { flopCost, streamCost, type CpuKernel } from './kernel.ts';
import { packedSize } from './microkernel.ts';

/** y = x weight^T + bias: weights lie as [in, out], so rows of y are sums of weight rows and B needs no packing. */
export const linear: CpuKernel<'linear'> = ({ inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const weight = context.tensor(inputs.weight);
  const bias = context.optional(inputs.bias);
  const y = context.tensor(outputs.y);
  const [out = 1, depth = 1] = weight.shape;
  const { rows } = y.layout;
  context.step({
    kind: 'rows',
    name: 'linear',
    rows,
    unit: 'matrix',
    reads: [ownRows(x), whole(weight), ...wholeIf(bias)],
    writes: [ownRows(y)],
    cost: flopCost(2 * rows * depth * out),
    emit: ({ f, module, from, to, address }) => {
      const spec = {
        depth,
        vectors: pad4(out) / 4,
        aRow: 4 * x.layout.rowSize,
        aStep: 4,
        packed: false,
        bStep: 4 * pad4(out),
        cRow: 4 * y.layout.rowSize,
        bias: bias !== undefined,
      };
      const gemm = gemmCore(module, spec, sliceSizes(rows));
      f.run(
        f.call(gemm, address(x), weight.buffer.address, address(y), bias?.buffer.address ?? 0, f.i32.sub(to, from)),
      );
    },
  });
};

/** dx = dy weight: B is the transpose of the stored weights, packed once per run. */
export const linearGradInput: CpuKernel<'linearGradInput'> = ({ inputs, outputs }, context) => {
  const dy = context.tensor(inputs.dy);
  const weight = context.tensor(inputs.weight);
  const dx = context.tensor(outputs.dx);
  const [out = 1, features = 1] = weight.shape;
  const { rows } = dx.layout;
  const packed = context.workspace(`${weight.spec.name} transposed`, 4 * packedSize(out, features));
  context.step({
    kind: 'tasks',
    name: 'linearGradInput pack',
    count: panelCount(features),
    reads: [whole(weight)],
    writes: [whole(packed)],
    cost: streamCost(2 * packed.bytes),
    emit: ({ f, module, task }) => {
      const pack = packTransposedCore(module, out, features, 4 * pad4(out));
      f.run(f.call(pack, weight.buffer.address, packed.address, task));
    },
  });
  context.step({
    kind: 'rows',
    name: 'linearGradInput',
    rows,
    unit: 'matrix',
    reads: [ownRows(dy), whole(packed)],
    writes: [ownRows(dx)],
    cost: flopCost(2 * rows * features * out),
    emit: ({ f, module, from, to, address }) => {
      const spec = {
        depth: out,
        vectors: pad4(features) / 4,
        aRow: 4 * dy.layout.rowSize,
        aStep: 4,
        packed: true,
        bStep: 0,
        cRow: 4 * dx.layout.rowSize,
        bias: false,
      };
      const gemm = gemmCore(module, spec, sliceSizes(rows));
      f.run(f.call(gemm, address(dy), packed.address, address(dx), 0, f.i32.sub(to, from)));
    },
  });
};

/** Rows of dweight per task: enough work to be worth a claim, few enough to share a small layer. */
function blockRows(features: number, workPerRow: number): number {
  const wanted = Math.ceil(600_000 / Math.max(workPerRow, 1) / 6) * 6;
  return Math.max(6, Math.min(wanted, Math.ceil(features / 6) * 6));
}

/** dweight[in, out] = x^T dy, cut by rows of dweight, so every sum over the batch runs in order. */
export const linearGradWeight: CpuKernel<'linearGradWeight'> = ({ inputs, outputs }, context) => {
  const x = context.tensor(inputs.x);
  const dy = context.tensor(inputs.dy);
  const dweight = context.tensor(outputs.dweight);
  const dbias = context.optional(outputs.dbias);
  const [out = 1, features = 1] = dweight.shape;
  const { rows } = dy.layout;
  const block = blockRows(features, 2 * rows * pad4(out));
  const count = Math.ceil(features / block);
  context.step({
    kind: 'tasks',
    name: 'linearGradWeight',
    count,
    reads: [whole(x), whole(dy)],
    writes: [whole(dweight)],
    cost: flopCost(2 * rows * features * out),
    emit: ({ f, module, task }) => {
      const spec = {
        depth: rows,
        vectors: pad4(out) / 4,
        aRow: 4,
        aStep: 4 * x.layout.rowSize,
        packed: false,
        bStep: 4 * dy.layout.rowSize,
        cRow: 4 * pad4(out),
        bias: false,
      };
      const last = features - (count - 1) * block;
      const gemm = gemmCore(module, spec, [block, last]);
      const size = f.choose(f.i32.eq(task, count - 1), last, block);
      const a = f.i32.add(f.i32.mul(task, 4 * block), x.buffer.address);
      const c = f.i32.add(f.i32.mul(task, block * spec.cRow), dweight.buffer.address);
      f.run(f.call(gemm, a, dy.buffer.address, c, 0, size));
    },
  });
  if (dbias) columnSum(context, dy, dbias);
};
