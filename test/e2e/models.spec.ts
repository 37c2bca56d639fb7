/** Models out of the page and into it again, and the range test on real images: each with a lab that knows nothing yet. */
import { readFileSync } from 'node:fs';
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './lab.ts';

const complaints: string[] = [];
test.beforeEach(async ({ page, lab }) => {
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  await page.goto(lab.address);
});
test.afterEach(() => expect(complaints).toEqual([]));

const cards = (page: Page): Promise<string[]> =>
  page
    .locator('.svelte-flow__node')
    .evaluateAll((nodes) => nodes.map((node) => node.getAttribute('aria-label') ?? '').sort());
const parameters = (page: Page): Locator =>
  page.getByRole('toolbar', { name: 'Network' }).locator('dl > div', { hasText: 'Parameters' }).locator('dd');

/** Opens a file the way that a person does, through the chooser of the browser. */
async function open(page: Page, path: string): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: 'File', exact: true }).click();
  await page.getByRole('menuitem', { name: /^Open a file/ }).click();
  await (await chooser).setFiles(path);
}

test('a model is exported in two formats and comes back as the same architecture', async ({ page }, info) => {
  await page.getByRole('button', { name: /^LeNet/ }).click();
  await expect(parameters(page)).not.toHaveText('–');
  await expect.poll(async () => (await cards(page)).length).toBeGreaterThan(8);
  const before = { cards: await cards(page), parameters: (await parameters(page).textContent())! };
  for (const [item, end, said] of [
    [/^Architecture/, '.json', /is saved and on the bench/],
    [/^ONNX with weights/, '.onnx', /is saved with its weights and on the bench/],
  ] as const) {
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export the model' }).click();
    await page.getByRole('menuitem', { name: item }).click();
    const file = await download;
    const path = info.outputPath(file.suggestedFilename());
    expect(path.endsWith(end)).toBe(true);
    await file.saveAs(path);
    expect(readFileSync(path).length).toBeGreaterThan(200);
    // another network lies on the bench when the file comes
    await page.getByRole('button', { name: 'File', exact: true }).click();
    await page.getByRole('menuitem', { name: 'New from a template' }).click();
    await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
    await expect.poll(() => cards(page)).not.toEqual(before.cards);
    await open(page, path);
    await expect(page.getByText(said)).toBeVisible();
    await expect.poll(async () => (await cards(page)).length).toBe(before.cards.length);
    await expect(parameters(page)).toHaveText(before.parameters);
    if (end === '.json') await expect.poll(() => cards(page)).toEqual(before.cards);
  }
});

test('the range test finds a rate at which the network learns, and it is taken back by undo', async ({ page }) => {
  await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
  const rate = page.getByRole('textbox', { name: 'Learning rate', exact: true });
  await expect(rate).toHaveValue('0.1');
  await page.getByRole('button', { name: /^Find a learning rate/ }).click();
  const box = page.getByRole('region', { name: 'Learning-rate range test' });
  await expect(box.getByText(/The loss falls fastest at/)).toBeVisible({ timeout: 60_000 });
  await box.getByRole('button', { name: /^Set the learning rate to/ }).click();
  await expect(rate).not.toHaveValue('0.1');
  const found = Number(await rate.inputValue());
  expect(found).toBeGreaterThan(0.001);
  expect(found).toBeLessThan(1);
  await page.getByRole('button', { name: /^Undo: Set the learning rate/ }).click();
  await expect(rate).toHaveValue('0.1');
  // with the keyboard alone another one
  await box.getByRole('slider').focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await box.getByRole('button', { name: /^Set the learning rate to/ }).press('Enter');
  await expect.poll(async () => Number(await rate.inputValue())).toBeGreaterThan(found);
  // a change that matters makes it out of date
  await page.getByRole('textbox', { name: 'Batch size' }).fill('120');
  await page.keyboard.press('Enter');
  await expect(box.getByText('out of date')).toBeVisible();
});
