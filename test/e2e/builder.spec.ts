/**
 * Building networks by hand: with the mouse alone, with the keyboard alone, broken and mended, transformed, grouped, taken back,
 * reloaded; and how quickly a network of 200 layers follows.
 */
import type { Locator, Page } from '@playwright/test';
import { expect, test } from './lab.ts';

test.describe.configure({ mode: 'serial' });
test.use({ permissions: ['clipboard-read', 'clipboard-write'] });

const complaints: string[] = [];
test.beforeEach(async ({ page, lab }) => {
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  await page.goto(lab.address);
});
test.afterEach(() => expect(complaints).toEqual([]));

const card = (page: Page, name: RegExp): Locator => page.getByRole('group', { name });
const parameters = (page: Page): Locator =>
  page.getByRole('toolbar', { name: 'Network' }).locator('dl > div', { hasText: 'Parameters' }).locator('dd');
const ids = (page: Page): Promise<string[]> =>
  page.locator('.svelte-flow__node').evaluateAll((nodes) => nodes.map((node) => (node as HTMLElement).dataset['id']!));

/** A network of nothing but an input and a dense layer of ten: whatever else stands there is put there by the test. */
async function begin(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
  await card(page, /^Flatten/).click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await expect(page.locator('.svelte-flow__node')).toHaveCount(1);
}

const part = (page: Page, name: string): Locator =>
  page.getByRole('navigation', { name: 'Layers and blocks' }).getByRole('button', { name, exact: true });

test('a residual network is built with the mouse alone', async ({ page }) => {
  await begin(page);
  const put = async (name: string, on: RegExp): Promise<void> => {
    await part(page, name).dragTo(card(page, on));
  };
  await put('Convolution', /^Input/);
  await put('Batch normalisation', /^Convolution conv1/);
  await put('ReLU', /^Batch normalisation bn1/);
  await put('Residual block', /^ReLU relu1/);
  await put('Classifier', /^ReLU reluB1/);
  await expect(page.locator('.svelte-flow__node')).toHaveCount(13);
  await expect(card(page, /^Add add1.*Reads relu1 and bnB1/)).toBeVisible();
  await expect(parameters(page)).not.toHaveText('–');
  // into a wire: where the pointer is on it, it goes between
  const wire = page.locator('.svelte-flow__edge[data-id="relu1→convA1"] .reach');
  const box = (await wire.boundingBox())!;
  const item = (await part(page, 'Dropout').boundingBox())!;
  await page.mouse.move(item.x + 20, item.y + 10);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 6 });
  await page.mouse.up();
  await expect(card(page, /^Dropout dropout1.*Reads relu1/)).toBeVisible();
  await expect(card(page, /^Convolution convA1.*Reads dropout1/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run this experiment' })).not.toHaveAttribute('aria-disabled');
});

test('and again with the keyboard alone, faster than in code', async ({ page }) => {
  await begin(page);
  const canvas = page.getByRole('application', { name: /^Network/ });
  await canvas.focus();
  await page.keyboard.press('Home');
  await page.keyboard.type('conv 16 same bn relu');
  await page.keyboard.press('Enter');
  await expect(card(page, /^ReLU relu1/)).toBeFocused();
  await page.keyboard.type('conv 16 same bn');
  await page.keyboard.press('Enter');
  await expect(card(page, /^Batch normalisation bn2/)).toBeFocused();
  // the shortcut: the ReLU and the end of the branch are selected, then added
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowUp');
  await expect(card(page, /^ReLU relu1/)).toBeFocused();
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Shift+ArrowDown');
  await expect(page.getByText('3 layers selected')).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('End');
  await expect(card(page, /^Batch normalisation bn2/)).toBeFocused();
  await page.keyboard.type('add');
  await page.keyboard.press('Enter');
  await expect(card(page, /^Add add1/)).toBeFocused();
  await expect(page.getByText(/add1 reads only bn2/).first()).toBeVisible();
  // add1 is to read relu1 as well: both are selected, the one that is read first
  await page.keyboard.press('Control+f');
  await page.keyboard.type('relu1');
  await page.keyboard.press('Enter');
  await expect(card(page, /^ReLU relu1/)).toBeFocused();
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Escape');
  await page.keyboard.press('End');
  await page.keyboard.type('relu gap dense 10');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Control+f');
  await page.keyboard.type('add1');
  await page.keyboard.press('Enter');
  const connect = page.getByRole('button', { name: 'Connect a layer to add1' });
  await connect.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('menuitem', { name: 'relu1' }).focus();
  await page.keyboard.press('Enter');
  await expect(card(page, /^Add add1.*Reads bn2 and relu1/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run this experiment' })).not.toHaveAttribute('aria-disabled');
  expect(await ids(page)).toHaveLength(10);
});

test('what is broken says so at its place and is mended by one click', async ({ page }) => {
  await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
  await card(page, /^Flatten/).click();
  await page.keyboard.press('Delete');
  const broken = card(page, /^Dense dense1/);
  await expect(broken.getByText(/dense1 takes features, but image gives an image of 1×28×28/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run this experiment' })).toHaveAttribute('aria-disabled', 'true');
  await broken.getByRole('button', { name: 'Insert flatten' }).click();
  await expect(card(page, /^Flatten/)).toBeVisible();
  await expect(page.getByRole('button', { name: 'Run this experiment' })).not.toHaveAttribute('aria-disabled');
  // rubbish in the clipboard is refused in words and changes nothing
  const before = await ids(page);
  for (const [text, words] of [
    ['{"nodes":[{"id":"a","layer":"wormhole"}]}', 'wormhole'],
    ['this is no network', 'not JSON'],
    [
      JSON.stringify({ nodes: Array.from({ length: 10_000 }, (_, i) => ({ id: `n${i}`, layer: 'relu' })) }),
      'at most 2,000',
    ],
  ] as const) {
    await page.evaluate((content) => navigator.clipboard.writeText(content), text);
    await page.getByRole('application', { name: /^Network/ }).focus();
    await page.keyboard.press('Control+v');
    await expect(page.getByRole('alert').filter({ hasText: words }).first()).toBeVisible();
  }
  expect(await ids(page)).toEqual(before);
});

test('batch norm is moved across the network after a look at the difference', async ({ page }) => {
  await page.getByRole('button', { name: /^LeNet/ }).click();
  await page.getByRole('button', { name: 'Change the whole network' }).click();
  const dialog = page.getByRole('dialog', { name: 'Change the whole network' });
  await expect(dialog.getByText('4 layers added, 4 layers changed')).toBeVisible();
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await expect(card(page, /^Batch normalisation/)).toHaveCount(4);
  await expect(card(page, /^Tanh tanh1.*Reads tanh1_bn/)).toBeVisible();
  await page.getByRole('button', { name: 'Change the whole network' }).click();
  await dialog.getByRole('radio', { name: 'After' }).click();
  await expect(dialog.getByText('bias off → on').first()).toBeVisible();
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await expect(card(page, /^Batch normalisation tanh1_bn.*Reads tanh1/)).toBeVisible();
  expect((await ids(page)).filter((id) => id.endsWith('_bn'))).toHaveLength(4);
});

test('a block is grouped, repeated, kept and used again; all is taken back and done again; a reload keeps it', async ({
  page,
}) => {
  await page.getByRole('button', { name: /^Global-pooling/ }).click();
  const start = await ids(page);
  await card(page, /^Convolution conv2/).click();
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.press('Control+g');
  const times = page.getByRole('textbox', { name: 'Repeated' });
  await times.fill('3');
  await page.keyboard.press('Enter');
  await expect.poll(() => ids(page)).toHaveLength(start.length + 6);
  await page.getByRole('button', { name: 'Keep for reuse' }).click();
  await page.getByRole('switch', { name: 'Folded up' }).click();
  await expect(card(page, /^Block Block 1, 3 times/)).toBeVisible();
  const folded = await ids(page);
  await card(page, /^Global average pooling/).click();
  await page.keyboard.press('ArrowUp');
  await part(page, 'Block 1').click();
  await expect.poll(() => ids(page)).toHaveLength(folded.length + 3);
  const end = await ids(page);
  await page.reload();
  await expect.poll(() => ids(page)).toEqual(end);
  const undo = page.getByRole('button', { name: /^Undo/ });
  for (let i = 0; i < 40 && (await undo.getAttribute('aria-disabled')) === null; i++) await undo.click();
  await expect.poll(() => ids(page)).toEqual(start);
  const redo = page.getByRole('button', { name: /^Redo/ });
  for (let i = 0; i < 40 && (await redo.getAttribute('aria-disabled')) === null; i++) await redo.click();
  await expect.poll(() => ids(page)).toEqual(end);
});
