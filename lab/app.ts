import type { z } from 'zod';
import type { LabClient, LabEvent, LabServer } from './contract/client.ts';
import { asLabError, LabError } from './contract/errors.ts';
import { methods, type MethodInput, type MethodName, type MethodOutput } from './contract/methods.ts';
import { suggestion } from './contract/near.ts';
import { parseInput } from './contract/validate.ts';
import { MachineAdapter } from './adapter.ts';
import { analysisHandlers } from './analysis/handlers.ts';
import { appHandlers } from './appInfo.ts';
import { architectureHandlers } from './architectures/handlers.ts';
import { compareHandlers } from './compare/handlers.ts';
import { datasetHandlers } from './datasets/handlers.ts';
import { diagnosticsHandlers } from './diagnostics/handlers.ts';
import type { CheckpointFiles, Clock, Datasets, Jobs, Machine, Store, Trainer } from './ports.ts';
import { previewHandlers } from './preview/handlers.ts';
import { rateHandlers } from './rates/handlers.ts';
import { runHandlers } from './runs/handlers.ts';
import { RunQueue } from './runs/queue.ts';
import { recalibrationHandlers } from './runs/recalibrate.ts';
import { RunVerifier } from './runs/verify.ts';
import { specHandlers } from './spec/handlers.ts';
import { transferHandlers } from './transfer/handlers.ts';
import { withStartWeights } from './transfer/jobs.ts';
import { StartWeights } from './transfer/weights.ts';

/** What the lab is built from. Only the ports are required; everything else has a default. */
export interface LabOptions {
  readonly store: Store;
  readonly trainer: Trainer;
  readonly jobs: Jobs;
  readonly checkpoints: CheckpointFiles;
  readonly datasets: Datasets;
  readonly clock: Clock;
  readonly machine: Machine;
  /** Of the program, as `app.info` tells it. */
  readonly version: string;
  /** Of the numbers: part of a run's certificate. Left out: `version`. */
  readonly engineVersion?: string;
  readonly settings?: Partial<LabSettings>;
}

export interface LabSettings {
  /** Runs at once, if `queue.set` never said otherwise; 0: as many as fit the machine's cores. */
  readonly concurrency: number;
  /** Milliseconds between two flushes of a run's curve points to the store and to watchers. */
  readonly flushEvery: number;
  /** Milliseconds between two files of the best weights so far; the newest ones wait. */
  readonly bestEvery: number;
  /** Milliseconds after which a write that failed is tried again. */
  readonly retryEvery: number;
  /** Milliseconds within which a worker must answer pause and stop before the lab stops waiting. */
  readonly patience: number;
}

/** The calls that one domain answers. */
export type Handlers = {
  readonly [N in MethodName]?: (
    input: z.output<(typeof methods)[N]['input']>,
  ) => MethodOutput<N> | Promise<MethodOutput<N>>;
};

/** A lab in this process. `call` and `on` are what shells use; `start` and `close` belong to the host. */
export interface Lab extends LabServer {
  call<N extends MethodName>(name: N, input: MethodInput<N>): Promise<MethodOutput<N>>;
  call(name: string, input: unknown): Promise<unknown>;
  on: LabClient['on'];
  /**
   * Marks what a dead process left behind as interrupted, removes what was deleted, and opens the queue. With
   * `autoStart: false` runs queued by an earlier process wait until `runs.resume`; new ones start all the same.
   */
  start(options?: { readonly autoStart?: boolean }): Promise<void>;
  /** Has running runs write a checkpoint and marks them as interrupted. The store stays open: it belongs to the host. */
  close(): Promise<void>;
}

export const defaultSettings: LabSettings = {
  concurrency: 0,
  flushEvery: 250,
  bestEvery: 5000,
  retryEvery: 10_000,
  patience: 10_000,
};

/** Joins the domains. Throws if a call is answered by two of them or by none. */
export function createLab(options: LabOptions): Lab {
  const listeners = new Set<(event: LabEvent) => void>();
  const emit = (event: LabEvent): void => {
    for (const listener of [...listeners]) {
      try {
        listener(event);
      } catch {
        // a shell's own defect must not stop a run; its transport tells it about it
      }
    }
  };
  const settings = { ...defaultSettings, ...options.settings };
  const engineVersion = options.engineVersion ?? options.version;
  const weights = new StartWeights(options);
  const jobs = withStartWeights(options.jobs, weights);
  const adapter = new MachineAdapter({ jobs });
  const queue = new RunQueue({ ...options, settings, engineVersion, weights, emit });
  const threads = (): number => queue.record().threadsPerRun;
  const verifier = new RunVerifier({ ...options, engineVersion, weights, threads, emit });
  const handlers = joinHandlers({
    app: appHandlers({ ...options, engineVersion, queue, adapter }),
    datasets: datasetHandlers(options.datasets),
    architectures: architectureHandlers({ ...options, jobs, weights, emit }),
    spec: specHandlers({ ...options, weights }),
    preview: previewHandlers({ ...options, jobs, weights, threads }),
    recalibration: recalibrationHandlers({ ...options, jobs, threads, emit }),
    rates: rateHandlers({ ...options, jobs, weights, threads, emit }),
    runs: runHandlers({ ...options, engineVersion, weights, queue, verifier, adapter, emit }),
    compare: compareHandlers(options),
    diagnostics: diagnosticsHandlers(options),
    analysis: analysisHandlers({ ...options, jobs, threads, emit }),
    transfer: transferHandlers({ ...options, weights }),
  });
  let closing: Promise<void> | null = null;

  return {
    call: async (name: string, input: unknown): Promise<never> => {
      if (closing) throw new LabError('closed', `${name}: the lab is closing; start it again.`);
      const handler = Object.hasOwn(handlers, name) ? handlers[name as MethodName] : undefined;
      if (!handler) {
        throw new LabError(
          'usage',
          `The lab has no call ${JSON.stringify(name)}.${suggestion(name, Object.keys(methods))}`,
        );
      }
      const parsed = parseInput(name, methods[name as MethodName].input, input);
      try {
        return (await (handler as (input: unknown) => unknown)(parsed)) as never;
      } catch (error) {
        throw asLabError(error);
      }
    },
    on: (listener) => {
      const own = (event: LabEvent): void => listener(event);
      listeners.add(own);
      return () => listeners.delete(own);
    },
    start: async ({ autoStart = true } = {}) => {
      for (const file of options.store.purgeArchitectures(Number.MAX_SAFE_INTEGER)) {
        // a file that stays takes room and does no harm
        await options.checkpoints.remove(file).catch(() => undefined);
      }
      await queue.start(autoStart);
    },
    close: () => {
      verifier.close();
      return (closing ??= Promise.all([queue.close(), options.jobs.close()]).then(() => undefined));
    },
  };
}

/** One table of handlers out of the domains' own. */
export function joinHandlers(domains: Readonly<Record<string, Handlers>>): Required<Handlers> {
  const owner = new Map<string, string>();
  const joined: Record<string, unknown> = {};
  for (const [domain, handlers] of Object.entries(domains)) {
    for (const [name, handler] of Object.entries(handlers)) {
      const other = owner.get(name);
      if (other !== undefined)
        throw new Error(`The call ${name} is answered by ${other} and by ${domain}; one of them has to go.`);
      if (!Object.hasOwn(methods, name))
        throw new Error(`${domain} answers ${name}, which is no call of the contract.`);
      owner.set(name, domain);
      joined[name] = handler;
    }
  }
  const missing = Object.keys(methods).filter((name) => !owner.has(name));
  if (missing.length > 0) throw new Error(`Nobody answers ${missing.join(', ')}.`);
  return joined as Required<Handlers>;
}
