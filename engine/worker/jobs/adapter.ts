import type { GraphicsAdapter } from '../backendChoice.ts';
import type { JobContext } from './job.ts';

export interface AdapterInput {
  /** Nothing about a run: the machine alone is asked. */
  readonly training?: undefined;
  /** One in software will do, even if it has to be set up first. Left out: no. */
  readonly software?: boolean;
}

/** What the machine has for graphics; null for nothing that WebGPU could use. */
export interface AdapterAnswer {
  readonly adapter: GraphicsAdapter | null;
}

export async function runAdapter({ software = false }: AdapterInput, context: JobContext): Promise<AdapterAnswer> {
  return { adapter: (await context.adapter?.(software)) ?? null };
}
