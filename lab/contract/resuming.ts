import type { ErrorRecord, RunRecord } from './records.ts';

/** Failures that say nothing about the run itself: what trained it is gone, and going on may well succeed. */
const accidents: readonly string[] = ['unexpected', 'threads', 'device', 'memory', 'disk'];

export const isAccident = ({ code }: Pick<ErrorRecord, 'code'>): boolean => accidents.includes(code);

/** Where resuming a run goes on, in a sentence. */
export function resumingWords({ checkpointStep, start }: Pick<RunRecord, 'checkpointStep' | 'start'>): string {
  if (checkpointStep !== null) return `Resuming goes on from its last checkpoint, at step ${checkpointStep}.`;
  const again =
    start === null
      ? 'starts it again'
      : start.carry === 'everything'
        ? `goes on again from step ${start.firstStep}, where it was forked`
        : 'starts it again from the stored weights that it began with';
  return `No checkpoint had been saved yet, so resuming ${again}.`;
}

/** An error that a run ended with, and what resuming would do, where it may help. */
export function withResuming(error: ErrorRecord, run: Pick<RunRecord, 'checkpointStep' | 'start'>): ErrorRecord {
  if (!isAccident(error)) return error;
  const said = (message: string): string => `${message.replace(/(?<![.!?])$/, '.')} ${resumingWords(run)}`;
  const faults = error.faults.map((fault) =>
    fault.message === error.message ? { ...fault, message: said(fault.message) } : fault,
  );
  return { ...error, message: said(error.message), faults };
}
