import { page } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import { armsOf, factors, parseLevels } from '../../renderer/builder/study/factors.ts';
import { inspectModel } from '../../renderer/builder/model.ts';
import { FakeLab, makeSpec, mnist, until } from './fakeLab.ts';
import { showApp } from './showApp.ts';

const factor = (id: string) => factors.find((each) => each.id === id)!;

describe('the factors of a study', () => {
  it('change one thing each, and leave networks that can be trained', () => {
    const base = makeSpec();
    for (const each of factors) {
      const levels =
        each.levels.kind === 'choice' ? each.levels.all : parseLevels(each, each.levels.first(base)).levels;
      expect(levels.length, each.id).toBeGreaterThanOrEqual(2);
      const arms = armsOf(base, each, levels);
      expect(new Set(arms.map(({ spec }) => JSON.stringify({ ...spec, name: '' }))).size, each.id).toBe(arms.length);
      expect(new Set(arms.map(({ spec }) => spec.name)).size, each.id).toBe(arms.length);
      for (const { spec } of arms) expect(inspectModel(spec, mnist).faults, `${each.id}: ${spec.name}`).toEqual([]);
    }
    expect(base).toEqual(makeSpec());
  });

  it('read numbers, once each, and say what is wrong with one', () => {
    const rate = factor('learningRate');
    expect(parseLevels(rate, '0.1, 0.01; 1e-1 3').levels.map(({ label }) => label)).toEqual(['0.1', '0.01', '3']);
    expect(parseLevels(rate, '0.1, fast').fault).toContain('fast');
    expect(parseLevels(factor('batchSize'), '16, 2.5').fault).toContain('2.5');
    expect(parseLevels(factor('dropout'), '0, 1.5').fault).toContain('1.5');
  });
});

describe('the dialog', () => {
  let lab: FakeLab;
  beforeEach(async () => {
    localStorage.clear();
    sessionStorage.clear();
    lab = new FakeLab();
    lab.comparison = { arms: [], baseline: '', specDifferences: [], sideEffects: [], curves: [], table: [] };
    await page.viewport(1280, 800);
    await showApp(lab);
    await page.getByRole('button', { name: /Three layers/ }).click();
    await page.getByRole('button', { name: /Make a study/ }).click();
  });

  it('starts every arm with every seed, seed by seed, and opens the arms side by side', async () => {
    await page.getByRole('combobox', { name: 'Change' }).selectOptions('Learning rate');
    await page.getByRole('textbox', { name: 'To' }).fill('0.1, 0.5');
    await page.getByRole('textbox', { name: 'Seeds' }).last().fill('7, 8');
    await page.getByRole('button', { name: 'Start 4 runs' }).click();
    await until(() => lab.callsOf('runs.create').length === 4, 'four runs are made');
    const made = lab.callsOf('runs.create') as {
      seeds: number[];
      tags: string[];
      spec: { training: { optimizer: { learningRate: number } } };
    }[];
    expect(made.map(({ spec, seeds }) => `${spec.training.optimizer.learningRate} ${seeds.join()}`)).toEqual([
      '0.1 7',
      '0.5 7',
      '0.1 8',
      '0.5 8',
    ]);
    expect(made[0]!.tags).toEqual(['study: learning rate']);
    await until(() => location.hash.startsWith('#/compare/'), 'the arms are side by side');
  });

  it('starts nothing while an arm is missing or a number is none', async () => {
    const start = page.getByRole('button', { name: /Start \d+ runs?/ });
    await page.getByRole('checkbox', { name: 'before' }).click();
    await expect.element(start).toBeDisabled();
    await expect.element(page.getByText('A study needs at least two arms.')).toBeVisible();
    await page.getByRole('combobox', { name: 'Change' }).selectOptions('Dropout rate');
    await page.getByRole('textbox', { name: 'To' }).fill('0.1, much');
    await expect.element(start).toBeDisabled();
    expect(lab.callsOf('runs.create')).toEqual([]);
  });
});
