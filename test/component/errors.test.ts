import { page } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ClassificationRecord } from '../../lab/contract/analysisRecords.ts';
import { LabError } from '../../lab/contract/errors.ts';
import type { MethodInput, MethodOutput } from '../../lab/contract/methods.ts';
import type { RunRecord } from '../../lab/contract/records.ts';
import { heat, luminance } from '../../renderer/views/errors/heat.ts';
import { FakeLab, makeRun, makeSpec } from './fakeLab.ts';
import { showApp } from './showApp.ts';

/** 3 classes of 10 images; 4 cats taken for dogs, 1 bird taken for a cat. */
const result: ClassificationRecord = {
  step: 300,
  images: 30,
  accuracy: 25 / 30,
  logLoss: 0.4321,
  brier: 0.21,
  ece: 0.0625,
  bins: Array.from({ length: 15 }, (_, i) => ({
    count: i === 14 ? 20 : i === 9 ? 10 : 0,
    confidence: i === 14 ? 0.98 : i === 9 ? 0.64 : 0,
    accuracy: i === 14 ? 0.9 : i === 9 ? 0.7 : 0,
  })),
  confusion: [
    [6, 4, 0],
    [0, 10, 0],
    [1, 0, 9],
  ],
  classes: [
    { name: 'cat', support: 10, precision: 6 / 7, recall: 0.6, f1: 0.706 },
    { name: 'dog', support: 10, precision: 10 / 14, recall: 1, f1: 0.833 },
    { name: 'bird', support: 10, precision: 1, recall: 0.9, f1: 0.947 },
  ],
  wrong: [
    { image: 7, label: 0, prediction: 1, confidence: 0.999, labelProbability: 0.001 },
    { image: 29, label: 2, prediction: 0, confidence: 0.95, labelProbability: 0.04 },
    { image: 3, label: 0, prediction: 1, confidence: 0.8, labelProbability: 0.2 },
    { image: 4, label: 0, prediction: 1, confidence: 0.7, labelProbability: 0.2 },
    { image: 5, label: 0, prediction: 1, confidence: 0.6, labelProbability: 0.2 },
  ],
};

let lab: FakeLab;

async function openErrors(change: Partial<RunRecord> = {}): Promise<RunRecord> {
  const run = makeRun(change);
  lab.runs = [run];
  lab.specs.set(run.id, makeSpec());
  await showApp(lab, `#/run/${run.id}`);
  await page.getByRole('radio', { name: 'Errors' }).click();
  return run;
}

const answer = ({ id }: MethodInput<'runs.analyse'>): MethodOutput<'runs.analyse'> => ({
  kind: 'classification',
  run: id,
  result,
});
const look = () => page.getByRole('button', { name: 'Look at the test images' });

beforeEach(async () => {
  localStorage.clear();
  lab = new FakeLab();
  lab.answers = { 'runs.analyse': answer };
  await page.viewport(1280, 800);
});

describe('the errors of a run', () => {
  it('are computed when asked for: confusions, scores per class, calibration, wrong images', async () => {
    const run = await openErrors();
    expect(lab.callsOf('runs.analyse')).toEqual([]);
    await page.getByRole('radio', { name: 'Best weights' }).click();
    await look().click();
    const matrix = page.getByRole('region', { name: 'Confusion matrix' });
    await expect.element(matrix.getByRole('button', { name: '4' })).toBeVisible();
    expect(lab.callsOf('runs.analyse')).toMatchObject([
      { id: run.id, checkpoint: 'best', request: { kind: 'classification' } },
    ]);
    const rows = [...document.querySelectorAll('#testbed [aria-label="Confusion matrix"] tbody tr')];
    expect(rows.map((row) => [...row.children].map((cell) => cell.textContent.trim()))).toEqual([
      ['cat', '6', '4', '·'],
      ['dog', '·', '10', '·'],
      ['bird', '1', '·', '9'],
    ]);
    // told apart without colour: right answers have a frame and cannot be chosen
    const frame = (cell: Element): string => getComputedStyle(cell).borderTopStyle;
    expect(frame(rows[0]!.querySelector('.cell')!)).toBe('solid');
    expect(frame(rows[0]!.querySelector('button')!)).toBe('none');
    const scores = document.querySelector('#testbed [aria-label="Scores per class"]')!.textContent;
    expect(scores).toMatch(/cat\s*hardest\s*10\s*85\.7\s%\s*60\.0\s%\s*70\.6\s%/);
    const calibration = document.querySelector('#testbed [aria-label=Calibration]')!;
    expect(calibration.textContent).toMatch(/ECE\)\s*6\.25\s%/);
    expect(calibration.querySelectorAll('rect.bar')).toHaveLength(2);
    // 20 images 0.08 too sure, 10 images 0.06 not sure enough
    expect(calibration.textContent).toMatch(/surer than it is right, by\s*3\.33\s%/);
  });

  it('show their images from the test file, the surest first; of one confusion where it is chosen', async () => {
    lab.answers = {
      'runs.analyse': answer,
      'datasets.samples': () => ({ pixels: btoa('\xff'.repeat(784)), labels: [0], shape: [1, 1, 28, 28] }),
    };
    await openErrors();
    await look().click();
    const wrong = (): string[] =>
      [...document.querySelectorAll('#testbed [aria-label="Wrong images"] canvas')].map(
        (canvas) => canvas.getAttribute('aria-label') ?? '',
      );
    const images = (...at: number[]): string[] => at.map((image) => `Test image ${image}`);
    await expect.poll(wrong).toEqual(images(7, 29, 3, 4, 5));
    await expect
      .poll(() => lab.callsOf('datasets.samples'))
      .toContainEqual({ id: 'mnist', split: 'test', offset: 29, count: 1 });
    const first = document.querySelector<HTMLCanvasElement>('#testbed [aria-label="Wrong images"] canvas')!;
    await expect.poll(() => first.getContext('2d')!.getImageData(14, 14, 1, 1).data[0]).toBe(255);
    await page.getByRole('region', { name: 'Confusion matrix' }).getByRole('button', { name: '1' }).click();
    await expect.poll(wrong).toEqual(images(29));
    await expect.element(page.getByRole('heading', { name: 'bird taken for cat' })).toBeVisible();
    await page.getByRole('button', { name: 'Show all classes' }).click();
    await expect.poll(wrong).toHaveLength(5);
  });

  it('tell how far the lab is, and can be cancelled without a complaint', async () => {
    let refuse: (error: Error) => void = () => undefined;
    lab.answers = {
      'runs.analyse': () => new Promise((_, reject) => (refuse = reject)),
      'runs.cancelAnalysis': () => {
        refuse(new LabError('interrupted', 'The job was cancelled.'));
        return { cancelled: true };
      },
    };
    const run = await openErrors();
    await look().click();
    const bar = page.getByRole('progressbar', { name: 'Test images looked at' });
    lab.emit({ name: 'job.progress', data: { job: 'recalibrate', done: 0.9, run: run.id } });
    lab.emit({ name: 'job.progress', data: { job: 'analysis', done: 0.25, run: run.id } });
    lab.emit({ name: 'job.progress', data: { job: 'analysis', done: 0.8, run: 'another' } });
    await expect.element(bar).toHaveAttribute('aria-valuenow', '25');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await expect.element(look()).toBeVisible();
    expect(lab.callsOf('runs.cancelAnalysis')).toEqual([{ id: run.id }]);
    expect(document.querySelector('#testbed [role=alert]')).toBeNull();
  });

  it("say why in the lab's words where they cannot be had", async () => {
    lab.refusals.set('runs.analyse', new LabError('state', 'Run r1 has no best checkpoint yet.'));
    await openErrors();
    await look().click();
    await expect.element(page.getByRole('alert')).toHaveTextContent('Run r1 has no best checkpoint yet.');
    await expect.element(look()).toBeVisible();
  });

  it('say what is missing where there is no checkpoint', async () => {
    await openErrors({ checkpointStep: null });
    await expect.poll(() => document.querySelector('#testbed .empty')?.textContent).toMatch(/left no checkpoint/);
    expect(look().query()).toBeNull();
  });
});

describe('colours of the matrix', () => {
  it('carry numbers that can be read, and get stronger with the count, in both themes', () => {
    const onInk = { '#000': 0, '#fff': 1 } as Readonly<Record<string, number>>;
    for (const dark of [false, true]) {
      const levels = Array.from({ length: 101 }, (_, count) => heat(count, 100, dark));
      for (const { fill, ink } of levels) {
        const [low, high] = [luminance(fill), onInk[ink]!].sort((a, b) => a - b) as [number, number];
        expect((high + 0.05) / (low + 0.05)).toBeGreaterThan(4.5);
      }
      const away = levels.map(({ fill }) => (dark ? 1 : -1) * luminance(fill));
      expect(away).toEqual([...away].sort((a, b) => a - b));
    }
  });
});
