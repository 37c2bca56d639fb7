import { page, userEvent } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Spec } from '../../lab/contract/spec.ts';
import { spreadWords } from '../../renderer/builder/balance.ts';
import { FakeLab } from './fakeLab.ts';
import { showApp } from './showApp.ts';

let lab: FakeLab;
const counts = { train: [30, 10], validation: [6, 2], test: [50, 50] };

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  lab = new FakeLab();
  lab.answers = {
    'datasets.split': () => ({ ...counts }),
  };
  await page.viewport(1280, 900);
  await showApp(lab);
  await page.getByRole('button', { name: /Three layers/ }).click();
  await page.getByRole('tab', { name: 'Data' }).click();
});

interface Started {
  readonly spec: Spec;
  readonly seeds: number[];
  readonly folds?: number;
}

/** What the lab is asked to start. */
async function started(): Promise<Started> {
  const before = lab.callsOf('runs.create').length;
  await page.getByRole('button', { name: /^Run this experiment/ }).click();
  await expect.poll(() => lab.callsOf('runs.create').length).toBeGreaterThan(before);
  return lab.callsOf('runs.create').at(-1) as Started;
}

const radio = (name: string) => page.getByRole('radio', { name, exact: true });

async function type(label: string, text: string): Promise<void> {
  await page.getByRole('textbox', { name: label, exact: true }).fill(text);
  await userEvent.keyboard('{Enter}');
}

describe('the split in the builder', () => {
  it('is as it was until something is chosen', async () => {
    const { spec, folds } = await started();
    expect(spec.data).toMatchObject({ split: 'random', folds: null });
    expect(folds).toBeUndefined();
  });

  it('runs all folds as one group', async () => {
    await radio('Folds').click();
    await type('Folds', '4');
    await radio('By class').click();
    await expect.element(page.getByRole('button', { name: /^Run this experiment/ })).toHaveTextContent('Run 4 folds');
    const { spec, folds } = await started();
    expect(folds).toBe(4);
    expect(spec.data).toMatchObject({ split: 'stratified', folds: { count: 4 } });
  });

  it('runs the one fold that is asked for, which stays within their number', async () => {
    await radio('Folds').click();
    await radio('One fold').click();
    await type('Fold', '5');
    await type('Folds', '3');
    await expect.element(page.getByRole('textbox', { name: 'Fold', exact: true })).toHaveValue('3');
    const { spec, folds } = await started();
    expect(folds).toBeUndefined();
    expect(spec.data.folds).toEqual({ count: 3, fold: 3 });
  });

  it('shows how many images of each class are in each part, and asks again when that may have changed', async () => {
    await page.getByText('Class balance').click();
    await expect.element(page.getByRole('row', { name: /30 6 50/ })).toBeVisible();
    await expect.element(page.getByText(/differ by less than 0.01 percentage/)).toBeVisible();
    const asked = (): unknown[] => lab.callsOf('datasets.split');
    const before = asked().length;
    await type('Validation', '123');
    await expect.poll(() => asked().length).toBe(before + 1);
    expect(asked().at(-1)).toMatchObject({ validation: 123, split: 'random', folds: null, seed: 1 });
  });
});

describe('the words for a balance', () => {
  it('tell the largest difference of shares', () => {
    expect(spreadWords({ train: [30, 10], validation: [5, 3] })).toContain('up to 12.50 percentage points');
    expect(spreadWords({ train: [30, 10], validation: [0, 0] })).toContain('none is held out');
  });
});
