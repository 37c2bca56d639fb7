import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inputOperands, outputOperands } from '../../../engine/ops/operands.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import { planMemory, type MemoryOptions, type MemoryPlan } from '../../../engine/plan/memory.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import { denseBytes } from '../../../engine/plan/print.ts';
import { examples, vgg } from '../models/examples.ts';
import { adam, lowered } from '../models/lowered.ts';

const alignment = 32;
const options: MemoryOptions = { bytesOf: denseBytes, alignment };

/** Chains of adds over few sizes, in two segments, whose ops read any earlier value. */
const plans = fc
  .array(
    fc.array(fc.record({ size: fc.integer({ min: 1, max: 40 }), reads: fc.tuple(fc.nat(), fc.nat()) }), {
      minLength: 1,
      maxLength: 25,
    }),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((segments): Plan => {
    const builder = new PlanBuilder();
    const x = builder.tensor('x', [7], 'f32', 'input');
    builder.tensor('unused', [5], 'f32', 'activation');
    segments.forEach((list, s) => {
      const values = [x];
      list.forEach(({ size, reads }, i) => {
        const y = builder.tensor(`${s}/${i}`, [size], 'f32', i % 7 === 6 ? 'result' : 'activation');
        const [a, b] = reads.map((read) => values[read % values.length]!) as [number, number];
        builder.op(`s${s}`, { op: 'add', attrs: {}, inputs: { a, b }, outputs: { y }, phase: 'forward' });
        values.push(y);
      });
    });
    return builder.build();
  });

/** Checks by brute force, op by op, that whatever is still to be read has its memory to itself. */
function expectApart(plan: Plan, memory: MemoryPlan, { bytesOf, timeOf }: MemoryOptions): void {
  const end = (id: number): number => memory.offsets[id]! + bytesOf(plan.tensors[id]!);
  const overlap = (a: number, b: number): boolean => memory.offsets[a]! < end(b) && memory.offsets[b]! < end(a);
  const persistent = plan.tensors.filter(({ role }) => role !== 'activation').map(({ id }) => id);
  for (const id of plan.tensors.map((spec) => spec.id)) {
    expect(memory.offsets[id]! % alignment).toBe(0);
    expect(end(id)).toBeLessThanOrEqual(memory.total);
  }
  persistent.forEach((a, i) => {
    for (const b of persistent.slice(i + 1)) expect(overlap(a, b)).toBe(false);
  });
  for (const segment of plan.segments) {
    const touched = segment.ops.map((op) => [...inputOperands(op), ...outputOperands(op)].map(({ tensor }) => tensor));
    const at = (index: number): number => timeOf?.(segment, index) ?? index;
    const times = [...new Set(touched.map((_, index) => at(index)))];
    for (const time of times) {
      const seen = (test: (t: number) => boolean): Set<number> =>
        new Set(touched.filter((_, index) => test(at(index))).flat());
      const [before, after] = [seen((t) => t <= time), seen((t) => t >= time)];
      const live = [...before].filter((id) => after.has(id) && plan.tensors[id]!.role === 'activation');
      live.forEach((a, i) => {
        for (const b of [...live.slice(i + 1), ...persistent]) expect(overlap(a, b)).toBe(false);
      });
    }
  }
}

describe('planMemory', () => {
  it('never lets two live tensors overlap', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 100 }), (plan, perStage, base) => {
        for (const extra of [
          {},
          { timeOf: (_segment: unknown, index: number) => Math.floor(index / perStage), base },
        ]) {
          const used = { ...options, ...extra };
          const memory = planMemory(plan, used);
          expectApart(plan, memory, used);
          expect(memory.arenaBytes).toBeGreaterThanOrEqual(memory.peakBytes);
          expect(memory.total).toBe(memory.arenaStart + memory.arenaBytes);
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each(Object.entries(examples))('places %s and its evaluations', (_name, document) => {
    const plan = lowered(document, { optimizer: adam });
    const memory = planMemory(plan, options);
    expectApart(plan, memory, options);
    const apart = plan.tensors
      .filter(({ role }) => role === 'activation')
      .reduce((sum, spec) => sum + denseBytes(spec), 0);
    expect(memory.arenaBytes).toBeLessThan(apart * 0.5);
    expect(memory.arenaBytes).toBeLessThanOrEqual(memory.peakBytes * 1.1);
  });

  it('keeps parameters, gradients and state as flat blocks in table order', () => {
    const plan = lowered(vgg, { optimizer: adam });
    const bytesOf = (): number => 64;
    const { offsets } = planMemory(plan, { bytesOf, alignment: 64, base: 100 });
    const { parameters, gradients, optimizerState } = plan.handles;
    for (const block of [parameters, gradients, ...optimizerState]) {
      expect(block.map((id) => offsets[id]! - offsets[block[0]!]!)).toEqual(block.map((_, i) => 64 * i));
    }
    expect(offsets[0]).toBe(128);
  });

  it('reuses memory at once: a chain needs only its two largest neighbours', () => {
    const builder = new PlanBuilder();
    let x = builder.tensor('x', [8], 'f32', 'input');
    for (let i = 0; i < 50; i++) {
      const y = builder.tensor(`y${i}`, [8], 'f32', 'activation');
      builder.op('s', { op: 'activation', attrs: { fn: 'relu' }, inputs: { x }, outputs: { y }, phase: 'forward' });
      x = y;
    }
    const plan = builder.build();
    expect(planMemory(plan, options).arenaBytes).toBe(64);
    expect(planMemory(plan, { ...options, timeOf: () => 0 }).arenaBytes).toBe(50 * 32);
  });

  it('refuses an activation that two segments use', () => {
    const builder = new PlanBuilder();
    const a = builder.tensor('a', [1], 'f32', 'activation');
    const b = builder.tensor('b', [1], 'f32', 'activation');
    for (const segment of ['one', 'two']) {
      builder.op(segment, { op: 'add', attrs: {}, inputs: { a, b: a }, outputs: { y: b }, phase: 'forward' });
    }
    expect(() => planMemory(builder.build(), options)).toThrow('"a" is used in the segments one and two');
  });
});
