import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import {
  lengthen,
  moveBoundary,
  progressive,
  remove,
  resize,
  segmentsOf,
  split,
  stepsOfStage,
  type Stage,
} from '../../renderer/builder/stages/timeline.ts';

const images = 6400;
const stages = progressive({ length: { epochs: 6 }, batchSize: 64 }, 28);
const seen = (list: readonly Stage[]): number =>
  list.reduce((sum, stage) => sum + stepsOfStage(stage, images) * stage.batchSize, 0);

describe('stages on a line', () => {
  it('begin small and end at the size of the data set', () => {
    expect(stages.map(({ imageSize, length }) => [imageSize, length])).toEqual([
      [[14, 14], { epochs: 2 }],
      [[20, 20], { epochs: 2 }],
      [null, { epochs: 2 }],
    ]);
    const ten = progressive({ length: { epochs: 10 }, batchSize: 64 }, 28);
    expect(ten.map(({ length }) => length)).toEqual([{ epochs: 3.5 }, { epochs: 3 }, { epochs: 3.5 }]);
    const segments = segmentsOf(stages, images, 28);
    expect(segments.map(({ size }) => size)).toEqual([14, 20, 28]);
    expect(segments.map(({ steps }) => steps)).toEqual([200, 200, 200]);
    expect(segments[0]!.cost).toBeCloseTo(0.25);
    expect(segments.reduce((sum, { width }) => sum + width, 0)).toBeCloseTo(1);
  });

  it('trade length at a boundary, and nothing is lost', () => {
    const moved = moveBoundary(stages, 0, 1 / 6, images);
    expect(moved.map(({ length }) => length)).toEqual([{ epochs: 3 }, { epochs: 1 }, { epochs: 2 }]);
    expect(seen(moved)).toBe(seen(stages));
    // however far it is dragged, both stages stay
    for (const share of [-2, 2]) {
      const far = moveBoundary(stages, 1, share, images);
      expect(seen(far)).toBe(seen(stages));
      for (const { length } of far) expect('epochs' in length && length.epochs).toBeGreaterThanOrEqual(0.5);
    }
    expect(moveBoundary(stages, 2, 0.1, images)).toEqual(stages);
  });

  it('keep whole steps and half epochs under any sequence of edits', () => {
    const edit = fc.oneof(
      fc.tuple(fc.constant('boundary'), fc.nat(4), fc.double({ min: -1, max: 1, noNaN: true })),
      fc.tuple(fc.constant('lengthen'), fc.nat(4), fc.double({ min: -9, max: 9, noNaN: true })),
      fc.tuple(fc.constant('split'), fc.nat(4), fc.constant(0)),
      fc.tuple(fc.constant('remove'), fc.nat(4), fc.constant(0)),
      fc.tuple(fc.constant('resize'), fc.nat(4), fc.double({ min: -50, max: 900, noNaN: true })),
    );
    const begin = fc.constantFrom<Stage['length']>({ epochs: 6 }, { steps: 300 });
    fc.assert(
      fc.property(begin, fc.array(edit, { maxLength: 12 }), (length, edits) => {
        let list = progressive({ length, batchSize: 32 }, 28);
        for (const [kind, index, value] of edits) {
          if (kind === 'boundary') list = moveBoundary(list, index, value, images);
          else if (kind === 'lengthen') list = lengthen(list, index, value);
          else if (kind === 'split') list = split(list, index);
          else if (kind === 'remove') list = remove(list, index);
          else list = resize(list, index, value, 28);
        }
        expect(list.length).toBeGreaterThan(0);
        for (const stage of list) {
          if ('steps' in stage.length) expect(Number.isInteger(stage.length.steps)).toBe(true);
          else expect((stage.length.epochs * 2) % 1).toBe(0);
          expect(stepsOfStage(stage, images)).toBeGreaterThan(0);
          if (stage.imageSize) expect(stage.imageSize[0]).toBeGreaterThanOrEqual(4);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('give the length of a stage that is taken out to its neighbour', () => {
    expect(remove(stages, 1).map(({ length }) => length)).toEqual([{ epochs: 4 }, { epochs: 2 }]);
    expect(remove(stages, 0).map(({ length }) => length)).toEqual([{ epochs: 4 }, { epochs: 2 }]);
    expect(remove([stages[0]!], 0)).toHaveLength(1);
    expect(
      split(stages, 0)
        .map(({ length }) => length)
        .slice(0, 2),
    ).toEqual([{ epochs: 1 }, { epochs: 1 }]);
  });
});
