import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore } from '../db/open.node.ts';
import { createLab, type Lab, type LabSettings } from '../lab/index.ts';
import { createCheckpointFiles, removeUnfinished } from './checkpoints.ts';
import { createDatasets } from './datasets.ts';
import type { EngineHost } from './engineWorker.ts';
import { processHost } from './gpu/host.ts';
import { homeFolder, openHome } from './home.ts';
import { formFile } from './kernelForms.ts';
import { describeMachine } from './machine.ts';
import { createJobs } from './jobs.ts';
import { selfTestProcess, setUpRevectorize, type RunSelfTest } from './revectorize.ts';
import { createTrainer } from './trainer.ts';

export type { RunSelfTest, SelfTestOutcome } from './revectorize.ts';

export interface ComposeOptions {
  /** Folder of history and checkpoints. Default: ABLATE_HOME, else the platform's place for program data. */
  readonly home?: string;
  /** Folder that holds `datasets/`. Default: resources/ of the project. */
  readonly resources?: string;
  /** The program of threads that train on the CPU. Default: engine/worker/entry.node.ts; a bundled app names its own. */
  readonly workerEntry?: URL;
  /** Where runs and jobs on the GPU are computed. Default: in processes of their own, through Dawn. */
  readonly gpu?: EngineHost;
  /** Seconds between checkpoints of a running run. Default 30. */
  readonly checkpointSeconds?: number;
  /** Whether runs that an earlier process left in the queue start by themselves. Default true. */
  readonly autoStart?: boolean;
  /**
   * 256-bit vectors (revectorize.ts): 'remembered' uses what an earlier self-test found, 'test' makes one where there was none, and
   * a function does so in the host's own way. Left out: vectors stay as they are.
   */
  readonly revectorize?: 'remembered' | 'test' | RunSelfTest;
  /** The program's version. Default: what package.json says. */
  readonly version?: string;
  readonly settings?: Partial<LabSettings>;
}

export interface Composition {
  readonly lab: Lab;
  /** The home folder in use. */
  readonly home: string;
  /** Has running runs write a checkpoint, marks them as interrupted and closes the history. Safe to call twice. */
  close(): Promise<void>;
}

const defaultCheckpointSeconds = 30;

/**
 * The lab on this machine: store, data sets, training workers and checkpoint files put together and started.
 * Throws a LabError when the home folder cannot be used, is in use, or its history is damaged.
 */
export async function compose(options: ComposeOptions = {}): Promise<Composition> {
  const home = openHome(options.home ?? homeFolder());
  const datasets = createDatasets(datasetsFolder(options.resources));
  const store = openStore(home.folder);
  try {
    // only now: before, another process may have been writing there
    for (const folder of [home.folder, home.checkpoints]) removeUnfinished(folder);
    if (options.revectorize !== undefined) {
      const { revectorize } = options;
      const run = typeof revectorize === 'function' ? revectorize : revectorize === 'test' ? selfTestProcess() : null;
      // beside everything else; what is remembered counts at once, before the first run can start
      void setUpRevectorize(home.folder, run).catch(() => undefined);
    }
    const entry = options.workerEntry ?? new URL('../engine/worker/entry.node.ts', import.meta.url);
    const gpu = options.gpu ?? processHost(new URL('../engine/worker/gpuEntry.node.ts', import.meta.url));
    const hosts = { entry, gpu, forms: formFile(join(home.folder, 'kernelForms.json')) };
    const lab = createLab({
      store,
      datasets,
      jobs: createJobs({ datasets, ...hosts }),
      trainer: createTrainer({
        datasets,
        ...hosts,
        checkpointSeconds: options.checkpointSeconds ?? defaultCheckpointSeconds,
      }),
      checkpoints: createCheckpointFiles(home.checkpoints),
      clock: { now: () => Date.now() },
      machine: describeMachine(home.folder),
      version: options.version ?? programVersion(),
      ...(options.settings && { settings: options.settings }),
    });
    await lab.start({ autoStart: options.autoStart ?? true });
    let closing: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      try {
        await lab.close();
      } finally {
        store.close();
      }
    };
    return { lab, home: home.folder, close: () => (closing ??= close()) };
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Where the data sets lie: in the given resources folder, or in the project's. */
export function datasetsFolder(resources?: string): string {
  return join(resources ?? fileURLToPath(new URL('../resources/', import.meta.url)), 'datasets');
}

/** The version in package.json. */
export function programVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
