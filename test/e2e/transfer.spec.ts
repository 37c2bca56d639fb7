/** A network that learned on small images goes on: forked with one thing changed, and with a stem in front for larger ones. */
import type { Page } from '@playwright/test';
import { expect, test } from './lab.ts';

test.describe.configure({ mode: 'serial' });

const complaints: string[] = [];
test.beforeEach(async ({ page, lab }) => {
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  await page.goto(lab.address);
});
test.afterEach(() => expect(complaints).toEqual([]));

/** 20 steps of 60 images at 14×14: enough to leave weights behind. */
const small = {
  ablate: 1,
  name: 'Small images',
  data: { dataset: 'mnist', validation: 500, trainImages: 600 },
  model: {
    nodes: [
      { id: 'image', layer: 'input' },
      { id: 'conv1', layer: 'conv2d', props: { filters: 8, padding: 'same' } },
      { id: 'relu1', layer: 'relu' },
      { id: 'pool1', layer: 'maxPool2d' },
      { id: 'flatten', layer: 'flatten' },
      { id: 'classes', layer: 'dense', props: { units: 10 } },
    ],
  },
  training: {
    batchSize: 60,
    stages: [{ length: { steps: 20 }, imageSize: 14 }],
    evaluateEvery: { steps: 10 },
    optimizer: { kind: 'adam', learningRate: 0.003 },
  },
  seed: 1,
  backend: { kind: 'cpu' },
};

async function train(page: Page): Promise<void> {
  const chooser = page.waitForEvent('filechooser');
  await page.getByRole('button', { name: /^Open a file/ }).click();
  const buffer = Buffer.from(JSON.stringify(small));
  await (await chooser).setFiles({ name: 'small.json', mimeType: 'application/json', buffer });
  await page.getByRole('button', { name: 'Run this experiment' }).click();
  await finished(page, 'Small images');
}

async function finished(page: Page, name: string): Promise<void> {
  await expect(page.getByRole('textbox', { name: 'Name of this run' })).toHaveValue(name);
  await expect(page.getByText(/^Ended/)).toBeVisible({ timeout: 60_000 });
}

async function goOn(page: Page, item: RegExp): Promise<void> {
  await page.getByRole('button', { name: 'Go on from this run' }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

test('a run is forked at its end, and the fork names its parent and shows the curve that leads to it', async ({
  page,
}) => {
  await train(page);
  await goOn(page, /Fork/);
  const dialog = page.getByRole('dialog', { name: 'Fork Small images' });
  await expect(dialog.getByRole('textbox', { name: 'Stage takes' })).toHaveValue('40');
  await dialog.getByRole('combobox', { name: 'Change' }).selectOption('Learning rate');
  await dialog.getByRole('textbox', { name: 'To', exact: true }).fill('0.0005');
  await page.keyboard.press('Tab');
  await dialog.getByRole('button', { name: 'Fork and train' }).click();
  await finished(page, 'Small images, fork at step 20');
  const origin = page.getByRole('region', { name: 'Origin' });
  await expect(origin.getByText('Forked at step 20')).toBeVisible();
  await expect(page.getByText('step 40 of 40')).toBeVisible();
  const chart = page.getByRole('application', { name: /^Accuracy/ });
  await expect(chart).toHaveAttribute('aria-label', /Before the fork: \d/);
  await expect(page.getByText('Adam, learning rate 0.0005')).toBeVisible();
  await origin.getByRole('link', { name: /Small images/ }).click();
  await finished(page, 'Small images');
  await expect(page.getByRole('region', { name: 'Runs that go on from this one' })).toContainText('fork at step 20');
});

test('a stem is put in front; what is reused, frozen and new is told, on the canvas too, and it trains', async ({
  page,
}) => {
  await page.getByRole('link', { name: 'Runs' }).click();
  await page.getByText('Small images', { exact: true }).click();
  await page.keyboard.press('Enter');
  await goOn(page, /Prepend/);
  const dialog = page.getByRole('dialog', { name: /^Put a stem in front of Small images/ });
  await expect(dialog.getByRole('row', { name: /^conv1 frozen 8×1×3×3/ })).toBeVisible();
  await expect(dialog.getByText('Images of 28×28 pixels')).toBeVisible();
  await dialog.getByRole('textbox', { name: 'Epochs of stage 1' }).fill('1');
  await dialog.getByRole('textbox', { name: 'Epochs of stage 2' }).fill('1');
  await page.keyboard.press('Tab');
  await dialog.getByRole('button', { name: 'Draw new weights for classes' }).click();
  await expect(dialog.getByRole('row', { name: /^classes new/ })).toBeVisible();
  await dialog.getByRole('button', { name: 'Open in the builder' }).click();
  const start = page.getByRole('region', { name: 'Start weights' });
  await expect(start.getByText(/weights of Small images/)).toBeVisible();
  await expect(page.getByRole('group', { name: /^Convolution conv1/ }).getByTitle(/frozen in stage 1/)).toBeVisible();
  await expect(page.getByRole('group', { name: /^Dense classes/ }).getByTitle(/drawn anew as asked for/)).toBeVisible();
  await page.getByRole('button', { name: 'Run this experiment' }).click();
  await finished(page, 'Small images, with a stem in front');
  await expect(page.getByRole('region', { name: 'Origin' })).toContainText('Begins with stored weights');
});
