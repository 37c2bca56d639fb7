import type { RunRecord } from '../../lab/contract/records.ts';

type Progress = Pick<RunRecord, 'step' | 'totalSteps' | 'seconds' | 'status'>;

/** Steps done of all steps, 0 to 1; null while the total is not known. */
export function shareOf(run: Progress): number | null {
  if (run.status === 'finished') return 1;
  return run.totalSteps === null || run.totalSteps === 0 ? null : Math.min(1, run.step / run.totalSteps);
}

/** Training seconds to go at the run's own pace so far; null before there is a pace, and once it has ended. */
export function etaSeconds(run: Progress): number | null {
  if (run.status !== 'running' && run.status !== 'paused') return null;
  if (run.totalSteps === null || run.step < 5 || run.seconds <= 0) return null;
  return (Math.max(0, run.totalSteps - run.step) * run.seconds) / run.step;
}
