/** The progress of all running runs in the taskbar or dock. */
import type { LabEvent } from '../lab/contract/client.ts';
import type { RunRecord } from '../lab/contract/records.ts';

/** Between 0 and 1; null while nothing runs; NaN never: a run of unknown length counts as just begun. */
export function overallProgress(running: Iterable<Pick<RunRecord, 'step' | 'totalSteps'>>): number | null {
  let [done, count] = [0, 0];
  for (const { step, totalSteps } of running) {
    done += totalSteps !== null && totalSteps > 0 ? Math.min(1, step / totalSteps) : 0;
    count++;
  }
  return count === 0 ? null : done / count;
}

/** Follows the lab's events and calls `show` when the overall progress has changed. */
export class ProgressFollower {
  readonly #show: (progress: number | null) => void;
  readonly #running = new Map<string, RunRecord>();
  #last: number | null = null;

  constructor(show: (progress: number | null) => void) {
    this.#show = show;
  }

  hear(event: LabEvent): void {
    if (event.name === 'run.changed') {
      const { run } = event.data;
      if (run.status === 'running') this.#running.set(run.id, run);
      else this.#running.delete(run.id);
    } else if (event.name === 'run.deleted') {
      for (const id of event.data.ids) this.#running.delete(id);
    } else return;
    const progress = overallProgress(this.#running.values());
    if (progress === this.#last) return;
    this.#last = progress;
    this.#show(progress);
  }
}
