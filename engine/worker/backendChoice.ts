import { defaultStorage, noHalvesWords, type BackendName, type Storage } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { TrainingJob } from './protocol.ts';

/** What a job asks for: a backend, or the faster one. */
export type BackendWish = BackendName | 'auto';

/** Which backend a run got, and why. */
export interface BackendChoice {
  readonly asked: BackendWish;
  readonly backend: BackendName;
  /** One sentence. */
  readonly reason: string;
  /** The graphics adapter, where there is one; not what runs on the CPU. */
  readonly adapter: string | null;
  /** Of a job that asks for half precision: what it got. Left out: float32, as asked for. */
  readonly storage?: Storage;
  /** What 'auto' measured of this very plan, in milliseconds a step. */
  readonly measured: readonly { readonly backend: BackendName; readonly millisecondsPerStep: number }[];
}

/** A graphics adapter, as far as the choice is concerned. */
export interface GraphicsAdapter {
  readonly name: string;
  /** Computes on the processor: right, and slower than the cpu backend. */
  readonly software: boolean;
  /** Whether it can store half precision. Left out: nobody looked. */
  readonly halves?: boolean;
}

/** Milliseconds of training that are measured on each backend. */
export const measuredFor = 250;

/** What the choice asks of the place it is made in: one that reaches both backends, in whatever thread or process they are. */
export interface ChoosingHost {
  /**
   * The graphics adapter; null where there is none. `software`: one that computes on the processor will do, even if it has to be
   * set up first. Left out: the host has no way to one.
   */
  adapter?(software?: boolean): Promise<GraphicsAdapter | null>;
  /** Milliseconds a step of this job on a backend. Rejects where it cannot run the job. */
  measure(job: TrainingJob, backend: BackendName): Promise<number>;
}

/**
 * Decides where a job runs. 'auto' measures a few steps of this very plan on the CPU and on the GPU and takes the faster: small
 * networks are often faster on the CPU. A software adapter is never taken, nor a GPU that cannot run the plan. Throws
 * EngineError('storage') where the job asks for the GPU by name and for half precision, and its adapter has none.
 */
export async function chooseBackend(job: TrainingJob, host: ChoosingHost): Promise<BackendChoice> {
  return withStorage(job, await chosenFor(job, host));
}

/** The choice with how values are stored there; where that is not what the job asks for, the reason says so. */
export function withStorage(
  { storage = defaultStorage }: Pick<TrainingJob, 'storage'>,
  choice: BackendChoice,
): BackendChoice {
  const { storage: _, ...rest } = choice;
  if (storage === 'f32') return rest;
  if (choice.backend === 'webgpu') return { ...rest, storage };
  return { ...rest, reason: `${choice.reason} ${wholeWords}`, storage: 'f32' };
}

const wholeWords =
  'Half precision storage (backend.storage=f16) is for graphics cards that have it: this run keeps float32.';

async function chosenFor(job: TrainingJob, host: ChoosingHost): Promise<BackendChoice> {
  const asked = job.backend;
  const cpu = (
    reason: string,
    adapter: string | null = null,
    measured: BackendChoice['measured'] = [],
  ): BackendChoice => ({
    asked,
    backend: 'cpu',
    reason,
    adapter,
    measured,
  });
  if (asked === 'reference' || asked === 'cpu') {
    return { asked, backend: asked, reason: 'The spec asks for it.', adapter: null, measured: [] };
  }
  if (asked === 'webgpu') {
    // whatever is wrong with it, the run will say it better
    const adapter = (await host.adapter?.(true).catch(() => null)) ?? null;
    if (adapter && lacksHalves(job, adapter)) throw new EngineError('storage', noHalvesWords(adapter.name));
    const reason = adapter?.software === true ? softwareWords(adapter.name) : 'The spec asks for it.';
    return { asked, backend: 'webgpu', reason, adapter: adapter?.name ?? null, measured: [] };
  }
  let adapter: GraphicsAdapter | null;
  try {
    adapter = (await host.adapter?.()) ?? null;
  } catch (error) {
    return cpu(`Which graphics adapter there is could not be found out: ${messageOf(error)}`);
  }
  if (adapter === null) return cpu('There is no graphics adapter here.');
  if (adapter.software) {
    return cpu(`The graphics adapter ${adapter.name} computes on the CPU itself, which is slower.`, adapter.name);
  }
  if (lacksHalves(job, adapter)) return cpu(`${adapter.name} has no half precision.`, adapter.name);
  const onCpu = await host.measure(job, 'cpu');
  try {
    const onGpu = await host.measure(job, 'webgpu');
    const measured = [
      { backend: 'cpu' as const, millisecondsPerStep: onCpu },
      { backend: 'webgpu' as const, millisecondsPerStep: onGpu },
    ];
    const words = `${milliseconds(onCpu)} a step on the CPU, ${milliseconds(onGpu)} on ${adapter.name}.`;
    if (onCpu <= onGpu) return cpu(`Measured for this network: ${words}`, adapter.name, measured);
    return { asked, backend: 'webgpu', reason: `Measured for this network: ${words}`, adapter: adapter.name, measured };
  } catch (error) {
    return cpu(`${adapter.name} cannot run this plan: ${messageOf(error)}`, adapter.name, [
      { backend: 'cpu', millisecondsPerStep: onCpu },
    ]);
  }
}

const lacksHalves = ({ storage }: TrainingJob, { halves }: GraphicsAdapter): boolean =>
  storage === 'f16' && halves === false;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const milliseconds = (value: number): string => `${Number(value.toPrecision(3))} ms`;

const softwareWords = (adapter: string): string =>
  `The spec asks for it. No graphics card was found: ${adapter} computes on the processor, slower than backend=cpu.`;
