import { describe, expect, test } from 'vitest';
import { elementwiseLossNames } from '../../../engine/ops/op.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import type { OpInstance } from '../../../engine/plan/plan.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';

const rows = 5;
const classes = 4;
const h = 2 ** -6;

interface LossCase {
  readonly op: 'elementwiseLoss' | 'multiMarginLoss';
  readonly attrs: object;
  /** Against values of the prediction's shape instead of classes. */
  readonly values?: boolean;
}

const cases: readonly LossCase[] = [
  ...elementwiseLossNames.flatMap((fn) =>
    (['mean', 'sum', 'rowMeans'] as const).flatMap((reduction) =>
      [false, true].map((values): LossCase => ({
        op: 'elementwiseLoss',
        attrs: { fn, reduction, ...(fn === 'huber' && { delta: 0.75 }) },
        values,
      })),
    ),
  ),
  ...[1, 2].flatMap((p) =>
    (['mean', 'sum'] as const).map((reduction): LossCase => ({
      op: 'multiMarginLoss',
      attrs: { p, margin: 0.8, reduction },
    })),
  ),
];

async function compiled({ op, attrs, values = false }: LossCase) {
  const builder = new PlanBuilder();
  const prediction = builder.tensor('prediction', [rows, classes], 'f32', 'input');
  const target = values
    ? builder.tensor('target', [rows, classes], 'f32', 'input')
    : builder.tensor('target', [rows], 'i32', 'input');
  const loss = builder.tensor('loss', [1], 'f32', 'result');
  const gradient = builder.tensor('gradient', [rows, classes], 'f32', 'result');
  const [input, output] = op === 'elementwiseLoss' ? ['prediction', 'dprediction'] : ['logits', 'dlogits'];
  const inputs = { [input]: prediction, target };
  builder.op('run', {
    op,
    attrs,
    inputs,
    outputs: { loss, [output]: gradient },
    phase: 'loss',
  } as unknown as OpInstance);
  const plan = builder.build();
  verifyPlan(plan);
  const executable = await referenceBackend.compile(plan);
  const random = new RandomStream(9, streamKind.noise);
  if (values)
    executable.write(
      target,
      Float32Array.from({ length: rows * classes }, () => random.below(5) / 4),
    );
  // One row counts for nothing.
  else executable.write(target, Int32Array.of(0, 3, -1, 1, 3));
  const read = (id: number, size: number): Float32Array => {
    const into = new Float32Array(size);
    void executable.read(id, into);
    return into;
  };
  return (x: Float32Array): { loss: number; gradient: Float32Array } => {
    executable.write(prediction, x);
    executable.run('run');
    return { loss: read(loss, 1)[0]!, gradient: read(gradient, rows * classes) };
  };
}

describe('gradients of losses against finite differences', () => {
  // Odd multiples of 1/8; targets are multiples of 1/4. No difference comes within 2 h of a kink.
  const random = new RandomStream(5, streamKind.noise);
  const x = Float32Array.from({ length: rows * classes }, () => (random.below(20) - 10) / 4 + 1 / 8);

  test.each(cases.map((each) => [`${each.op} ${JSON.stringify(each.attrs)} ${each.values ?? false}`, each] as const))(
    '%s',
    async (_, each) => {
      const run = await compiled(each);
      const { gradient } = run(x);
      for (let i = 0; i < x.length; i++) {
        const loss = (by: number): number => run(x.with(i, x[i]! + by)).loss;
        expect(gradient[i]).toBeCloseTo((loss(h) - loss(-h)) / (2 * h), 3);
      }
      expect(Math.max(...gradient.map(Math.abs))).toBeGreaterThan(0.01);
      if (!each.values) expect([...gradient.slice(2 * classes, 3 * classes)]).toEqual([0, 0, 0, 0]);
    },
  );
});
