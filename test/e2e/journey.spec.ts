/**
 * The journey of a first visit, on real MNIST: open the page, choose a template, set BatchNorm, run, watch the curve move,
 * compare, tidy up. Each test goes on in the history that the one before has left.
 * ABLATE_SCREENSHOTS=docs/images keeps the pictures in that folder.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page, TestInfo } from '@playwright/test';
import { expect, test } from './lab.ts';

// six runs are trained: seconds where there is nothing else to do, minutes on a busy machine
test.describe.configure({ mode: 'serial', timeout: 400_000 });
const trained = { timeout: 300_000 };

const themes = ['light', 'dark'] as const;

/** A picture in both themes, for people to look at. */
async function picture(page: Page, name: string, info: TestInfo): Promise<void> {
  const folder = process.env['ABLATE_SCREENSHOTS'];
  if (folder !== undefined) mkdirSync(folder, { recursive: true });
  for (const theme of themes) {
    await page.emulateMedia({ colorScheme: theme });
    await expect(page.locator('html')).toHaveAttribute('data-theme', theme);
    await page.waitForTimeout(250);
    const path = folder === undefined ? info.outputPath(`${name}-${theme}.png`) : join(folder, `${name}-${theme}.png`);
    await page.screenshot({ path });
  }
  await page.emulateMedia({ colorScheme: 'light' });
}

/** Everything the page asked for and complained about. */
const requests: string[] = [];
const complaints: string[] = [];

test.beforeEach(async ({ page, lab }) => {
  page.on('request', (request) => requests.push(request.url()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  await page.goto(lab.address);
});

const chart = (page: Page, name: string): Locator => page.getByRole('application', { name: new RegExp(`^${name}`) });
/** The last value of a labelled curve, as a screen reader gets it. */
async function reading(page: Page, name: string, curve: string): Promise<number> {
  const spoken = (await chart(page, name).getAttribute('aria-label')) ?? '';
  return Number(new RegExp(`${curve}: ([\\d.]+)`).exec(spoken)?.[1] ?? Number.NaN);
}

/** Opens a template and makes a short experiment of it. */
async function prepare(page: Page, name: string, steps: number): Promise<void> {
  await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
  await page.getByRole('textbox', { name: 'Name of this experiment' }).fill(name);
  await page.getByRole('combobox', { name: 'Unit of the length' }).selectOption('steps');
  await page.getByRole('textbox', { name: 'Train for' }).fill(String(steps));
  await page.keyboard.press('Enter');
}

test('a template becomes a run, and its curve moves while it trains', async ({ page, lab }, info) => {
  await expect(page).toHaveTitle(/Build/);
  expect(page.url()).not.toContain('token');
  await expect(page.getByRole('button', { name: /^Sigmoid MLP/ })).toBeVisible();
  await picture(page, 'templates', info);

  await prepare(page, 'With BatchNorm', 3000);
  const parameters = page.getByRole('toolbar', { name: 'Network' }).getByText('99.7');
  await expect(parameters).toBeVisible();
  await page
    .getByRole('radiogroup', { name: /BatchNorm/ })
    .getByRole('radio', { name: 'Before' })
    .click();
  await expect(page.getByRole('group', { name: /Batch normalisation/ })).toHaveCount(3);
  await page.getByRole('group', { name: /Dense dense2/ }).click();
  await expect(page.getByRole('textbox', { name: 'Units' })).toHaveValue('100');
  await picture(page, 'build', info);

  await page.getByRole('textbox', { name: 'Seeds' }).fill('1, 2, 3');
  lab.hold(true);
  await page.getByRole('button', { name: 'Run this experiment with 3 seeds' }).click();
  await expect(page.getByRole('textbox', { name: 'Name of this run' })).toHaveValue('With BatchNorm');
  await expect.poll(() => reading(page, 'Accuracy', 'Validation'), trained).toBeGreaterThan(10);
  const early = await reading(page, 'Accuracy', 'Validation');
  lab.hold(false);
  await expect.poll(() => reading(page, 'Accuracy', 'Validation'), trained).toBeGreaterThan(early);
  await expect(page.getByText('Finished').first()).toBeVisible(trained);
  expect(await reading(page, 'Accuracy', 'Validation')).toBeGreaterThan(85);
  await expect(page.getByText('Test accuracy')).toBeVisible();
  await picture(page, 'run', info);
  // the runs of the next test are held, and would wait behind these
  await expect(page.getByRole('link', { name: /seed 3 Finished/ })).toBeVisible(trained);
});

test('a run can be paused and resumed, and several seeds go at once', async ({ page, lab }) => {
  await prepare(page, 'Without BatchNorm', 3000);
  await page.getByRole('textbox', { name: 'Seeds' }).fill('1-3');
  lab.hold(true);
  await page.keyboard.press('Control+Enter');
  await expect(page.getByRole('button', { name: 'Pause run' })).toBeVisible(trained);
  await page.getByRole('button', { name: 'Pause run' }).click();
  await expect(page.getByText('Paused', { exact: true }).first()).toBeVisible();
  lab.hold(false);
  await page.getByRole('button', { name: 'Resume run' }).click();
  await expect(page.getByText('Finished').first()).toBeVisible(trained);
  await page.getByRole('link', { name: /seed 3/ }).click();
  await expect(page.getByRole('link', { name: /seed 3 Finished/ })).toBeVisible(trained);
  await page.getByRole('textbox', { name: 'Note' }).fill('The slow one.');
  await page.getByRole('combobox', { name: 'Add tag' }).fill('baseline');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Remove tag baseline' })).toBeVisible();
});

test('a finished run is measured with recalibrated batch norms', async ({ page }, info) => {
  await page.keyboard.press('Alt+2');
  await page.getByText('With BatchNorm', { exact: true }).first().click();
  await page.getByRole('button', { name: 'Recalibrate' }).click();
  const panel = page.getByRole('region', { name: 'BatchNorm statistics' });
  await expect(panel.getByRole('row', { name: /^Test accuracy [89]\d\.\d\d\s% [89]\d\.\d\d\s%$/ })).toBeVisible({
    timeout: 60_000,
  });
  await expect(page.getByText(/^Statistics of batch norm taken anew over 6,000 images/)).toBeVisible();
  await picture(page, 'recalibrated', info);
});

test('the runs are compared: curves, what differs, and how many steps it took', async ({ page }, info) => {
  await page.keyboard.press('Alt+2');
  await expect(page.getByText('6 runs')).toBeVisible();
  await page.getByLabel('Select all runs').click();
  await picture(page, 'runs', info);
  await page.getByRole('button', { name: 'Compare 6 runs' }).click();
  await expect(page.getByRole('heading', { name: 'What differs' })).toBeVisible();
  await expect(page.getByText('model.batchNorm')).toBeVisible();
  await expect(page.getByRole('row', { name: /^Steps to 90/ })).toBeVisible();
  await page.getByRole('textbox', { name: 'Steps to' }).fill('70');
  await page.keyboard.press('Enter');
  await expect(page.getByText(/70\s%\swas reached by/)).toBeVisible();
  await expect(page.getByText(/times more steps than “With BatchNorm”/)).toBeVisible();
  await page.getByRole('button', { name: 'make baseline' }).click();
  await expect(page.getByText(/times fewer steps than “Without BatchNorm”.*3 pairs of seeds/)).toBeVisible();
  await picture(page, 'compare', info);
  await page.getByRole('radio', { name: 'Seconds' }).click();
  await expect(page.getByRole('radio', { name: 'Seconds' })).toHaveAttribute('aria-checked', 'true');
  await page.reload();
  await expect(page.getByRole('heading', { name: 'What differs' })).toBeVisible();
  await expect(page.getByRole('radio', { name: 'Seconds' })).toHaveAttribute('aria-checked', 'true');
});

test('runs are searched, deleted and brought back', async ({ page }) => {
  await page.getByRole('link', { name: 'Runs' }).click();
  await page.keyboard.press('/');
  await page.keyboard.type('baseline');
  await expect(page.getByRole('row', { name: /Without BatchNorm/ })).toHaveCount(1);
  await page.keyboard.press('Escape');
  await page.getByLabel('Select With BatchNorm').first().click();
  await page.keyboard.press('Delete');
  await expect(page.getByText('1 run deleted.')).toBeVisible();
  await expect(page.getByText('5 runs')).toBeVisible();
  await page.getByRole('button', { name: 'Undo' }).click();
  await expect(page.getByText('6 runs')).toBeVisible();
});

test('everything is reached by keys: palette, views, a run', async ({ page }, info) => {
  await page.keyboard.press('Control+k');
  await page.keyboard.type('batch');
  await picture(page, 'palette', info);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  await page.keyboard.type('dark');
  await page.keyboard.press('Enter');
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.keyboard.press('Alt+2');
  await page.getByRole('grid').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('textbox', { name: 'Name of this run' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('textbox', { name: 'Name of this run' })).toBeVisible();
});

test('an address without the token opens nothing', async ({ browser, lab }) => {
  const page = await browser.newPage();
  await page.goto(new URL(lab.address).origin);
  await expect(page.getByText('Open the address that the lab printed.')).toBeVisible();
  await page.close();
});

test('the page asked nobody but its own server, and complained about nothing', ({ lab }) => {
  const { host } = new URL(lab.address);
  const strangers = requests.filter((url) => !/^(data|blob):/.test(url) && new URL(url).host !== host);
  expect(strangers).toEqual([]);
  expect(requests.length).toBeGreaterThan(0);
  expect(complaints).toEqual([]);
});
