import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { openStore } from '../../db/open.node.ts';
import type { TrainingEvent } from '../../engine/index.ts';
import { createLab, type Lab, type LabSettings } from '../../lab/app.ts';
import { LabError } from '../../lab/contract/errors.ts';
import type { LabEvent } from '../../lab/contract/client.ts';
import type { DatasetRecord, RunDetails, RunStatus } from '../../lab/contract/records.ts';
import type {
  CheckpointFiles,
  Datasets,
  JobRequest,
  Jobs,
  JobWatch,
  Store,
  Trainer,
  TrainingHandle,
  TrainRequest,
} from '../../lab/ports.ts';
import { checkSpec } from '../../lab/spec/check.ts';
import { sha256 } from '../../lab/spec/hash.ts';
import type { SpecInput } from '../../lab/spec/schema.ts';

const cleanups: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

export function dataset(id: string, more: Partial<DatasetRecord> = {}): DatasetRecord {
  return {
    id,
    title: id.toUpperCase(),
    summary: '',
    imageShape: [1, 4, 4],
    classes: ['a', 'b'],
    trainImages: 1000,
    testImages: 100,
    licence: 'none',
    source: 'made up',
    hash: `hash of ${id}`,
    ...more,
  };
}

export class FakeDatasets implements Datasets {
  records = [dataset('dots'), dataset('lines')];
  async list(): Promise<DatasetRecord[]> {
    return this.records;
  }
  async labels(id: string, split: 'train' | 'test'): Promise<Uint8Array> {
    const { trainImages, testImages } = this.records.find((record) => record.id === id)!;
    // a third of them of the second class
    return Uint8Array.from({ length: split === 'train' ? trainImages : testImages }, (_, i) => (i % 3 === 0 ? 1 : 0));
  }
  async samples(
    _id: string,
    offset: number,
    count: number,
    split: 'train' | 'test' = 'train',
  ): ReturnType<Datasets['samples']> {
    const pixels = Uint8Array.from({ length: 16 * count }, (_, i) => (offset * 16 + i) % 256);
    return { pixels, labels: new Uint8Array(count).fill(split === 'test' ? 1 : 0), shape: [count, 1, 4, 4] };
  }
}

/** Checkpoint files in memory, whose disk can be full. */
export class FakeFiles implements CheckpointFiles {
  readonly files = new Map<string, Uint8Array>();
  readonly log: string[] = [];
  full = false;
  async write(name: string, bytes: Uint8Array): Promise<void> {
    await Promise.resolve();
    if (this.full) throw new LabError('disk', `${name} could not be written: the disk is full.`);
    this.files.set(name, bytes.slice());
    this.log.push(`write ${name}`);
  }
  async read(name: string): Promise<Uint8Array> {
    const bytes = this.files.get(name);
    if (!bytes) throw new LabError('checkpoint', `${name} is missing.`);
    return bytes;
  }
  async remove(name: string): Promise<void> {
    this.files.delete(name);
    this.log.push(`remove ${name}`);
  }
  async list(): Promise<string[]> {
    return [...this.files.keys()];
  }
}

/** One worker, steered by a test. Commands are only noted unless `obedient`. */
/** A history on a disk that tests fill: writes that go through `fails` are refused then. */
export class FullDisk {
  full = false;

  readonly fails = <T>(write: () => T): T => {
    if (this.full) throw new LabError('disk', 'history.sqlite could not be written: the disk is full.');
    return write();
  };
}

export class FakeWorker implements TrainingHandle {
  readonly request: TrainRequest;
  readonly commands: string[] = [];
  readonly #say: (event: TrainingEvent) => void;
  readonly #obedient: boolean;
  step: number;

  constructor(request: TrainRequest, say: (event: TrainingEvent) => void, obedient: boolean) {
    this.request = request;
    this.#say = say;
    this.#obedient = obedient;
    this.step = request.resumeFrom ? Number(new TextDecoder().decode(request.resumeFrom).split(' ')[1]) : 0;
  }

  pause(): void {
    this.commands.push('pause');
    if (this.#obedient) {
      void this.checkpoint().then(() => this.say({ kind: 'paused', step: this.step }));
    }
  }
  resume(): void {
    this.commands.push('resume');
    if (this.#obedient) queueMicrotask(() => this.say({ kind: 'resumed', step: this.step }));
  }
  stop(): void {
    this.commands.push('stop');
    if (this.#obedient) {
      void this.checkpoint().then(() => this.finish('stopped'));
    }
  }
  async kill(): Promise<void> {
    this.commands.push('kill');
  }

  say(event: TrainingEvent): void {
    this.#say(event);
  }

  ready(): void {
    const { spec, threads } = this.request;
    const nodes = checkSpec(spec, [dataset(spec.data.dataset)]).checked!.nodes;
    this.say({
      kind: 'ready',
      backend: 'cpu',
      threads,
      parameters: nodes.reduce((sum, node) => sum + node.parameterCount, 0),
      macsPerImage: nodes.reduce((sum, node) => sum + node.macs, 0),
      planBytes: 1000,
      stepsPerEpoch: 10,
      totalSteps: 'steps' in spec.training.length ? spec.training.length.steps : 50,
      step: this.step,
      trainImages: 500,
      validationImages: 500,
    });
  }

  /** `count` steps with a loss of 1 / step. */
  train(count: number): void {
    const steps = Array.from({ length: count }, (_, i) => this.step + i + 1);
    this.say({
      kind: 'progress',
      firstStep: this.step + 1,
      step: this.step + count,
      loss: Float32Array.from(steps, (step) => 1 / step),
      accuracy: Float32Array.from(steps, (step) => 1 - 1 / step),
      learningRate: Float32Array.from(steps, () => 0.1),
      seconds: Float64Array.from(steps, (step) => step / 100),
      imagesPerSecond: 5000,
    });
    this.step += count;
  }

  evaluate(split: 'validation' | 'test', accuracy: number): void {
    this.say({
      kind: 'evaluation',
      split,
      step: this.step,
      loss: 1 - accuracy,
      accuracy,
      images: 500,
      seconds: this.step / 100,
    });
  }

  async checkpoint(role: 'last' | 'best' = 'last'): Promise<void> {
    const bytes = new TextEncoder().encode(`weights ${this.step} seed ${this.request.spec.seed}`);
    this.say({ kind: 'checkpoint', role, step: this.step, bytes, hash: await sha256(bytes) });
  }

  finish(reason: 'completed' | 'earlyStopping' | 'stopped' = 'completed'): void {
    this.say({
      kind: 'finished',
      reason,
      step: this.step,
      seconds: this.step / 100,
      resultHash: `result of ${this.step}`,
    });
  }

  fail(code: 'nonFinite' | 'unexpected', message: string): void {
    this.say({ kind: 'failed', step: this.step, error: { code, message, faults: [{ node: 'd', message }] } });
  }
}

export class FakeTrainer implements Trainer {
  readonly workers: FakeWorker[] = [];
  obedient = true;
  start(request: TrainRequest, listener: (event: TrainingEvent) => void): TrainingHandle {
    const worker = new FakeWorker(request, listener, this.obedient);
    this.workers.push(worker);
    return worker;
  }
}

export const smallSpec: SpecInput = {
  ablate: 1,
  name: 'dots',
  data: { dataset: 'dots', validation: 500 },
  model: {
    nodes: [
      { id: 'in', layer: 'input' },
      { id: 'flat', layer: 'flatten' },
      { id: 'd', layer: 'dense', props: { units: 2 } },
    ],
  },
  training: { batchSize: 50, optimizer: { kind: 'sgd' } },
};

export interface Bench {
  readonly lab: Lab;
  readonly store: Store;
  readonly trainer: FakeTrainer;
  readonly jobs: FakeJobs;
  readonly files: FakeFiles;
  readonly datasets: FakeDatasets;
  readonly events: LabEvent[];
  readonly home: string;
  readonly clock: { time: number; now(): number };
  /** Waits until a run has this status. */
  reaches(id: string, status: RunStatus): Promise<RunDetails>;
  /** The n-th worker that was started, once it is there. */
  worker(n: number): Promise<FakeWorker>;
  /** Waits until something holds. */
  until(holds: () => boolean): Promise<void>;
  /** Lets timers and promises run, for what should not happen. */
  idle(): Promise<void>;
  /** The store as a dead process leaves it, opened by a new lab; nothing of the old one is told. */
  crash(more?: BenchOptions): Promise<Bench>;
}

export interface BenchOptions {
  readonly home?: string;
  readonly files?: FakeFiles;
  readonly settings?: Partial<LabSettings>;
  readonly autoStart?: boolean;
  readonly cores?: number;
  readonly start?: boolean;
  readonly engineVersion?: string;
  readonly wrapStore?: (store: Store) => Store;
}

/** Answers jobs with what the test wants to hear, and keeps what was asked. */
export class FakeJobs implements Jobs {
  readonly asked: { name: string; request: JobRequest | null; options: unknown }[] = [];
  answer: (name: string, options: never, watch: JobWatch) => unknown = (name) => {
    throw new Error(`The test expects no job ${name}.`);
  };
  async run(name: string, request: JobRequest | null, options: unknown, watch: JobWatch = {}): Promise<never> {
    this.asked.push({ name, request, options });
    await Promise.resolve();
    return (await this.answer(name, options as never, watch)) as never;
  }
  async close(): Promise<void> {}
}

/** A lab on a real store, with everything else under the test's control. */
export async function bench(options: BenchOptions = {}): Promise<Bench> {
  const home = options.home ?? mkdtempSync(join(tmpdir(), 'ablate-lab-'));
  if (options.home === undefined) cleanups.push(() => rmSync(home, { recursive: true, force: true }));
  const real = openStore(home);
  cleanups.push(() => real.close());
  let dead = false;
  const store = options.wrapStore?.(real) ?? real;
  const trainer = new FakeTrainer();
  const jobs = new FakeJobs();
  const files = options.files ?? new FakeFiles();
  const datasets = new FakeDatasets();
  const clock = { time: 1_000_000, now: () => ++clock.time };
  const lab = createLab({
    store,
    trainer,
    jobs,
    checkpoints: files,
    datasets,
    clock,
    machine: { cores: options.cores ?? 2, platform: 'test', home, backend: 'cpu' },
    version: '1.2.3',
    ...(options.engineVersion === undefined ? {} : { engineVersion: options.engineVersion }),
    settings: { flushEvery: 1, retryEvery: 5, patience: 60_000, bestEvery: 0, ...options.settings },
  });
  const events: LabEvent[] = [];
  lab.on((event) => events.push(event));
  cleanups.push(async () => {
    if (!dead) await lab.close();
  });
  if (options.start !== false) await lab.start({ autoStart: options.autoStart ?? true });
  // in several waits: what sets a timer when one is due gets its turn, however late all of them are
  const idle = async (): Promise<void> => {
    for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const until = async <T>(look: () => T | undefined, what: string): Promise<T> => {
    for (let i = 0; i < 4000; i++) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`waited in vain for ${what}`);
  };
  return {
    lab,
    store,
    trainer,
    jobs,
    files,
    datasets,
    events,
    home,
    clock,
    idle,
    until: (holds) => until(() => (holds() ? true : undefined), String(holds)).then(() => undefined),
    reaches: (id, status) =>
      until(
        () => {
          const run = store.getRun(id);
          return run?.status === status ? run : undefined;
        },
        `${id} to be ${status}; it is ${store.getRun(id)?.status}`,
      ),
    worker: (n) => until(() => trainer.workers[n], `worker ${n}`),
    crash: async (more = {}) => {
      dead = true;
      // what a killed process had in memory is gone: its workers fall silent, its store is closed under it
      real.close();
      return bench({ ...options, home, files, start: true, ...more });
    },
  };
}
