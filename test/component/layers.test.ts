import { page } from 'vitest/browser';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Diagnostics, Finding } from '../../lab/contract/diagnosticsRecords.ts';
import { columnX, extentOf, placeAt, positiveLimits, stagePlaces } from '../../renderer/views/layers/draw.ts';
import { groupFindings } from '../../renderer/views/layers/groupFindings.ts';
import { FakeLab, makeRun, makeSpec } from './fakeLab.ts';
import { showApp } from './showApp.ts';

const steps = [0, 1, 200];
const seen: Diagnostics = {
  run: 'r1',
  probes: 3,
  seconds: 0.1,
  share: 0.0125,
  steps,
  layers: [
    {
      id: 'dense1',
      kind: 'dense',
      measures: {
        p15: [-1, -1, -2],
        p50: [0, 0, 0.5],
        p85: [1, 1, 2],
        gradientNorm: [0.01, 0.1, 1],
        updateRatio: [1e-3, 1e-3, 1e-3],
      },
    },
    {
      id: 'sigmoid1',
      kind: 'sigmoid',
      measures: { p15: [0, 0, 0], p50: [0.5, 0.5, 0.5], p85: [1, 1, 1], saturation: [0.1, 0.3, 0.68] },
    },
  ],
  findings: [
    {
      severity: 'warning',
      layer: 'sigmoid1',
      measure: 'saturation',
      value: 0.68,
      step: 200,
      text: '68 % of sigmoid1 is saturated.',
      advice: 'Try BatchNorm before the activation.',
    },
  ],
  stages: [],
  healthy: [{ measure: 'updateRatio', low: 1e-4, high: 1e-2, why: '' }],
};

let lab: FakeLab;

async function openLayers(): Promise<void> {
  const run = makeRun();
  lab.runs = [run];
  lab.specs.set(run.id, makeSpec());
  await showApp(lab, `#/run/${run.id}`);
  await page.getByRole('radio', { name: 'Layers' }).click();
}

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  lab = new FakeLab();
  lab.answers = {
    'diagnostics.get': ({ id }) => ({ ...seen, run: id }),
    'diagnostics.histograms': ({ id, layer, of }) => ({
      run: id,
      layer,
      of,
      steps: [0, 200],
      low: [0, 0],
      high: [1, 1],
      counts: [
        [0, 5, 1, 0],
        [0, 3, 3, 0],
      ],
    }),
  };
  await page.viewport(1280, 800);
});

describe('the layers of a run', () => {
  it('are told in sentences, and shown at the step of one scrubber', async () => {
    await openLayers();
    const text = (of: string): string => document.querySelector(`#testbed ${of}`)!.textContent;
    await expect.poll(() => text('[aria-label=Findings]')).toMatch(/68\s%\sof\ssigmoid1\sis\ssaturated/);
    await expect.poll(() => text('.grid')).toMatch(/68\s%\ssaturated/);
    await page.getByRole('slider', { name: 'Step' }).fill('1');
    await expect.poll(() => text('.grid')).toMatch(/30\s%\ssaturated/);
    await expect.poll(() => text('.grid')).toContain('0.100');
  });

  it('mark where a stage begins, and name the stage of the step that is looked at', async () => {
    const stages = [
      { step: 0, text: 'Stage 1 of 2: 14×14 pixels, batches of 60.' },
      { step: 100, text: 'Stage 2 of 2: 28×28 pixels, batches of 60.' },
    ];
    expect(stagePlaces(steps, stages)).toEqual([2]);
    expect(stagePlaces([0, 1], stages)).toEqual([]);
    await openLayers();
    const canvas = (): HTMLCanvasElement =>
      document.querySelector<HTMLCanvasElement>('[aria-label="Percentiles of dense1"] canvas')!;
    await expect.poll(() => inkOf(canvas())).toBeGreaterThan(100);
    const plain = inkOf(canvas());
    lab.answers = { ...lab.answers, 'diagnostics.get': ({ id }: { id: string }) => ({ ...seen, run: id, stages }) };
    await openLayers();
    await expect.element(page.getByText(/^Stage 2 of 2: 28×28 pixels/)).toBeVisible();
    await expect.poll(() => inkOf(canvas())).toBeGreaterThan(plain);
    await page.getByRole('slider', { name: 'Step' }).fill('0');
    await expect.element(page.getByText(/^Stage 1 of 2: 14×14 pixels/)).toBeVisible();
  });

  it('show the histograms of the layer that is chosen', async () => {
    await openLayers();
    await page.getByRole('button', { name: /^Show sigmoid1/ }).click();
    await expect.element(page.getByRole('region', { name: 'Histograms of sigmoid1' })).toBeVisible();
    const canvas = document.querySelector<HTMLCanvasElement>('.ridge canvas')!;
    await expect.poll(() => inkOf(canvas)).toBeGreaterThan(500);
    await page.getByRole('radio', { name: 'Gradients' }).click();
    expect(lab.callsOf('diagnostics.histograms').at(-1)).toMatchObject({ layer: 'sigmoid1', of: 'gradient' });
  });

  it('are named together where the same is found in several, and each is reached with its own number', async () => {
    const found = (layer: string, value: number): Finding => ({
      ...seen.findings[0]!,
      layer,
      value,
      text: `${Math.round(100 * value)} % of ${layer} is saturated.`,
    });
    const findings = [found('sigmoid1', 0.68), found('dense1', 0.9), { ...found('sigmoid1', 0.4), advice: 'Else.' }];
    lab.answers = { ...lab.answers, 'diagnostics.get': ({ id }: { id: string }) => ({ ...seen, run: id, findings }) };
    await openLayers();
    const list = page.getByRole('region', { name: 'Findings' });
    await expect.element(list.getByText('2 layers:')).toBeVisible();
    expect(list.getByRole('listitem').all()).toHaveLength(2);
    const second = list.getByRole('button', { name: 'Show dense1: 90 % of dense1 is saturated.' });
    await expect.element(second).toHaveTextContent('dense1');
    await second.click();
    await expect.element(page.getByRole('region', { name: 'Histograms of dense1' })).toBeVisible();
  });

  it('say what to do where nothing was seen', async () => {
    lab.answers = {
      'diagnostics.get': ({ id }: { id: string }) => ({
        ...seen,
        run: id,
        probes: 0,
        steps: [],
        layers: [],
        findings: [],
      }),
    };
    await openLayers();
    await expect.poll(() => document.querySelector('.empty')?.textContent).toMatch(/Train a copy to\s+see them/);
  });
});

function inkOf(canvas: HTMLCanvasElement): number {
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
  let ink = 0;
  for (let i = 3; i < data.length; i += 4) if (data[i]! > 0) ink++;
  return ink;
}

describe('findings in groups', () => {
  const finding = (change: Partial<Finding>): Finding => ({ ...seen.findings[0]!, ...change });
  it('differ in layer and numbers only, keep their order, and mix no severities', () => {
    const findings = [
      finding({ layer: 'relu12', text: 'The values of relu12 hardly differ (standard deviation 1.2e-5).' }),
      finding({ layer: '', text: 'Diagnostics took 7.1 %.' }),
      finding({ layer: 'relu1', text: 'The values of relu1 hardly differ (standard deviation 0.0003).' }),
      finding({ layer: 'relu2', text: 'The values of relu2 are very large (standard deviation 3).' }),
      finding({
        layer: 'relu3',
        severity: 'problem',
        text: 'The values of relu3 hardly differ (standard deviation 0.1).',
      }),
    ];
    const layers = groupFindings(findings).map((group) => group.findings.map(({ layer }) => layer));
    expect(layers).toEqual([['relu12', 'relu1'], [''], ['relu2'], ['relu3']]);
  });
});

describe('drawing', () => {
  it('finds the column under the pointer that it drew there', () => {
    for (const count of [1, 2, 7, 200]) {
      for (let i = 0; i < count; i++) expect(placeAt(columnX(i, count, 300), count, 300)).toBe(i);
    }
    expect(placeAt(-50, 5, 300)).toBe(0);
    expect(placeAt(9999, 5, 300)).toBe(4);
  });

  it('measures values around gaps, and apart where they are equal', () => {
    expect(
      extentOf([
        [null, 2, -1],
        [4, null],
      ]),
    ).toEqual([-1, 4]);
    expect(extentOf([[3, 3]])).toEqual([2.5, 3.5]);
    expect(extentOf([[null]])).toBeNull();
    expect(positiveLimits([[0, null, 1e-3], [2]])).toEqual([1e-3, 2]);
    expect(positiveLimits([[0]])).toBeNull();
  });
});
