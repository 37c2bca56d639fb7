import { page, userEvent } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Spec } from '../../lab/contract/spec.ts';
import { augmentationFields, firstAugmentation } from '../../renderer/builder/augmentationFields.ts';
import { FakeLab } from './fakeLab.ts';
import { showApp } from './showApp.ts';

let lab: FakeLab;

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  lab = new FakeLab();
  await page.viewport(1280, 900);
  await showApp(lab);
  await page.getByRole('button', { name: /Three layers/ }).click();
  await page.getByRole('tab', { name: 'Data' }).click();
});

/** The data of the spec on the bench, as the lab gets it for a run. */
async function started(): Promise<Spec['data']> {
  const before = lab.callsOf('runs.create').length;
  await page.getByRole('button', { name: 'Run this experiment' }).click();
  await expect.poll(() => lab.callsOf('runs.create').length).toBeGreaterThan(before);
  return (lab.callsOf('runs.create').at(-1) as { spec: Spec }).spec.data;
}

async function type(label: string, text: string): Promise<void> {
  await page.getByRole('textbox', { name: label }).fill(text);
  await userEvent.keyboard('{Enter}');
}

const on = () => page.getByRole('switch', { name: 'Augmentation' });

describe('augmentation in the builder', () => {
  it('has a field with help for every kind the spec knows', async () => {
    await expect.element(on()).toHaveAttribute('aria-checked', 'false');
    expect(page.getByRole('textbox', { name: 'Shift' }).query()).toBeNull();
    await on().click();
    for (const field of Object.values(augmentationFields)) {
      await expect.element(page.getByRole('textbox', { name: field.label })).toBeVisible();
      await expect.element(page.getByText(field.help!)).toBeVisible();
    }
  });

  it('is set, refused beyond its limits, taken back, and reaches the run', async () => {
    await on().click();
    await type('Rotation', '15');
    await type('Cutout', '0.25');
    await type('Shift', '1.5');
    await expect.element(page.getByRole('textbox', { name: 'Shift' })).toHaveValue('2');
    await type('Contrast', '9');
    await expect.element(page.getByRole('textbox', { name: 'Contrast' })).toHaveValue('0');
    await type('Flip', '0.5');
    await page.getByRole('button', { name: /^Undo/ }).click();
    await expect.element(page.getByRole('textbox', { name: 'Flip' })).toHaveValue('0');
    expect((await started()).augmentation).toEqual({ ...firstAugmentation, rotation: 15, cutout: 0.25 });
  });

  it('is none where it is switched off', async () => {
    await on().click();
    await on().click();
    expect((await started()).augmentation).toBeNull();
  });
});

describe('the picture of an augmentation', () => {
  it('shows images as they are and as the settings change them', async () => {
    lab.answers = {
      'datasets.samples': () => ({
        pixels: btoa('\x64'.repeat(8 * 784)),
        labels: Array.from({ length: 8 }, () => 0),
        shape: [8, 1, 28, 28],
      }),
    };
    await on().click();
    await type('Shift', '0');
    await type('Cutout', '1');
    const canvas = (): HTMLCanvasElement =>
      document.querySelector<HTMLCanvasElement>('#testbed figure canvas[aria-label^="Training images"]')!;
    const grey = (row: number): Set<number> => {
      const { data } = canvas()
        .getContext('2d')!
        .getImageData(0, row * 28, canvas().width, 28);
      return new Set(data.filter((_, i) => i % 4 === 0));
    };
    // no image is whole under a square of its own size, and none of the row above is touched
    await expect.poll(() => [...grey(0)]).toEqual([100]);
    await expect.poll(() => [...grey(1)].sort((a, b) => a - b)).toEqual([0, 100]);
    await type('Cutout', '0');
    await expect.poll(() => [...grey(1)]).toEqual([100]);
  });
});

describe('the epsilon of a whitening', () => {
  it('is asked for where a whitening is chosen', async () => {
    expect(page.getByRole('textbox', { name: 'Epsilon' }).query()).toBeNull();
    await page.getByLabelText('Preprocessing').selectOptions('zcaWhitening');
    await expect.element(page.getByRole('textbox', { name: 'Epsilon' })).toHaveValue('0.01');
    await type('Epsilon', '0.1');
    expect(await started()).toMatchObject({ preprocessing: 'zcaWhitening', whiteningEps: 0.1 });
  });
});
