import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../db/open.node.ts';
import { measureNames, type MeasureName } from '../../engine/index.ts';
import type { Diagnostics } from '../../lab/contract/diagnosticsRecords.ts';
import { diagnosticsSchema, histogramsSchema } from '../../lab/contract/diagnosticsRecords.ts';
import { specSchema } from '../../lab/contract/spec.ts';
import type { StepProbe } from '../../lab/ports.ts';
import { compose } from '../../node/compose.ts';
import { run } from '../db/fixtures.ts';
import { jsonHere, runHere } from './cliHere.ts';

const spec = specSchema.parse({
  ablate: 1,
  data: { dataset: 'mnist' },
  model: {
    nodes: [
      { id: 'image', layer: 'input' },
      { id: 'flatten', layer: 'flatten' },
      { id: 'dense1', layer: 'dense', props: { units: 4 } },
      { id: 'tanh1', layer: 'tanh' },
      { id: 'classes', layer: 'dense', props: { units: 10 } },
    ],
  },
  training: { optimizer: { kind: 'sgd', learningRate: 0.1 } },
});

const layer = (id: string, values: Partial<Record<MeasureName, number>>): StepProbe['layers'][number] => ({
  layer: id,
  values: Float32Array.from(measureNames, (name) => values[name] ?? Number.NaN),
  histograms: [{ of: 'activation', low: 0, high: 1, counts: Int32Array.of(0, 3, 1, 0) }],
});
const probe = (step: number, saturation: number): StepProbe => ({
  step,
  seconds: 0.01,
  layers: [
    layer('tanh1', { mean: 0.5, saturation, p15: -1 + step / 100, p50: 0, p85: 1 }),
    layer('dense1', { gradientNorm: 0.5, updateRatio: 0.001 }),
    layer('', { gradientNorm: 1 }),
  ],
});

describe('diagnose', () => {
  const home = mkdtempSync(join(tmpdir(), 'ablate-diagnose-'));
  beforeAll(() => {
    const store = openStore(home);
    store.insertRun(run('seen', { status: 'finished', seconds: 2 }), spec);
    store.insertRun(run('blind', { status: 'finished' }), spec);
    store.appendProbes('seen', [probe(0, 0.1), probe(100, 0.68)]);
    store.insertRun(run('staged', { status: 'finished' }), spec);
    store.appendProbes('staged', [probe(0, 0.1), probe(50, 0.1), probe(100, 0.2), probe(150, 0.3)]);
    const stage = (step: number, text: string): void =>
      store.appendEvent('staged', { at: step, step, kind: 'stage', text });
    stage(0, 'Stage 1 of 2: 14×14 pixels, batches of 60.');
    stage(100, 'Stage 2 of 2: 28×28 pixels, batches of 60.');
    // told once more by another backend, from a checkpoint
    stage(100, 'Stage 2 of 2: 28×28 pixels, batches of 60.');
    store.close();
  });
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it('prints findings and a table per layer, in the order of the network', async () => {
    const { code, out } = await runHere('diagnose', 'seen', '--home', home);
    expect(code).toBe(0);
    expect(out).toContain('2 probes in 20 ms, 1.00 % of the training time; values at step 100');
    expect(out).toContain('! 68 % of tanh1 is saturated. Try Glorot initial weights');
    const rows = out.split('\n').filter((line) => /^(dense1|tanh1) /.test(line));
    expect(rows[0]).toMatch(/^dense1 +dense .*0\.500.*0\.00100/);
    expect(rows[1]).toMatch(/^tanh1 +tanh .*68 %/);
  });

  it('looks at an earlier step when asked to', async () => {
    const { out } = await runHere('diagnose', 'seen', '--home', home, '--step', '50');
    expect(out).toContain('values at step 0');
    expect(out).toContain('Nothing stands out.');
  });

  it('gives every measure over the steps as JSON, drift among them', async () => {
    const seen = await jsonHere<Diagnostics>('diagnose', 'seen', '--home', home, '--layers', 'tanh1');
    expect(diagnosticsSchema.parse(seen)).toEqual(seen);
    expect(seen.steps).toEqual([0, 100]);
    expect(seen.layers.map(({ id }) => id)).toEqual(['tanh1']);
    // only p15 moved, by 1, and the band is 2 wide before and 1 after
    expect(seen.layers[0]!.measures.drift).toEqual([null, expect.closeTo(1 / 3 / 1.5, 6)]);
    expect(seen.layers[0]!.measures.gradientNorm).toBeUndefined();
  });

  it('tells where stages begin, and counts no drift from one to the next', async () => {
    const seen = await jsonHere<Diagnostics>('diagnose', 'staged', '--home', home);
    expect(diagnosticsSchema.parse(seen)).toEqual(seen);
    expect(seen.stages.map(({ step }) => step)).toEqual([0, 100]);
    const drift = seen.layers.find(({ id }) => id === 'tanh1')!.measures.drift!;
    expect(drift.map((value) => value === null)).toEqual([true, false, true, false]);
    const { out } = await runHere('diagnose', 'staged', '--home', home);
    expect(out).toContain('from step 100  Stage 2 of 2: 28×28 pixels, batches of 60.');
  });

  it('says what to do about a run that was not looked into, and about a wrong id', async () => {
    const { code, out } = await runHere('diagnose', 'blind', '--home', home);
    expect(code).toBe(0);
    expect(out).toContain('training.diagnostics');
    expect((await runHere('diagnose', 'nobody', '--home', home)).code).toBe(4);
    expect((await runHere('diagnose', '--home', home)).code).toBe(2);
  });

  it('has histograms behind the contract', async () => {
    const { lab, close } = await compose({ home, autoStart: false });
    try {
      const found = await lab.call('diagnostics.histograms', { id: 'seen', layer: 'tanh1' });
      expect(histogramsSchema.parse(found)).toEqual(found);
      expect(found).toMatchObject({
        steps: [0, 100],
        low: [0, 0],
        counts: [
          [0, 3, 1, 0],
          [0, 3, 1, 0],
        ],
      });
    } finally {
      await close();
    }
  });
});
