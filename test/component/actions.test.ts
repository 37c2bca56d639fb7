import { describe, expect, it } from 'vitest';
import { rank } from '../../renderer/actions/rank.ts';
import { armsOf } from '../../renderer/actions/index.ts';
import { matches, printShortcut, typing } from '../../renderer/actions/shortcuts.ts';
import { demonstrationArm } from '../../renderer/actions/start.ts';
import { parseNumber } from '../../renderer/parts/parseNumber.ts';
import { columns, fitting, searched, slice, sorted } from '../../renderer/views/columns.ts';
import { specSummary } from '../../renderer/views/specSummary.ts';
import { verificationWords } from '../../renderer/views/verificationWords.ts';
import { verdict } from '../../renderer/views/verdict.ts';
import type { Comparison } from '../../lab/contract/records.ts';
import { leastTime, slowness } from '../processorTime.ts';
import { makeRun, makeSpec } from './fakeLab.ts';

describe('shortcuts', () => {
  const keys = { key: 'k', ctrlKey: false, metaKey: false, altKey: false, shiftKey: false };

  it('are Ctrl here and Cmd on a Mac', () => {
    expect(matches('Mod+K', { ...keys, ctrlKey: true }, false)).toBe(true);
    expect(matches('Mod+K', { ...keys, metaKey: true }, false)).toBe(false);
    expect(matches('Mod+K', { ...keys, metaKey: true }, true)).toBe(true);
    expect(matches('Mod+K', { ...keys, ctrlKey: true, shiftKey: true }, false)).toBe(false);
    expect(matches('Mod+Shift+Z', { ...keys, key: 'Z', ctrlKey: true, shiftKey: true }, false)).toBe(true);
    expect(matches('Alt+1', { ...keys, key: '1', altKey: true }, false)).toBe(true);
    expect(matches('Delete', { ...keys, key: 'Delete' }, false)).toBe(true);
    expect(printShortcut('Mod+Shift+Z', false)).toBe('Ctrl+Shift+Z');
    expect(printShortcut('Mod+Enter', true)).toBe('⌘↵');
  });

  it('leave text fields alone, but not boxes', () => {
    const input = (type: string): HTMLInputElement => Object.assign(document.createElement('input'), { type });
    expect(typing(input('text'))).toBe(true);
    expect(typing(input('checkbox'))).toBe(false);
    expect(typing(document.createElement('textarea'))).toBe(true);
    expect(typing(document.body)).toBe(false);
    expect(typing(null)).toBe(false);
  });
});

describe('the palette ranks', () => {
  it('what has every word, beginnings of words first', () => {
    const items = ['Undo', 'Go to: Runs', 'Build: Run this experiment', 'Outrun'];
    expect(rank('run', items, (item) => item)).toEqual(['Go to: Runs', 'Build: Run this experiment', 'Outrun']);
    expect(rank('run exp', items, (item) => item)).toEqual(['Build: Run this experiment']);
    expect(rank('  ', items, (item) => item)).toEqual(items);
  });
});

describe('number fields', () => {
  it.each([
    ['1e-3', {}, 0.001, null],
    ['60 000', { integer: true }, 60_000, null],
    ['1,000', {}, 1000, null],
    ['−2', {}, -2, null],
    ['', { optional: true }, null, null],
    ['', {}, null, 'A number is needed'],
    ['abc', {}, null, 'Not a number'],
    ['0x10', {}, null, 'Not a number'],
    ['Infinity', {}, null, 'Not a number'],
    ['1e999', {}, null, 'Too large'],
    ['1.5', { integer: true }, null, 'A whole number is needed'],
    ['0', { min: 0, open: true }, null, 'More than 0'],
    ['-1', { min: 0 }, null, '0 or more'],
    ['2', { max: 1 }, null, '1 or less'],
  ])('read "%s" with %o', (text, rules, value, fault) => {
    expect(parseNumber(text, rules)).toEqual({ value, fault });
  });
});

describe('the table', () => {
  it('leaves out what is most easily spared where there is no room', () => {
    expect(fitting(columns, 5000)).toHaveLength(columns.length);
    const narrow = fitting(columns, 950).map((column) => column.name);
    expect(narrow).toEqual(expect.arrayContaining(['status', 'name', 'validation', 'test']));
    expect(narrow).not.toContain('rate');
    expect(fitting(columns, 100).every((column) => column.spare === 0)).toBe(true);
  });

  it('sorts, with what has no value last either way', () => {
    const runs = [3, null, 1].map((value) => makeRun({ metrics: { ...makeRun().metrics, testAccuracy: value } }));
    const values = (down: boolean): (number | null)[] =>
      sorted(runs, { column: 'test', down }).map((run) => run.metrics.testAccuracy);
    expect(values(true)).toEqual([3, 1, null]);
    expect(values(false)).toEqual([1, 3, null]);
  });

  it('searches 10,000 runs within a frame or two', () => {
    const runs = Array.from({ length: 10_000 }, (_, i) =>
      makeRun({ name: `Run ${i}`, tags: i % 100 === 0 ? ['Rare'] : [] }),
    );
    const time = leastTime(() => expect(searched(runs, 'rare run')).toHaveLength(100));
    expect(time).toBeLessThan(100 * slowness());
    expect(slice(36_000, 700, 36, 10_000)).toEqual({ from: 994, to: 1026 });
    expect(slice(0, 700, 36, 3)).toEqual({ from: 0, to: 3 });
  });
});

describe('arms of a comparison', () => {
  it('are groups where several seeds of one are chosen, oldest first', () => {
    const [a1, b, a2] = [makeRun({ group: 'a' }), makeRun({ group: 'b' }), makeRun({ group: 'a', seed: 2 })];
    expect(armsOf([a2, b, a1])).toEqual(['a', b.id]);
    expect(armsOf(Array.from({ length: 20 }, () => makeRun()))).toHaveLength(12);
  });

  it('of the demonstration differ in BatchNorm alone', () => {
    const [without, before] = [demonstrationArm(makeSpec(), 'none'), demonstrationArm(makeSpec(), 'before')];
    expect({ ...before, name: '', model: { ...before.model, batchNorm: 'none' } }).toEqual({ ...without, name: '' });
    expect(makeSpec().model.batchNorm).toBe('asDrawn');
  });
});

describe('words', () => {
  it('summarise a spec', () => {
    const spec = makeSpec((next) => {
      next.training.optimizer = {
        kind: 'adam',
        learningRate: 0.001,
        beta1: 0.9,
        beta2: 0.999,
        eps: 1e-8,
        weightDecay: 0.01,
        decoupled: true,
        biasCorrection: true,
      };
      next.training.schedule = { kind: 'cosine', finalFactor: 0.1, steps: null };
      next.model.batchNorm = 'after';
      next.model.dropout = 0.2;
    });
    const text = specSummary(spec, 'MNIST').map(({ label, value }) => `${label}: ${value.replaceAll('\u202f', ' ')}`);
    expect(text).toEqual([
      'Data: MNIST',
      'Preprocessing: Scaled to 0 to 1',
      'Training images: all, 5,000 held out',
      'Model: 4 layers drawn',
      'BatchNorm: After each activation',
      'Dropout: 0.2',
      'Optimiser: AdamW, learning rate 0.001, weight decay 0.01',
      'Schedule: Cosine down to 10 %',
      'Batch size: 60',
      'Length: 5 epochs',
      'Evaluated every: 1 epoch',
      'Seed: 1',
    ]);
  });

  const comparison = (
    row: Partial<Comparison['table'][number]>,
    seeds: number,
    status: 'finished' | 'running' = 'finished',
  ): Comparison => ({
    arms: ['Without', 'With'].map((label) => ({
      id: label,
      label,
      runs: Array.from({ length: seeds }, () => makeRun({ status })),
      pace: [],
    })),
    baseline: 'Without',
    specDifferences: [],
    sideEffects: [],
    curves: [],
    table: [{ key: 'stepsTo:validation.accuracy:0.9', label: '', unit: 'steps', better: 'lower', values: [], ...row }],
  });
  const plain = (text: string | undefined): string => (text ?? '').replaceAll('\u202f', ' ');

  it('give a verdict with interval and number of seeds', () => {
    const values = [
      { mean: 4633.3, sd: 500, n: 3, missing: 0, difference: null },
      {
        mean: 1066.7,
        sd: 150,
        n: 3,
        missing: 0,
        difference: { mean: -3566.7, low: -4792, high: -2341, ratio: 0.23, n: 3, paired: true },
      },
    ];
    expect(plain(verdict(comparison({ values }, 3)))).toBe(
      '90 % was reached by “Without” after 4,633 steps and “With” after 1,067 steps. That is 4.3 times fewer steps than “Without”. ' +
        'Difference −3,567 steps, 95 % interval −4,792 to −2,341, 3 pairs of seeds.',
    );
  });

  it('say so when an arm was there at its first evaluation', () => {
    const values = [
      { mean: 1400, sd: null, n: 1, missing: 0, difference: null },
      {
        ...{ mean: 50, sd: null, n: 1, missing: 0 },
        difference: { mean: -1350, low: null, high: null, ratio: 50 / 1400, n: 1, paired: true },
      },
    ];
    const empty = { epochs: [], images: [], seconds: [], mean: [], low: [], high: [], traces: [] };
    const curves = ['Without', 'With'].map((arm) => ({
      arm,
      curves: [{ name: 'validation.accuracy' as const, steps: [50, 100], ...empty }],
    }));
    expect(plain(verdict({ ...comparison({ values }, 1), curves }))).toContain(
      '“With” at its first evaluation, after 50 steps. That is at least 28 times fewer steps',
    );
  });

  it('name the first difference of a replay', () => {
    const same = {
      ...{ run: 'r', identical: true, whole: true, steps: 100, recordedHash: 'a', replayedHash: 'a', compared: 9 },
      ...{ firstDifference: null, recordedEngine: '1', replayedEngine: '1', threads: 1, seconds: 1 },
    };
    expect(verificationWords({ ...same, whole: false })).toContain('first 100 steps came to the same');
    const firstDifference = { series: 'train.loss' as const, step: 12, recorded: 0.5, replayed: null };
    expect(verificationWords({ ...same, identical: false, firstDifference, replayedEngine: '2' })).toBe(
      'The replay differs from step 12 on: train loss is 0.5000 in the record and – in the replay. The run was made by engine 1, the replay by 2.',
    );
    expect(verificationWords({ ...same, identical: false })).toContain('though the curves agree');
  });

  it('claim nothing from one seed, and nothing before it is reached', () => {
    const none = { mean: null, sd: null, n: 0, missing: 1, difference: null };
    expect(plain(verdict(comparison({ values: [none, none] }, 1)))).toBe('None of the arms reached 90 %.');
    expect(plain(verdict(comparison({ values: [none, none] }, 1, 'running')))).toBe(
      'None of the arms has reached 90 % yet.',
    );
    const reached = { mean: 600, sd: null, n: 1, missing: 0, difference: null };
    expect(plain(verdict(comparison({ values: [none, reached] }, 1)))).toBe(
      '90 % was reached by “With” after 600 steps. Never by “Without”.',
    );
    const difference = { mean: -400, low: null, high: null, ratio: 0.6, n: 1, paired: true };
    const one = comparison(
      {
        values: [
          { ...reached, mean: 1000 },
          { ...reached, difference },
        ],
      },
      1,
    );
    expect(verdict(one)).toContain('One pair of seeds says nothing about chance');
    const some = { mean: 600, sd: null, n: 1, missing: 2, difference: null };
    expect(verdict(comparison({ values: [some, some] }, 3, 'running'))).toContain('(1 of 3 seeds so far)');
    expect(verdict(comparison({ values: [some, some] }, 3))).toContain('(only 1 of 3 seeds did)');
  });
});
