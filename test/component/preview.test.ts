import { expect, test } from 'vitest';
import type { NodeActivationRecord } from '../../lab/contract/previewRecords.ts';
import { findingsOf } from '../../renderer/builder/preview/findings.ts';
import { gridOf, paintActivation, scales } from '../../renderer/builder/preview/paint.ts';
import { PreviewState } from '../../renderer/builder/preview/preview.svelte.ts';
import { makeSpec } from './fakeLab.ts';

const node = (more: Partial<NodeActivationRecord> = {}): NodeActivationRecord => ({
  id: 'relu1',
  shape: [2, 1, 2],
  mean: 0.5,
  std: 0.5,
  min: -1,
  max: 1,
  band: [-1, 0, 1],
  histogram: { range: [-1, 1], counts: [2, 2] },
  dead: null,
  saturated: null,
  picture: { channels: 2, height: 1, width: 2, low: -1, high: 1, pixels: btoa('\u0000\u00ff\u0000\u00ff') },
  ...more,
});

test('values are painted blue below zero and orange above, channels side by side', () => {
  const canvas = document.createElement('canvas');
  paintActivation(canvas, node(), { scale: scales.light, columns: 2, grey: false });
  expect([canvas.width, canvas.height]).toEqual([5, 1]);
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, 5, 1);
  expect([...data.slice(0, 3)]).toEqual(scales.light.below);
  expect([...data.slice(4, 7)]).toEqual(scales.light.above);
  // the gap between the channels stays empty
  expect(data[4 * 2 + 3]).toBe(0);
});

test('a long row of features is folded', () => {
  const features = { channels: 1, height: 1, width: 100, low: 0, high: 1, pixels: '' };
  expect(gridOf({ picture: features })).toEqual({ width: 20, height: 5 });
  expect(gridOf({ picture: { ...features, width: 10 } })).toEqual({ width: 10, height: 1 });
});

test('findings name dead units, saturation and values that are no numbers', () => {
  expect(findingsOf(node({ dead: 0.5 }), false)).toMatchObject([{ serious: true }]);
  expect(findingsOf(node({ dead: 0.1 }), false)).toMatchObject([{ serious: false }]);
  expect(findingsOf(node({ dead: 0.01 }), false)).toEqual([]);
  expect(findingsOf(node({ saturated: 0.9 }), false)[0]!.text).toContain('saturated');
  expect(findingsOf(node({ std: null }), false)[0]!.text).toContain('finite');
  expect(findingsOf(node({ std: 0 }), false)[0]!.text).toContain('the same');
  // images may hold whatever they hold
  expect(findingsOf(node({ std: 0 }), true)).toEqual([]);
});

test('the newest question wins, and what does not matter asks nothing', async () => {
  const asked: unknown[] = [];
  const answers: ((value: unknown) => void)[] = [];
  const link = {
    call: (_name: string, input: unknown) => {
      asked.push(input);
      return new Promise((resolve) => answers.push(resolve));
    },
  };
  const preview = new PreviewState(link as never);
  /** For what should not be asked; what should be is waited for. */
  const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 230));
  const spec = makeSpec();
  preview.look(spec);
  await expect.poll(() => asked).toHaveLength(1);
  // another training length changes nothing before training
  preview.look({ ...spec, training: { ...spec.training, batchSize: 7 } });
  await later();
  expect(asked).toHaveLength(1);
  preview.look({ ...spec, seed: 2 });
  await later();
  preview.look({ ...spec, seed: 3 });
  await later();
  expect(asked).toHaveLength(1);
  answers[0]!({ nodes: [], focus: 1 });
  await expect.poll(() => asked).toHaveLength(2);
  // the one in between was never asked, and the answer to the first question was not shown
  expect(asked[1]).toMatchObject({ spec: { seed: 3 } });
  expect(preview.result).toBeNull();
  answers[1]!({ nodes: [node()], focus: 3 });
  await expect.poll(() => preview.byId.get('relu1')?.mean).toBe(0.5);
  expect(preview.waiting).toBe(false);
});
