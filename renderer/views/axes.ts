/** The x axes curves can be drawn over. */
import { count, duration, integer, significant } from '../format.ts';
import type { ChartAxis } from '../charts/model.ts';
import type { RunRecord } from '../../lab/contract/records.ts';
import { epochsAfter, imagesAfter, type Pace } from '../../lab/contract/spec.ts';
import type { XAxis } from '../state/curves.svelte.ts';

export const axisOptions: readonly { value: XAxis; label: string; title: string }[] = [
  { value: 'step', label: 'Steps', title: 'Training steps' },
  { value: 'epoch', label: 'Epochs', title: 'Passes over the training images' },
  { value: 'images', label: 'Images', title: 'Training images seen' },
  { value: 'seconds', label: 'Seconds', title: 'Training time, without pauses and evaluations' },
];

export const axes: Record<XAxis, ChartAxis> = {
  step: { label: 'Step', format: (value) => `step ${integer(Math.round(value))}`, whole: true },
  epoch: { label: 'Epoch', format: (value) => `epoch ${significant(value, value < 10 ? 3 : 4)}` },
  images: { label: 'Training images seen', format: (value) => `${count(Math.round(value))} images`, whole: true },
  seconds: { label: 'Training time (s)', format: duration },
};

/** Where the x axis of a run ends, if that is known before the run has got there. */
export function knownEnd(
  run: Pick<RunRecord, 'status' | 'step' | 'totalSteps'>,
  axis: XAxis,
  pace: Pace,
): number | null {
  if (run.totalSteps === null || axis === 'seconds') return null;
  const ended = run.status === 'finished' || run.status === 'stopped' || run.status === 'failed';
  const steps = ended ? run.step : run.totalSteps;
  if (axis === 'step') return steps;
  if (axis === 'images') return imagesAfter(pace, steps);
  return epochsAfter(pace, steps) || null;
}
