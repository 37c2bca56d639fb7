import type { TrainingEvent } from '../../engine/index.ts';
import type { EvaluationProgress } from '../contract/events.ts';

/** An evaluation under way, as watchers are told of it. */
export function evaluationProgress({
  split,
  done,
  images,
  seconds,
}: Extract<TrainingEvent, { kind: 'evaluating' }>): EvaluationProgress {
  return { split, done, images, secondsLeft: done === 0 ? null : (seconds * (images - done)) / done };
}
