import type { QueueRecord, RunRecord, SeriesName } from './records.ts';

/** How far an evaluation is that takes its time. */
export interface EvaluationProgress {
  split: 'validation' | 'test';
  /** Images that lie behind it, and how many there are. */
  done: number;
  images: number;
  /** By its own pace; null before there is one. */
  secondsLeft: number | null;
}

/** What the lab pushes to whoever watches, in order. Everything can be lost and read again by a call. */
export interface LabEvents {
  /** A run is new or any field of its record changed (at most about four a second per run while it trains). */
  'run.changed': { run: RunRecord };
  'run.deleted': { ids: string[] };
  'run.restored': { ids: string[] };
  /** Curve points that were stored just now. `truncatedTo`, of a run that is resumed or goes on on another
   *  backend: points after that step are void. */
  'run.series': {
    id: string;
    truncatedTo?: number;
    series: { name: SeriesName; steps: number[]; values: (number | null)[]; seconds: number[] }[];
  };
  /** What was seen inside the layers was stored, up to this step. `diagnostics.get` reads it. */
  'run.probe': { id: string; step: number };
  /** A run evaluates, about four a second; null: not any more. Short ones of validation images are not told. */
  'run.evaluating': { id: string; evaluation: EvaluationProgress | null };
  /** How far a replay (`runs.verify`) is: about four a second. */
  'run.verifying': { id: string; step: number; steps: number; evaluation: EvaluationProgress | null };
  /** How far a job that somebody waits for is, from 0 to 1. `ticket`: the one that its caller gave it; `run`: the one it is about. */
  'job.progress': {
    job: 'lrRange' | 'recalibrate' | 'analysis' | 'export';
    done: number;
    ticket?: string;
    run?: string;
  };
  'queue.changed': { queue: QueueRecord };
  /** Saved architectures were added, changed, deleted or restored. */
  'architectures.changed': { ids: string[] };
}
export type LabEventName = keyof LabEvents;
