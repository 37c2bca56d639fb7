import type { EvaluationProgress } from '../../lab/contract/events.ts';
import type { RunRecord } from '../../lab/contract/records.ts';

type Progress = Pick<RunRecord, 'step' | 'totalSteps' | 'seconds' | 'status' | 'start'>;

/** Steps done of all steps, 0 to 1; null while the total is not known. */
export function shareOf(run: Progress): number | null {
  if (run.status === 'finished') return 1;
  return run.totalSteps === null || run.totalSteps === 0 ? null : Math.min(1, run.step / run.totalSteps);
}

/**
 * Seconds to go at the run's own pace so far: of training, and of the evaluation under way. Null before there is a pace, and once
 * it has ended.
 */
export function etaSeconds(run: Progress, evaluation: EvaluationProgress | null = null): number | null {
  if (run.status !== 'running' && run.status !== 'paused') return null;
  // the steps before a fork took it no time
  const made = run.step - (run.start?.firstStep ?? 0);
  const measured = run.totalSteps !== null && made >= 5 && run.seconds > 0;
  const training = measured ? (Math.max(0, run.totalSteps! - run.step) * run.seconds) / made : null;
  if (evaluation === null) return training;
  // nothing comes behind the test images
  return evaluation.split === 'test' ? evaluation.secondsLeft : training && training + (evaluation.secondsLeft ?? 0);
}
