import type { DiagnosticsSettings } from './settings.ts';

/** Steps that a probe with the usual measures takes as long as, with some to spare, as `npm run bench:probes` measures it. */
const stepsOfProbe = 2.5;
/** Of the steps of a run: what probes may take as long as, if nobody asks for more. */
const share = 0.05;

/** Which steps of a run are looked into. A function of settings and planned steps alone, so every start of a run has the same. */
export interface Cadence {
  /** Whether step `step` (from 0) is probed: step 0 always. */
  isProbed(step: number): boolean;
  /** Whether the costly measures are due at a probed step: at the first one at or after each multiple of `deepEvery`. */
  isDeep(step: number): boolean;
}

/** @param totalSteps planned for the whole run */
export function cadenceOf(
  { every, early, deepEvery }: Pick<DiagnosticsSettings, 'every' | 'early' | 'deepEvery'>,
  totalSteps: number,
): Cadence {
  const first = new Set(early === false ? [] : earlySteps(every, totalSteps, early));
  const isProbed = (step: number): boolean => step % every === 0 || first.has(step);
  return {
    isProbed,
    isDeep(step) {
      const due = Math.floor(step / deepEvery) * deepEvery;
      for (let earlier = due; earlier < step; earlier++) if (isProbed(earlier)) return false;
      return true;
    },
  };
}

/**
 * Steps 1, 2, 4, 8 ... below `every`. 'auto' takes as many of them as the run can afford beside those at every `every` steps, spread
 * evenly over the exponents. Who asks for steps so often that these alone take more than the share has chosen otherwise, and gets all.
 */
function earlySteps(every: number, totalSteps: number, early: true | 'auto'): number[] {
  const steps: number[] = [];
  for (let step = 1; step < Math.min(every, totalSteps); step *= 2) steps.push(step);
  if (early === true || every * share < stepsOfProbe) return steps;
  const affordable = Math.floor((share * totalSteps) / stepsOfProbe) - Math.ceil(totalSteps / every);
  const kept = Math.min(steps.length, Math.max(0, affordable));
  const upTo = (count: number): number => Math.floor((count * kept) / steps.length);
  return steps.filter((_, i) => upTo(i + 1) > upTo(i));
}
