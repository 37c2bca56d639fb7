import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../engine/errors.ts';
import { inputOperands, outputOperands, withOperands } from '../../../engine/ops/operands.ts';
import { ops } from '../../../engine/ops/index.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import type { OpInstance, Plan, TensorSpec } from '../../../engine/plan/plan.ts';
import { whitenAhead } from '../../../engine/plan/whitenAhead.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { examples, mlp, residual } from '../models/examples.ts';
import { adam, losses, lowered, momentum, optimizers } from '../models/lowered.ts';

function faultsOf(plan: Plan): readonly string[] {
  try {
    verifyPlan(plan);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'plan') return error.faults.map(({ message }) => message);
    throw error;
  }
  return [];
}

const withTensor = (plan: Plan, id: number, change: Partial<TensorSpec>): Plan => ({
  ...plan,
  tensors: plan.tensors.map((spec) => (spec.id === id ? { ...spec, ...change } : spec)),
});

/** A plan in which every op of the table occurs. */
function everyOp(): Plan {
  const plans: Plan[] = [
    ...Object.values(examples).map((document) => lowered(document, { optimizer: momentum })),
    lowered(residual, { optimizer: adam }),
    ...Object.values(optimizers).map((optimizer) => lowered(mlp, { optimizer })),
    ...Object.values(losses).map((loss) => lowered(mlp, { loss })),
    ...[{ norm: 1 }, { value: 0.1 }].map((clip) => lowered(mlp, { gradient: { clip, l1: 0.01 } })),
    lowered(mlp, { batchSize: 4, accumulate: 2 }),
    lowered(mlp, { augmented: true, mixed: true }),
    whitenAhead(lowered(mlp, { whitened: true }))!,
  ];
  const builder = new PlanBuilder();
  const x = builder.tensor('x', [2, 3, 4, 4], 'f32', 'input');
  const dy = builder.tensor('dy', [2, 3, 4, 4], 'f32', 'input');
  const runningMean = builder.tensor('mean', [3], 'f32', 'buffer');
  const runningVar = builder.tensor('var', [3], 'f32', 'buffer');
  const dx = builder.tensor('dx', [2, 3, 4, 4], 'f32', 'result');
  builder.op('frozen', {
    op: 'batchNormInferenceGrad',
    attrs: { eps: 1e-5 },
    inputs: { x, dy, runningMean, runningVar },
    outputs: { dx },
    phase: 'backward',
  });
  for (const op of ['softmax', 'logSoftmax'] as const) {
    const y = builder.tensor(`${op}.y`, [2, 3, 4, 4], 'f32', 'result');
    const gradient = builder.tensor(`${op}.dx`, [2, 3, 4, 4], 'f32', 'result');
    builder.op(op, { op, attrs: { axis: 1 }, inputs: { x }, outputs: { y }, phase: 'forward' });
    const inputs = { y, dy };
    builder.op(op, { op: `${op}Grad`, attrs: { axis: 1 }, inputs, outputs: { dx: gradient }, phase: 'backward' });
  }
  const results = {
    statistics: builder.tensor('statistics', [9], 'f32', 'result'),
    percentiles: builder.tensor('percentiles', [3], 'f32', 'result'),
    histogram: builder.tensor('histogram', [10], 'i32', 'result'),
    inside: builder.tensor('inside', [3], 'i32', 'result'),
  };
  builder.op('summarise', {
    op: 'summarise',
    attrs: { percentiles: [15, 50, 85], bins: 8, range: null, inside: [0, 0] },
    inputs: { x },
    outputs: results,
    phase: 'probe',
  });
  const result = builder.tensor('compared', [4], 'f32', 'result');
  builder.op('compare', {
    op: 'compare',
    attrs: {},
    inputs: { a: x, b: dy },
    outputs: { result },
    phase: 'probe',
  });
  const kept = builder.tensor('kept', [3], 'f32', 'buffer');
  builder.op('copy', {
    op: 'copy',
    attrs: {},
    inputs: { from: [runningMean], to: [kept] },
    outputs: {},
    phase: 'probe',
  });
  plans.push(builder.build());
  let offset = 0;
  const tensors: TensorSpec[] = [];
  const segments: Plan['segments'][number][] = [];
  for (const [i, plan] of plans.entries()) {
    const base = offset;
    tensors.push(...plan.tensors.map((spec) => ({ ...spec, id: spec.id + base, name: `${i}/${spec.name}` })));
    segments.push(
      ...plan.segments.map(({ name, ops: list }) => ({
        name: `${i}/${name}`,
        ops: list.map((op) => withOperands(op, (tensor) => tensor + base)),
      })),
    );
    offset += plan.tensors.length;
  }
  return { tensors, segments };
}

describe('verifyPlan', () => {
  const plan = everyOp();
  const used = plan.segments.flatMap(({ ops: list }) => list);

  it('accepts a plan in which every op occurs', () => {
    expect(faultsOf(plan)).toEqual([]);
    expect(new Set(used.map(({ op }) => op))).toEqual(new Set(Object.keys(ops)));
  });

  // One op of each name, and of each its operands one after the other, changed in shape, type, role and number.
  const size = (instance: OpInstance): number => inputOperands(instance).length + outputOperands(instance).length;
  const samples = [...new Map([...used].sort((a, b) => size(a) - size(b)).map((op) => [op.op, op])).values()];
  const alone = (instance: OpInstance): Plan => {
    // Everything that it reads counts as given.
    const read = new Set(inputOperands(instance).map(({ tensor }) => tensor));
    return {
      tensors: plan.tensors.map((spec) =>
        read.has(spec.id) && ['activation', 'result'].includes(spec.role) ? { ...spec, role: 'gradient' } : spec,
      ),
      segments: [{ name: 's', ops: [instance] }],
    };
  };

  /** Operands of which only the rank matters: how many there are is free. */
  const freeSize = new Set([
    'gatherLabels labels',
    'dropoutMask mask',
    'countCorrect logits',
    'globalAvgPool2d x',
    'globalAvgPool2dGrad dx',
    'resize x',
    'resize y',
    'resizeGrad dy',
    'resizeGrad dx',
    'summarise x',
  ]);

  /** Lists of tensors of any shape. */
  const freeShape = new Set(['clipGradientNorm gradients', 'clipGradientValue gradients']);

  it.each(samples.map((instance) => [instance.op, instance] as const))(
    'notices every wrong operand of %s',
    (name, instance) => {
      const sound = alone(instance);
      expect(faultsOf(sound)).toEqual([]);
      for (const { slot, tensor } of [...inputOperands(instance), ...outputOperands(instance)]) {
        const { shape, dtype } = sound.tensors[tensor]!;
        const label = `${name} ${slot}`;
        expect(faultsOf(withTensor(sound, tensor, { dtype: dtype === 'f32' ? 'i32' : 'f32' })), label).not.toEqual([]);
        const isFree = freeShape.has(`${name} ${slot.replace(/\[\d+\]/, '')}`);
        if (!isFree)
          expect(faultsOf(withTensor(sound, tensor, { shape: [...shape, 1, 1, 1, 1] })), label).not.toEqual([]);
        if (!isFree && !freeSize.has(label)) {
          const longer = shape.map((extent, i) => (i === shape.length - 1 ? extent + 3 : extent));
          expect(faultsOf(withTensor(sound, tensor, { shape: longer })), label).not.toEqual([]);
        }
        const missing = withOperands(instance, (each) => (each === tensor ? plan.tensors.length : each));
        expect(faultsOf({ ...sound, segments: [{ name: 's', ops: [missing] }] })[0], label).toContain(
          `is tensor ${plan.tensors.length}`,
        );
      }
      for (const { slot, tensor } of outputOperands(instance)) {
        for (const role of ['data', 'input', 'parameter', 'buffer', 'optimizerState'] as const) {
          expect(faultsOf(withTensor(sound, tensor, { role })), `${name} ${slot}`).not.toEqual([]);
        }
      }
    },
  );

  it('notices ops in the wrong order, left out or doubled', () => {
    for (const document of Object.values(examples)) {
      const whole = lowered(document);
      const train = whole.segments[0]!;
      const withOps = (list: readonly OpInstance[]): Plan => ({ ...whole, segments: [{ name: 'train', ops: list }] });
      train.ops.forEach((op, i) => {
        const outputs = outputOperands(op).map(({ tensor }) => tensor);
        const later = train.ops.slice(i + 1);
        const isRead = later.some((each) =>
          inputOperands(each).some(
            ({ tensor }) => outputs.includes(tensor) && whole.tensors[tensor]!.role === 'activation',
          ),
        );
        const without = faultsOf(withOps(train.ops.filter((_, j) => j !== i)));
        if (isRead) {
          expect(without.some((message) => message.includes('is read before it is written'))).toBe(true);
          expect(faultsOf(withOps([...train.ops.filter((_, j) => j !== i), op]))).not.toEqual([]);
        }
        if (outputs.length > 0) {
          expect(
            faultsOf(withOps([...train.ops.slice(0, i + 1), op, ...later])).some((message) =>
              message.includes('a second time'),
            ),
          ).toBe(true);
        }
      });
    }
  });

  it('notices wrong attributes', () => {
    const sample = (name: string): OpInstance => samples.find(({ op }) => op === name)!;
    const withAttrs = (name: string, attrs: object): readonly string[] => {
      const instance = sample(name);
      return faultsOf(alone({ ...instance, attrs: { ...instance.attrs, ...attrs } } as OpInstance));
    };
    expect(withAttrs('conv2d', { stride: [0, 1] })[0]).toContain('stride is [0, 1]; it takes whole numbers from 1');
    expect(withAttrs('conv2d', { pads: [0, 0, -1, 0] })[0]).toContain('pads is [0, 0, -1, 0]');
    expect(withAttrs('conv2d', { groups: 3 })).not.toEqual([]);
    expect(withAttrs('maxPool2d', { kernel: [5, 5] })).not.toEqual([]);
    expect(withAttrs('avgPool2d', { stride: [1.5, 1] })).not.toEqual([]);
    expect(
      withAttrs('batchNorm', { momentum: 'batchesTracked' in sample('batchNorm').inputs ? 0.1 : null }),
    ).not.toEqual([]);
    expect(withAttrs('dropoutMask', { p: 1.5 })[0]).toContain('p is 1.5; it goes from 0 to 1');
    expect(withAttrs('concat', { axis: 4 })).not.toEqual([]);
    expect(withAttrs('softmaxCrossEntropy', { labelSmoothing: -1 })).not.toEqual([]);
    expect(withAttrs('activationGrad', { fn: 'gelu' })).not.toEqual(withAttrs('activationGrad', { fn: 'relu' }));
  });

  it('accepts a pooling output rounded up, but no window that starts in the padding', () => {
    const pool = (size: number, out: number, pad: number): readonly string[] => {
      const builder = new PlanBuilder();
      const x = builder.tensor('x', [1, 1, size, size], 'f32', 'input');
      const y = builder.tensor('y', [1, 1, out, out], 'f32', 'result');
      builder.op('s', {
        op: 'maxPool2d',
        attrs: { kernel: [3, 3], stride: [2, 2], pads: [pad, pad, pad, pad] },
        inputs: { x },
        outputs: { y },
        phase: 'forward',
      });
      return faultsOf(builder.build());
    };
    expect(pool(7, 3, 0)).toEqual([]);
    expect(pool(8, 4, 0)).toEqual([]);
    expect(pool(8, 5, 0)).not.toEqual([]);
    expect(pool(7, 4, 1)).toEqual([]);
    expect(pool(7, 5, 1)).not.toEqual([]);
  });

  it('tells every fault at once, with the op and the node', () => {
    const builder = new PlanBuilder();
    const x = builder.tensor('x', [2, 3], 'f32', 'input');
    const weight = builder.tensor('w', [4, 5], 'f32', 'parameter');
    const y = builder.tensor('y', [2, 9], 'f32', 'activation');
    const late = builder.tensor('late', [2, 9], 'f32', 'activation');
    builder.op('s', { op: 'linear', attrs: {}, inputs: { x, weight }, outputs: { y }, phase: 'forward', node: 'd1' });
    builder.op('s', { op: 'add', attrs: {}, inputs: { a: y, b: late }, outputs: { y: weight }, phase: 'forward' });
    builder.op('other', { op: 'add', attrs: {}, inputs: { a: y, b: y }, outputs: { y: late }, phase: 'forward' });
    expect(faultsOf(builder.build())).toEqual([
      'segment s, op 0: x "x" is 2×3; it must be 2×5\n    linear x=x[2×3] weight=w[4×5] -> y=y[2×9]',
      'segment s, op 0: y "y" is 2×9; it must be 2×4\n    linear x=x[2×3] weight=w[4×5] -> y=y[2×9]',
      'segment s, op 1: y "w" is 4×5; it must be 2×9\n    add a=y[2×9] b=late[2×9] -> y=w[4×5]',
      'segment s, op 1: b "late" is read before it is written\n    add a=y[2×9] b=late[2×9] -> y=w[4×5]',
      'segment s, op 1: y "w" is written, but its role is parameter\n    add a=y[2×9] b=late[2×9] -> y=w[4×5]',
      ...['a "y"', 'b "y"'].map(
        (slot) => `segment other, op 0: ${slot} is read before it is written\n    add a=y[2×9] b=y[2×9] -> y=late[2×9]`,
      ),
      ...['a "y"', 'b "y"', 'y "late"'].map(
        (slot) =>
          `segment other, op 0: ${slot} belongs to segment s; an activation lives in one only\n    add a=y[2×9] b=y[2×9] -> y=late[2×9]`,
      ),
    ]);
  });

  it('notices a broken table', () => {
    const whole = lowered(residual);
    const twice = withTensor(whole, 1, { name: whole.tensors[0]!.name });
    expect(faultsOf(twice)[0]).toBe('two tensors are named "data.trainPixels"');
    expect(faultsOf({ ...whole, tensors: whole.tensors.slice(1) })[0]).toContain(
      'stands at 0 of the table, but has the number 1',
    );
    expect(faultsOf({ ...whole, segments: [...whole.segments, { name: 'train', ops: [] }] })).toEqual([
      'two segments are named "train"',
    ]);
    const empty = withTensor(whole, whole.handles.history, { shape: [0, 2] });
    expect(sizeOf(empty.tensors[whole.handles.history]!.shape)).toBe(0);
    expect(faultsOf(empty)[0]).toContain('extents are whole numbers from 1');
  });
});

describe('PlanBuilder', () => {
  it('refuses a name that is taken and knows its tensors', () => {
    const builder = new PlanBuilder();
    const x = builder.tensor('x', [2], 'f32', 'input', 'node');
    expect(() => builder.tensor('x', [3], 'f32', 'input')).toThrow(
      'The plan has a tensor "x" already; give this one another name.',
    );
    expect([builder.find('x'), builder.find('y')]).toEqual([x, undefined]);
    expect(builder.spec(x)).toEqual({ id: 0, name: 'x', shape: [2], dtype: 'f32', role: 'input', node: 'node' });
    expect(() => builder.shape(7)).toThrow('none with number 7');
    expect(builder.ops('none')).toEqual([]);
  });
});
