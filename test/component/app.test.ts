import { page, userEvent } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Comparison } from '../../lab/contract/records.ts';
import { FakeLab, makeRun, makeSpec, until } from './fakeLab.ts';
import { showApp } from './showApp.ts';

let lab: FakeLab;
let cut: () => void;
let fail: (error: Error | null) => void;

async function open(hash = '#/build'): Promise<void> {
  ({ cut, fail } = await showApp(lab, hash));
}

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  lab = new FakeLab();
  await page.viewport(1280, 800);
});

const press = (keys: string): Promise<void> => userEvent.keyboard(keys);

describe('the first minute', () => {
  it('offers doors where nothing is, and starts both arms of the demonstration, seed by seed', async () => {
    const comparison: Comparison = {
      arms: [],
      baseline: '',
      specDifferences: [],
      sideEffects: [],
      curves: [],
      table: [],
    };
    lab.comparison = comparison;
    await open('#/runs');
    await page.getByRole('button', { name: /See what BatchNorm does/ }).click();
    await until(() => lab.callsOf('runs.create').length === 6, 'six runs are made');
    const made = lab.callsOf('runs.create') as { seeds: number[]; spec: { model: { batchNorm: string } } }[];
    expect(made.map((call) => `${call.spec.model.batchNorm} ${call.seeds.join()}`)).toEqual([
      'none 1',
      'before 1',
      'none 2',
      'before 2',
      'none 3',
      'before 3',
    ]);
    expect(location.hash).toMatch(/^#\/compare\/.+,.+/);
  });
});

describe('building', () => {
  it('goes from a template to a run', async () => {
    await open();
    await page.getByRole('button', { name: /Three layers/ }).click();
    await expect.element(page.getByRole('group', { name: /Dense dense1, 100 units/ })).toBeVisible();
    await page.getByRole('radio', { name: 'Before' }).click();
    await expect.element(page.getByRole('group', { name: /Batch normalisation/ })).toBeVisible();
    await page.getByLabelText('Seeds').fill('1, 2');
    await page.getByRole('button', { name: 'Run this experiment with 2 seeds' }).click();
    await until(() => lab.callsOf('runs.create').length === 1, 'the runs are made');
    expect(lab.callsOf('runs.create')[0]).toMatchObject({ seeds: [1, 2], spec: { model: { batchNorm: 'before' } } });
    await expect.element(page.getByRole('textbox', { name: 'Name of this run' })).toHaveValue('Sigmoid MLP');
  });

  it('changes a layer in its form, names a fault on the card and keeps the run back until it is mended', async () => {
    await open();
    await page.getByRole('button', { name: /Three layers/ }).click();
    await page.getByRole('group', { name: /Dense dense1/ }).click();
    const units = page.getByRole('textbox', { name: 'Units' });
    await units.fill('32');
    await press('{Enter}');
    await expect.element(page.getByRole('group', { name: /Dense dense1, 32 units/ })).toBeVisible();
    await units.fill('-3');
    await expect.element(page.getByText('1 or more')).toBeVisible();
    await press('{Escape}');
    await page.getByRole('group', { name: /Flatten/ }).click();
    await page.getByRole('button', { name: 'Remove this layer' }).click();
    await expect.element(page.getByText(/dense1 takes features, but image gives/).first()).toBeVisible();
    const run = page.getByRole('button', { name: 'Run this experiment' });
    await expect.element(run).toHaveAttribute('aria-disabled', 'true');
    await press('{Control>}{Enter}{/Control}');
    expect(lab.callsOf('runs.create')).toEqual([]);
    await page.getByRole('button', { name: 'Undo' }).click();
    await expect.element(run).not.toHaveAttribute('aria-disabled');
  });

  it('walks through the layers by arrow keys and takes one out by Delete', async () => {
    await open();
    await page.getByRole('button', { name: /Three layers/ }).click();
    await expect.element(page.getByRole('group', { name: /Dense dense1/ })).toBeVisible();
    document.querySelector<HTMLElement>('[role="application"]')!.focus();
    await press('{ArrowDown}{ArrowDown}{ArrowDown}{ArrowDown}');
    await expect.element(page.getByRole('heading', { name: 'Sigmoid' })).toBeVisible();
    await press('{Delete}');
    await expect.element(page.getByText('sigmoid1 was taken out.')).toBeVisible();
    await page.getByRole('region', { name: 'Messages' }).getByRole('button', { name: 'Undo' }).click();
    await expect.element(page.getByRole('group', { name: /Sigmoid sigmoid1/ })).toBeVisible();
  });
});

describe('the table of runs', () => {
  it('shows thousands of runs with a few rows in the page, and goes through them by keys', async () => {
    lab.runs = Array.from({ length: 10_000 }, (_, i) => makeRun({ name: `Experiment ${i}` })).reverse();
    await open('#/runs');
    await expect.element(page.getByText('10,000 runs')).toBeVisible();
    expect(document.querySelectorAll('[role="row"]').length).toBeLessThan(60);
    document.querySelector<HTMLElement>('[role="grid"]')!.focus();
    await press('{End}');
    await expect.element(page.getByText('Experiment 0', { exact: true })).toBeVisible();
    await press('{Home}{ArrowDown}{Enter}');
    expect(location.hash).toBe(`#/run/${lab.runs[1]!.id}`);
  });

  it('searches, sorts, selects, tags and deletes with undo', async () => {
    lab.runs = [
      makeRun({ name: 'Beta', metrics: { ...makeRun().metrics, testAccuracy: 0.5 } }),
      makeRun({ name: 'Alpha', tags: ['good'], metrics: { ...makeRun().metrics, testAccuracy: 0.9 } }),
    ].reverse();
    await open('#/runs');
    const names = (): string[] => [...document.querySelectorAll('.name')].map((cell) => cell.textContent.trim());
    await until(() => names().join() === 'Alpha,Beta', 'both are there, newest first');
    await page.getByRole('button', { name: 'Test' }).click();
    expect(names()).toEqual(['Alpha', 'Beta']);
    await page.getByRole('button', { name: 'Test' }).click();
    expect(names()).toEqual(['Beta', 'Alpha']);
    await press('/');
    await press('good');
    expect(names()).toEqual(['Alpha']);
    await press('{Escape}');
    await page.getByLabelText('Select Beta').click();
    await page.getByRole('button', { name: 'Tag', exact: true }).click();
    await press('slow{Enter}');
    await until(() => lab.runs.find((run) => run.name === 'Beta')?.tags.join() === 'slow', 'the tag is there');
    await page.getByRole('button', { name: 'Delete 1 run' }).click();
    await until(() => names().join() === 'Alpha', 'Beta is gone');
    await page.getByRole('button', { name: 'Undo' }).click();
    await until(() => names().length === 2, 'Beta is back');
  });
});

describe('a run', () => {
  it('draws its curves as they grow and can be paused', async () => {
    const run = makeRun({ status: 'running', step: 500, seconds: 5 });
    lab.runs = [run];
    lab.series.set(run.id, [{ name: 'validation.accuracy', steps: [100, 200], values: [0.5, 0.6], seconds: [1, 2] }]);
    await open(`#/run/${run.id}`);
    const chart = page.getByRole('application', { name: /^Accuracy/ });
    await expect.element(chart).toHaveAttribute('aria-label', expect.stringMatching(/Validation: 60\.00\s%/) as string);
    lab.progress(run.id, 'validation.accuracy', [300], [0.75]);
    await expect.element(chart).toHaveAttribute('aria-label', expect.stringMatching(/Validation: 75\.00\s%/) as string);
    chart.element().dispatchEvent(new FocusEvent('focus'));
    (chart.element() as HTMLElement).focus();
    await press('{Home}');
    await expect.element(page.getByText('5.00\u202fs left')).toBeVisible();
    await page.getByRole('button', { name: 'Pause run' }).click();
    expect(lab.callsOf('runs.pause')).toEqual([{ id: run.id }]);
    await expect.element(page.getByRole('button', { name: 'Resume run' })).toBeVisible();
  });

  it('is checked by a replay on demand', async () => {
    const run = makeRun();
    lab.runs = [run];
    await open(`#/run/${run.id}`);
    await page.getByRole('button', { name: /Train it again/ }).click();
    await expect.element(page.getByText('The replay came to the same result, bit for bit.')).toBeVisible();
    expect(lab.callsOf('runs.verify')).toEqual([{ id: run.id }]);
  });

  it('says where it trained, why there, and what was measured', async () => {
    const adapter = 'NVIDIA H100';
    const reason = 'Measured for this network: 2 ms a step on the CPU, 4.5 ms on NVIDIA H100.';
    const measured = [
      { backend: 'cpu' as const, millisecondsPerStep: 2 },
      { backend: 'webgpu' as const, millisecondsPerStep: 4.5 },
    ];
    const auto = makeRun({ backendChoice: { asked: 'auto', backend: 'cpu', reason, adapter, measured } });
    const asked = {
      asked: 'webgpu',
      backend: 'webgpu',
      reason: 'The spec asks for it.',
      adapter,
      measured: [],
    } as const;
    const told = makeRun({ backend: 'webgpu', backendChoice: { ...asked, measured: [] } });
    lab.runs = [auto, told];
    await open(`#/run/${auto.id}`);
    const machine = page.getByRole('region', { name: 'Machine' });
    await expect.element(machine.getByText('CPU, 2 threads')).toBeVisible();
    await expect.element(machine.getByText('NVIDIA H100, not used')).toBeVisible();
    await expect.element(machine.getByText(reason)).toBeVisible();
    await expect.element(machine.getByRole('row', { name: /^GPU 4.50 ms a step/ })).toBeVisible();
    await open(`#/run/${told.id}`);
    await expect.element(machine.getByText('The settings ask for the GPU.')).toBeVisible();
  });

  it('says what went wrong', async () => {
    const message = 'The loss is not a number at step 12, first in dense1.';
    const run = makeRun({ status: 'failed', error: { code: 'nonFinite', message, faults: [{ message }] } });
    lab.runs = [run];
    await open(`#/run/${run.id}`);
    await expect.element(page.getByRole('alert').getByText(message)).toBeVisible();
  });

  it.each([
    ['failed', 'unexpected', null, 'This run failed', 'Failed before its first checkpoint; resuming starts it again'],
    ['failed', 'unexpected', 600, 'This run failed', 'Failed; resuming goes on from step 600'],
    ['failed', 'nonFinite', 600, 'This run failed', 'Failed at step 900'],
    ['paused', 'disk', 600, 'This run is paused', 'Paused until it can be saved; it tries again by itself'],
  ] as const)(
    'says what becomes of a run that is %s (%s, checkpoint %s)',
    async (status, code, checkpointStep, title, words) => {
      const message = 'Something happened to it.';
      const run = makeRun({ status, step: 900, checkpointStep, error: { code, message, faults: [] } });
      lab.runs = [run];
      await open(`#/run/${run.id}`);
      await expect.element(page.getByRole('heading', { name: title })).toBeVisible();
      await expect.element(page.getByText(words, { exact: true })).toBeVisible();
      // once: beside the curves, not above them too
      expect(page.getByText(message).elements()).toHaveLength(1);
    },
  );

  it('says when there is no such run', async () => {
    await open('#/run/nobody');
    await expect.element(page.getByText('There is no run nobody.')).toBeVisible();
  });
});

describe('the frame', () => {
  it('finds actions and runs in the palette by keys alone', async () => {
    lab.runs = [makeRun({ name: 'The one with dropout' })];
    await open('#/runs');
    await expect.element(page.getByText('1 run', { exact: true })).toBeVisible();
    await press('{Control>}k{/Control}');
    await press('dark');
    await press('{Enter}');
    await until(() => document.documentElement.dataset['theme'] === 'dark', 'the theme is dark');
    await press('{Control>}k{/Control}');
    await press('dropout{Enter}');
    await until(() => location.hash.startsWith('#/run/'), 'the run is open');
    await press('{Alt>}3{/Alt}');
    await until(() => location.hash === '#/compare', 'the comparison is open');
  });

  it('tells calmly that the lab is gone, and goes on when it is back', async () => {
    await open('#/runs');
    await expect.element(page.getByText('No runs yet')).toBeVisible();
    fail(new Error('down'));
    cut();
    await expect.element(page.getByText('The lab does not answer.')).toBeVisible();
    lab.runs = [makeRun({ name: 'Made meanwhile' })];
    fail(null);
    await expect.element(page.getByText('Made meanwhile')).toBeVisible();
    await expect.element(page.getByText('The lab does not answer.')).not.toBeInTheDocument();
  });

  it('opens a spec file that is dropped, and says what is wrong with another', async () => {
    await open('#/runs');
    const drop = (text: string): void => {
      const data = new DataTransfer();
      data.items.add(new File([text], 'mine.json'));
      window.dispatchEvent(new DragEvent('drop', { dataTransfer: data, cancelable: true }));
    };
    drop('{"ablate": 1,');
    await expect.element(page.getByText(/mine\.json:1:14: line 1, column 14/)).toBeVisible();
    drop(JSON.stringify(makeSpec((spec) => (spec.name = 'From a file'))));
    await expect.element(page.getByRole('textbox', { name: 'Name of this experiment' })).toHaveValue('From a file');
  });
});
