import { page, userEvent } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import { LabError } from '../../lab/contract/errors.ts';
import type { MethodInput, MethodOutput } from '../../lab/contract/methods.ts';
import type { RunRecord } from '../../lab/contract/records.ts';
import type { Spec } from '../../lab/contract/spec.ts';
import { FakeLab, makeRun, makeSpec } from './fakeLab.ts';
import { showApp } from './showApp.ts';

const split = (accuracy: number, loss: number): { accuracy: number; loss: number; images: number } => ({
  accuracy,
  loss,
  images: 10_000,
});

const answer = ({ id, batches = 100 }: MethodInput<'runs.recalibrate'>): MethodOutput<'runs.recalibrate'> => ({
  run: id,
  before: { test: split(0.9123, 0.2813), train: split(0.9218, 0.2654) },
  after: { test: split(0.9301, 0.2442), train: split(0.9377, 0.2267) },
  batches,
  images: batches * 60,
  layers: [
    { node: 'sigmoid1_bn', gap: 1.02 },
    { node: 'sigmoid2_bn', gap: 3.21 },
  ],
});

let lab: FakeLab;

async function openRun(model: (model: Spec['model']) => void, change: Partial<RunRecord> = {}): Promise<RunRecord> {
  const run = makeRun(change);
  lab.runs = [run];
  lab.specs.set(
    run.id,
    makeSpec((spec) => model(spec.model)),
  );
  await showApp(lab, `#/run/${run.id}`);
  await expect.element(page.getByRole('heading', { name: 'Settings' })).toBeVisible();
  await expect.poll(() => document.querySelector('#testbed')!.textContent).toContain('Optimiser');
  return run;
}

const before = (model: Spec['model']): void => void (model.batchNorm = 'before');
const panel = () => page.getByRole('region', { name: 'BatchNorm statistics' });
const start = () => page.getByRole('button', { name: 'Recalibrate' });

beforeEach(async () => {
  localStorage.clear();
  lab = new FakeLab();
  lab.answers = { 'runs.recalibrate': answer };
  await page.viewport(1280, 800);
});

describe('recalibrating a run', () => {
  it('shows accuracy and loss with both statistics, how far off they were, and that the run stays as it is', async () => {
    const run = await openRun(before);
    const batches = page.getByRole('textbox', { name: 'Batches to recalibrate over' });
    await batches.fill('250');
    await userEvent.keyboard('{Enter}');
    await start().click();
    await expect.element(panel().getByRole('table')).toBeVisible();
    expect(lab.callsOf('runs.recalibrate')).toEqual([{ id: run.id, batches: 250 }]);
    const rows = [...document.querySelectorAll('#testbed [aria-label="BatchNorm statistics"] tbody tr')];
    const space = '\u202f';
    expect(rows.map((row) => [...row.children].map((cell) => cell.textContent.trim()))).toEqual([
      ['Test accuracy', `91.23${space}%`, `93.01${space}%`],
      ['Test loss', '0.2813', '0.2442'],
      ['Training accuracy', `92.18${space}%`, `93.77${space}%`],
      ['Training loss', '0.2654', '0.2267'],
    ]);
    const said = document
      .querySelector('#testbed [aria-label="BatchNorm statistics"]')!
      .textContent.replace(/\s+/g, ' ');
    expect(said).toContain('Over 250 batches, 15,000 images; measured on 10,000 test');
    expect(said).toContain('Variances were off by a factor of up to 3.21 (sigmoid2_bn).');
    expect(said).toContain('Run and checkpoint keep the statistics as trained.');
  });

  it('reads the events of the run again, where the lab has noted it', async () => {
    const run = await openRun(before);
    const read = (): number => lab.callsOf('runs.get').length;
    const earlier = read();
    await start().click();
    await expect.poll(read).toBe(earlier + 1);
    expect(lab.callsOf('runs.get').at(-1)).toEqual({ id: run.id });
  });

  it('tells how far this run is, keeps the last answer meanwhile, and can be cancelled without a complaint', async () => {
    const run = await openRun(before);
    await start().click();
    await expect.element(panel().getByRole('table')).toBeVisible();
    let refuse: (error: Error) => void = () => undefined;
    lab.answers = {
      'runs.recalibrate': () => new Promise((_, reject) => (refuse = reject)),
      'runs.cancelRecalibration': () => {
        refuse(new LabError('interrupted', 'The job was cancelled.'));
        return { cancelled: true };
      },
    };
    await start().click();
    const bar = page.getByRole('progressbar', { name: 'Recalibration' });
    lab.emit({ name: 'job.progress', data: { job: 'recalibrate', done: 0.4, run: run.id } });
    lab.emit({ name: 'job.progress', data: { job: 'recalibrate', done: 0.9, run: 'another' } });
    lab.emit({ name: 'job.progress', data: { job: 'analysis', done: 0.8, run: run.id } });
    await expect.element(bar).toHaveAttribute('aria-valuenow', '40');
    await expect.element(panel().getByRole('table')).toBeVisible();
    await panel().getByRole('button', { name: 'Cancel' }).click();
    await expect.element(start()).toBeVisible();
    expect(lab.callsOf('runs.cancelRecalibration')).toEqual([{ id: run.id }]);
    expect(document.querySelector('#testbed [role=alert]')).toBeNull();
  });

  it('is ended when its page is left', async () => {
    lab.answers = {
      'runs.recalibrate': () => new Promise(() => undefined),
      'runs.cancelRecalibration': () => ({ cancelled: true }),
    };
    const run = await openRun(before);
    await start().click();
    await page.getByRole('button', { name: 'All runs' }).click();
    await expect.poll(() => lab.callsOf('runs.cancelRecalibration')).toEqual([{ id: run.id }]);
  });

  it("says why in the lab's words where it cannot be had", async () => {
    lab.refusals.set('runs.recalibrate', new LabError('state', 'Run r1 has no batch norm with running statistics.'));
    await openRun(before);
    await start().click();
    await expect
      .element(panel().getByRole('alert'))
      .toHaveTextContent('Run r1 has no batch norm with running statistics.');
    await expect.element(start()).toBeVisible();
  });

  it('is offered where batch norm is drawn, and only of finished runs that have any', async () => {
    const draw = (layer: 'batchNorm' | 'noisyBatchNorm') => (model: Spec['model']) => {
      model.nodes.splice(3, 0, { id: 'bn', layer });
    };
    await openRun(draw('batchNorm'));
    await expect.element(start()).toBeVisible();
    await openRun(draw('noisyBatchNorm'));
    await expect.element(start()).toBeVisible();
    await openRun((model) => {
      draw('batchNorm')(model);
      model.batchNorm = 'none';
    });
    expect(panel().query()).toBeNull();
    await openRun(() => undefined);
    expect(panel().query()).toBeNull();
    await openRun(before, { status: 'running', reason: null });
    expect(panel().query()).toBeNull();
  });

  it('says what is missing where there is no checkpoint any more', async () => {
    await openRun(before, { checkpointStep: null });
    await expect.element(start()).toHaveAttribute('aria-disabled', 'true');
    await expect.element(start()).toHaveAttribute('title', expect.stringContaining('no checkpoint any more'));
  });
});

describe('recalibrating at the end of a run', () => {
  it('is set beside the training of a network with batch norm, and is told of its runs', async () => {
    await showApp(lab);
    await page.getByRole('button', { name: /^Sigmoid MLP/ }).click();
    const field = page.getByRole('textbox', { name: 'Recalibrate' });
    expect(field.query()).toBeNull();
    await page
      .getByRole('radiogroup', { name: /BatchNorm/ })
      .getByRole('radio', { name: 'Before' })
      .click();
    await expect.element(field).toHaveValue('');
    await field.fill('120');
    await userEvent.keyboard('{Enter}');
    await page.getByRole('button', { name: /^Run this experiment/ }).click();
    await expect.poll(() => lab.callsOf('runs.create').length).toBe(1);
    const [made] = lab.callsOf('runs.create') as MethodInput<'runs.create'>[];
    expect((made!.spec as Spec).training.recalibrateBatchNorm).toBe(120);
    await expect.poll(() => document.querySelector('#testbed')!.textContent).toContain('over 120 batches');
  });
});
