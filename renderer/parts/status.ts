/** A status as people see it: a word, a picture and a colour, always all three. */
import type { RunStatus } from '../../lab/contract/records.ts';
import {
  DoneIcon,
  FailedIcon,
  InterruptedIcon,
  PausedIcon,
  QueuedIcon,
  RunningIcon,
  StoppedIcon,
  type Icon,
} from './icons.ts';

export interface StatusLook {
  readonly word: string;
  readonly icon: Icon;
  readonly color: string;
}

export const statusLooks: Record<RunStatus, StatusLook> = {
  queued: { word: 'Queued', icon: QueuedIcon, color: 'var(--quiet)' },
  running: { word: 'Running', icon: RunningIcon, color: 'var(--accent)' },
  paused: { word: 'Paused', icon: PausedIcon, color: 'var(--warn)' },
  stopped: { word: 'Stopped', icon: StoppedIcon, color: 'var(--quiet)' },
  interrupted: { word: 'Interrupted', icon: InterruptedIcon, color: 'var(--warn)' },
  finished: { word: 'Finished', icon: DoneIcon, color: 'var(--good)' },
  failed: { word: 'Failed', icon: FailedIcon, color: 'var(--bad)' },
};

/** Statuses from which a run can go on. */
export const resumable: readonly RunStatus[] = ['paused', 'stopped', 'interrupted', 'failed'];
/** Statuses in which a run still has time in front of it. */
export const live: readonly RunStatus[] = ['queued', 'running', 'paused'];
