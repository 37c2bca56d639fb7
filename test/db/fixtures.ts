import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { specSchema, type Spec } from '../../lab/contract/spec.ts';
import type { RunRecord } from '../../lab/contract/records.ts';

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A new empty folder; removed after the test. */
export function home(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ablate-db-'));
  folders.push(folder);
  return folder;
}

export const spec: Spec = specSchema.parse({
  ablate: 1,
  data: { dataset: 'mnist' },
  model: { nodes: [{ id: 'in', layer: 'input' }] },
  training: { optimizer: { kind: 'sgd' } },
});

export function run(id: string, more: Partial<RunRecord> = {}): RunRecord {
  return {
    id,
    group: 'aaaabbbbcccc',
    name: 'a run',
    seed: 1,
    fold: null,
    folds: null,
    status: 'queued',
    reason: null,
    error: null,
    createdAt: 1000,
    startedAt: null,
    endedAt: null,
    step: 0,
    totalSteps: 100,
    stepsPerEpoch: 50,
    batchSize: 60,
    seconds: 0,
    imagesPerSecond: null,
    dataset: 'mnist',
    parameters: 89610,
    macsPerImage: 89400,
    backend: null,
    backendChoice: null,
    start: null,
    threads: null,
    metrics: {
      trainLoss: null,
      trainAccuracy: null,
      validationLoss: null,
      validationAccuracy: null,
      bestValidationLoss: null,
      bestValidationAccuracy: null,
      testLoss: null,
      testAccuracy: null,
    },
    sparkline: [],
    tags: [],
    note: '',
    starred: false,
    specHash: 'f'.repeat(64),
    dataHash: null,
    engineVersion: '0.1.0',
    resultHash: null,
    checkpointStep: null,
    ...more,
  };
}
