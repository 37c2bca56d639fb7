import fc from 'fast-check';
import type { Backend, CompileOptions } from '../../../engine/backend.ts';
import { jobChoices, type JobChoices } from '../train/randomJobs.ts';
import { compareBackends } from './compareBackends.ts';
import { compareRuns } from './compareRuns.ts';
import { minimise } from './minimise.ts';
import { drawSpec, type FuzzSpec } from './spec.ts';

/** A difference, and the smallest model or run that still shows it. */
export type Difference = {
  readonly message: string;
} & ({ readonly spec: FuzzSpec } | { readonly choices: JobChoices });

/** Looks at what `seed` draws; undefined when the backends agree. */
export type Search = (seed: number, backend: Backend, options: CompileOptions) => Promise<Difference | undefined>;

/** A random model: forward, backward, optimiser, two steps. */
export const searchModels: Search = async (seed, backend, options) => {
  const spec = drawSpec(seed);
  const mismatch = await compareBackends(spec, backend, options);
  if (mismatch === undefined) return undefined;
  const fails = async (other: FuzzSpec): Promise<boolean> =>
    (await compareBackends(other, backend, options)) !== undefined;
  const smallest = await minimise(spec, fails);
  const rest = await compareBackends(smallest, backend, options);
  return { message: rest?.message ?? mismatch.message, spec: smallest };
};

/** Milliseconds after which a run is shrunk no further. */
const shrinkLimit = 120_000;

/** A random run: preprocessing, augmentation, mixup, stages, accumulation, schedules, evaluation, recalibration. fast-check shrinks it. */
export const searchRuns: Search = async (seed, backend, options) => {
  const messages = new Map<string, string>();
  const agree = fc.asyncProperty(jobChoices, async (choices) => {
    const mismatch = await compareRuns(choices, backend, options);
    if (mismatch !== undefined) messages.set(JSON.stringify(choices), mismatch.message);
    return mismatch === undefined;
  });
  const { counterexample } = await fc.check(agree, { seed, numRuns: 1, interruptAfterTimeLimit: shrinkLimit });
  if (counterexample === null) return undefined;
  const [choices] = counterexample;
  return { message: messages.get(JSON.stringify(choices)) ?? '', choices };
};

/**
 * Searches seeds `seed` to `seed + count - 1`, some at once: compiling shaders is waited for most of the time on a device. Answers the
 * differences by seed.
 */
export async function searchAll(
  search: Search,
  seeds: { readonly seed: number; readonly count: number },
  backend: Backend,
  options: CompileOptions = {},
): Promise<ReadonlyMap<number, Difference>> {
  const found = new Map<number, Difference>();
  let next = seeds.seed;
  const line = async (): Promise<void> => {
    while (next < seeds.seed + seeds.count) {
      const seed = next++;
      const difference = await search(seed, backend, options);
      if (difference !== undefined) found.set(seed, difference);
    }
  };
  await Promise.all(Array.from({ length: backend.name === 'webgpu' ? 4 : 1 }, line));
  return found;
}
