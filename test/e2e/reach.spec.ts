/** Contrast, names and keyboard, in the page as it is drawn: in light and dark, in the views and over them. */
import type { Page } from '@playwright/test';
import { expect, test } from './lab.ts';
import { faintTexts, namelessControls, tabStops } from './reach.ts';

async function expectReadable(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await expect(page.locator('html')).toHaveAttribute('data-theme', colorScheme);
    await expect(page.locator('html')).not.toHaveClass(/at-once/);
    expect(await faintTexts(page), `contrast, ${colorScheme}`).toEqual([]);
  }
  expect(await namelessControls(page)).toEqual([]);
}

async function expectSeenStops(page: Page, least: number): Promise<void> {
  const stops = await tabStops(page, 70);
  expect(stops.length).toBeGreaterThanOrEqual(least);
  expect(stops.filter(({ seen }) => !seen).map(({ name }) => name)).toEqual([]);
}

test('the first page, the runs and the builder are readable, named and walked by Tab', async ({ page, lab }) => {
  // hundreds of styles are asked for, again at each stop
  test.slow();
  await page.goto(lab.address);
  await expect(page.getByRole('button', { name: /^CNN for Fashion/ })).toBeVisible();
  await expectReadable(page);
  await expectSeenStops(page, 8);
  await page.getByRole('link', { name: 'Runs' }).click();
  await expectReadable(page);
  await page.getByRole('link', { name: 'Build' }).click();
  await page.getByRole('button', { name: /^CNN for Fashion/ }).click();
  for (const tab of ['Data', 'Training', 'Layer']) {
    await page.getByRole('tab', { name: tab }).click();
    if (tab === 'Layer') await page.getByRole('group', { name: /^Convolution conv1/ }).click();
    await expectReadable(page);
  }
  await expectSeenStops(page, 40);
});

test('a dialog is readable, keeps the focus while it is open, and gives it back', async ({ page, lab }) => {
  await page.goto(lab.address);
  await page.getByRole('button', { name: /^CNN for Fashion/ }).click();
  const opener = page.getByRole('button', { name: /study/i }).first();
  await opener.focus();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Make a study' });
  await expect(dialog).toBeVisible();
  await expectReadable(page);
  // the first thing to set, not the cross
  await expect(dialog.getByRole('combobox', { name: 'Change' })).toBeFocused();
  for (const key of ['Tab', 'Shift+Tab'] as const) {
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press(key);
      expect(await dialog.evaluate((element) => element.contains(document.activeElement)), `${key} ${i}`).toBe(true);
    }
  }
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
  await expect(opener).toBeFocused();
});
