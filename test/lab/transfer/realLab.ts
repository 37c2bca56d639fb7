import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore } from '../../../db/open.node.ts';
import type { JobName } from '../../../engine/index.ts';
import { createLab, type Lab } from '../../../lab/app.ts';
import type { RunDetails, RunStatus } from '../../../lab/contract/records.ts';
import type { Jobs, Store } from '../../../lab/ports.ts';
import type { SpecInput } from '../../../lab/spec/schema.ts';
import { createCheckpointFiles } from '../../../node/checkpoints.ts';
import type { DatasetImages } from '../../../node/datasets.ts';
import { createJobs } from '../../../node/jobs.ts';
import { createTrainer } from '../../../node/trainer.ts';
import { dataset } from '../fakes.ts';

/** A lab whose runs train for real, in worker threads, on stripes of 8x8 pixels. */
export interface RealLab {
  readonly lab: Lab;
  readonly store: Store;
  /** Folder of checkpoints and stored weights. */
  readonly folder: string;
  train(spec: unknown, seeds?: number[]): Promise<RunDetails[]>;
  ended(id: string, status?: RunStatus): Promise<RunDetails>;
  /** The same history, opened by a new process. */
  reopen(): Promise<RealLab>;
  close(): Promise<void>;
}

export const stripes = dataset('stripes', { imageShape: [1, 8, 8], classes: ['0', '1', '2', '3'], trainImages: 200 });

/** Its images. */
export function stripedImages(): DatasetImages {
  const file = (count: number, salt: number) => {
    const pixels = new Uint8Array(new SharedArrayBuffer(count * 64));
    const labels = new Uint8Array(new SharedArrayBuffer(count));
    for (let i = 0; i < count; i++) {
      const label = (i * 7 + salt) % 4;
      labels[i] = label;
      for (let j = 0; j < 64; j++) {
        pixels[i * 64 + j] = (Math.floor(j / 8) % 4 === label ? 150 : 30) + ((i * j * 13 + salt) % 90);
      }
    }
    return { pixels, labels, count };
  };
  return { train: file(200, 0), test: file(60, 3), record: stripes };
}

/** A small convolutional network that any image size from 4 pixels on fits. */
export const stripesSpec: SpecInput = {
  ablate: 1,
  name: 'Stripes',
  data: { dataset: 'stripes', validation: 40 },
  model: {
    nodes: [
      { id: 'image', layer: 'input' },
      { id: 'conv1', layer: 'conv2d', props: { filters: 6, padding: 'same' } },
      { id: 'bn1', layer: 'batchNorm' },
      { id: 'relu1', layer: 'relu' },
      { id: 'pool', layer: 'globalAvgPool2d' },
      { id: 'classes', layer: 'dense', props: { units: 4 } },
    ],
  },
  training: {
    batchSize: 16,
    length: { steps: 24 },
    optimizer: { kind: 'sgd', learningRate: 0.2, momentum: 0.9 },
    evaluateEvery: { steps: 8 },
    diagnostics: null,
  },
  backend: { kind: 'cpu', threads: 1 },
};

/** Jobs on a machine whose graphics adapter has no half precision. */
const withBareGpu = (jobs: Jobs): Jobs => ({
  run: (name: JobName, ...rest: [never, never]) =>
    name === 'adapter'
      ? Promise.resolve({ adapter: { name: 'Bare GPU', software: false, halves: false } })
      : jobs.run(name, ...rest),
  close: () => jobs.close(),
});

export async function realLab(home = mkdtempSync(join(tmpdir(), 'ablate-transfer-'))): Promise<RealLab> {
  const store = openStore(home);
  // a test may hold runs at a step
  const entry = new URL('../../node/fixtures/heldEntry.ts', import.meta.url);
  const datasets = { images: () => Promise.resolve(stripedImages()) };
  const folder = home;
  const jobs = withBareGpu(createJobs({ datasets, entry, workers: 1 }));
  const lab = createLab({
    store,
    jobs,
    trainer: createTrainer({ datasets, entry, checkpointSeconds: 600 }),
    checkpoints: createCheckpointFiles(folder),
    datasets: {
      list: () => Promise.resolve([stripes]),
      samples: () => Promise.reject(new Error('not asked for')),
      labels: () => Promise.reject(new Error('not asked for')),
    },
    clock: { now: () => Date.now() },
    machine: { cores: 2, platform: 'test', home, backend: 'cpu' },
    version: '1.2.3',
    settings: { flushEvery: 1, bestEvery: 0 },
  });
  await lab.start();
  const ended = async (id: string, status: RunStatus = 'finished'): Promise<RunDetails> => {
    for (let i = 0; i < 6000; i++) {
      const run = store.getRun(id)!;
      if (run.status === status) return run;
      if (run.status === 'failed') throw new Error(`${id} failed: ${run.error?.message}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`waited in vain for ${id} to be ${status}`);
  };
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closing ??= (async () => {
      await lab.close();
      store.close();
    })());
  return {
    lab,
    store,
    folder,
    ended,
    train: async (spec, seeds) => {
      const runs = await lab.call('runs.create', { spec, ...(seeds && { seeds }) });
      return Promise.all(runs.map(({ id }) => ended(id)));
    },
    reopen: async () => {
      await close();
      return realLab(home);
    },
    close: async () => {
      await close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
