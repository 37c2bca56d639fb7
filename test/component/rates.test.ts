import { page, userEvent } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import { LabError } from '../../lab/contract/errors.ts';
import type { LrRangeRecord } from '../../lab/contract/lrRangeRecords.ts';
import { changedParts, decades, lossRange, nearestPoint, sweepParts } from '../../renderer/builder/rates/sweep.ts';
import { FakeLab, makeSpec } from './fakeLab.ts';
import { showApp } from './showApp.ts';

/** Falls from 1e-3 on, is least at 0.1, and has left all measure at 1. */
const points = Array.from({ length: 51 }, (_, i) => {
  const learningRate = 1e-5 * 10 ** (i / 10);
  const power = Math.log10(learningRate);
  const smoothed = power < -3 ? 2.3 : power < -1 ? 2.3 - 0.8 * (power + 3) : 0.7 + 9 * (power + 1) ** 2;
  return { learningRate, smoothed, loss: smoothed * (i % 2 === 0 ? 1.02 : 0.98) };
});
const record: LrRangeRecord = {
  points,
  end: 'diverged',
  steepest: 0.0126,
  tenthOfLeast: 0.01,
  suggestion: 0.01,
  reason: 'The loss falls fastest at 0.0126.',
};

let lab: FakeLab;

async function openTraining(): Promise<void> {
  await showApp(lab);
  await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
}
const find = () => page.getByRole('button', { name: 'Find a learning rate (range test)' });
const rate = () => page.getByRole('textbox', { name: 'Learning rate', exact: true });
const use = () => page.getByRole('button', { name: /^Set the learning rate to/ });

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  await page.viewport(1440, 900);
  lab = new FakeLab();
  lab.answers = { 'models.lrRange': () => record };
});

describe('the range test in the builder', () => {
  it('tells how far it is and can be cancelled, which leaves nothing behind', async () => {
    let end: (error: Error) => void = () => undefined;
    let ticket = '';
    lab.answers = {
      'models.lrRange': (input: { ticket?: string }) => {
        ticket = input.ticket!;
        return new Promise((_resolve, reject) => (end = reject));
      },
      'models.cancelLrRange': (input: { ticket: string }) => {
        expect(input.ticket).toBe(ticket);
        end(new LabError('interrupted', 'The job was cancelled.'));
        return { cancelled: true };
      },
    };
    await openTraining();
    await find().click();
    await expect.poll(() => ticket).not.toBe('');
    // of another window's test nothing is shown
    lab.emit({ name: 'job.progress', data: { job: 'lrRange', done: 0.9, ticket: 'another' } });
    lab.emit({ name: 'job.progress', data: { job: 'lrRange', done: 0.4, ticket } });
    const bar = page.getByRole('progressbar', { name: 'Range test' });
    await expect.element(bar).toHaveAttribute('aria-valuenow', '40');
    await expect.element(page.getByText(/left$/)).toBeVisible();
    await expect.element(find()).toHaveAttribute('aria-disabled', 'true');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect.element(bar).not.toBeInTheDocument();
    await expect.element(page.getByRole('region', { name: 'Learning-rate range test' })).not.toBeInTheDocument();
    await expect.element(page.getByRole('alert')).not.toBeInTheDocument();
  });

  it('shows the curve and its reason; the suggested rate is one step that can be taken back', async () => {
    await openTraining();
    await expect.element(rate()).toHaveValue('0.1');
    await find().click();
    await expect.element(page.getByText(/diverged before the highest rate.*falls fastest at 0.0126/)).toBeVisible();
    expect(lab.callsOf('models.lrRange')[0]).toMatchObject({ lowest: 1e-5, highest: 10, steps: 200 });
    const plot = page.getByRole('slider', { name: /picked on the curve/ });
    await expect.element(plot).toHaveAttribute('aria-valuetext', 'Rate 0.01, smoothed loss 1.50');
    await use().click();
    await expect.element(rate()).toHaveValue('0.01');
    // another rate does not make the curve out of date
    await expect.element(page.getByText('out of date')).not.toBeInTheDocument();
    await expect.element(use()).toHaveAttribute('aria-disabled', 'true');
    await page.getByRole('button', { name: /^Undo: Set the learning rate to 0.01/ }).click();
    await expect.element(rate()).toHaveValue('0.1');
  });

  it('shows its end on a small screen, where the panel reaches no further than its beginning', async () => {
    await page.viewport(1024, 700);
    await openTraining();
    await find().click();
    await expect.element(use()).toBeInViewport();
    // one that was seen is not come back to
    await page.getByRole('tab', { name: 'Data' }).click();
    await page.getByRole('tab', { name: 'Training' }).click();
    await expect.element(page.getByRole('combobox', { name: 'Unit of the length' })).toBeInViewport();
  });

  it('picks another rate with the keyboard, and gives it up again', async () => {
    await openTraining();
    await find().click();
    const plot = page.getByRole('slider', { name: /picked on the curve/ });
    await expect.element(plot).toBeVisible();
    (plot.element() as HTMLElement).focus();
    await userEvent.keyboard('{ArrowRight}');
    await expect.element(use()).toHaveTextContent('Use 0.013');
    await userEvent.keyboard('{Shift>}{ArrowRight}{/Shift}');
    await expect.element(use()).toHaveTextContent('Use 0.13');
    await use().click();
    await expect.element(rate()).toHaveValue('0.13');
    (plot.element() as HTMLElement).focus();
    await userEvent.keyboard('{Escape}');
    await expect.element(use()).toHaveTextContent('Use 0.01');
  });

  it('is out of date once the network has changed, survives another tab, and says what a factor of the first stage does', async () => {
    lab.templates[0]!.spec.training.stages = [
      {
        length: { epochs: 1 },
        imageSize: null,
        batchSize: null,
        learningRateFactor: 4,
        augmentationStrength: 1,
        frozen: [],
        frozenBatchNorm: 'running',
      },
    ];
    await openTraining();
    await find().click();
    await expect.element(use()).toHaveTextContent('Use 0.0025');
    await expect.element(page.getByText(/The first stage multiplies the rate by 4, so 0.0025/)).toBeVisible();
    await page.getByRole('group', { name: /^Dense dense1/ }).click();
    await page.getByRole('textbox', { name: 'Units' }).fill('50');
    await userEvent.keyboard('{Enter}');
    await page.getByRole('tab', { name: 'Training' }).click();
    await expect.element(page.getByText('out of date')).toBeVisible();
    await expect.element(page.getByText('It was run before the network changed.')).toBeVisible();
    await page.getByRole('button', { name: 'Run again' }).click();
    await expect.element(page.getByText('out of date')).not.toBeInTheDocument();
    expect(lab.callsOf('models.lrRange')).toHaveLength(2);
    await page.getByRole('button', { name: 'Close the range test' }).click();
    await expect.element(use()).not.toBeInTheDocument();
  });

  it('says why there is no suggestion, offers another range, and runs no spec with faults', async () => {
    const none = { steepest: null, tenthOfLeast: null, suggestion: null };
    lab.answers = {
      'models.lrRange': () => ({ ...record, ...none, end: 'complete', reason: 'The loss falls at no rate.' }),
    };
    await openTraining();
    await find().click();
    await expect.element(page.getByText('The loss falls at no rate.')).toBeVisible();
    await expect.element(use()).not.toBeInTheDocument();
    await page.getByRole('textbox', { name: 'Highest rate' }).fill('100');
    await userEvent.keyboard('{Enter}');
    await page.getByRole('button', { name: 'Run again' }).click();
    await expect.poll(() => lab.callsOf('models.lrRange').at(-1)).toMatchObject({ highest: 100 });
    lab.refusals.set('models.lrRange', new LabError('threads', 'The worker ended.'));
    await page.getByRole('button', { name: 'Run again' }).click();
    await expect.element(page.getByRole('alert')).toHaveTextContent('The worker ended.');
    await page.getByRole('group', { name: /^Flatten/ }).click();
    await userEvent.keyboard('{Delete}');
    await page.getByRole('tab', { name: 'Training' }).click();
    await expect.element(find()).toHaveAttribute('title', expect.stringContaining('takes features, but image gives'));
  });
});

describe('what a sweep depends on', () => {
  it('passes over lengths, schedules and the rate, and names the rest', () => {
    const before = sweepParts(makeSpec());
    const of = (change: Parameters<typeof makeSpec>[0]): string[] => changedParts(before, sweepParts(makeSpec(change)));
    const same = of((spec) => {
      spec.name = 'Another';
      spec.training.length = { steps: 7 };
      spec.training.schedule = { kind: 'exponential', gamma: 0.9 };
      spec.training.optimizer.learningRate = 3;
      spec.training.diagnostics = null;
      spec.model.nodes[1]!.position = { x: 1, y: 2 };
      spec.backend.threads = 1;
    });
    expect(same).toEqual([]);
    expect(of((spec) => (spec.training.optimizer.weightDecay = 0.1))).toEqual(['settings of the training']);
    expect(of((spec) => (spec.data.preprocessing = 'raw'))).toEqual(['the data']);
    expect(of((spec) => (spec.model.batchNorm = 'before'))).toEqual(['the network']);
    expect(of((spec) => (spec.seed = 2))).toEqual(['the seed']);
  });

  it('keeps what diverges from flattening the rest, and labels powers of ten', () => {
    const [low, high] = lossRange(points);
    expect(low).toBeLessThan(0.7);
    expect(high).toBeGreaterThan(2.3);
    expect(high).toBeLessThan(4);
    expect(points[nearestPoint(points, 0.0101)]!.learningRate).toBeCloseTo(0.01, 6);
    expect(decades(1e-5, 10, 10)).toEqual([-5, -4, -3, -2, -1, 0, 1]);
    expect(decades(1e-5, 10, 4)).toEqual([-5, -3, -1, 1]);
  });
});
