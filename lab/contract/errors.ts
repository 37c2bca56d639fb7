import type { EngineErrorCode } from '../../engine/index.ts';
import { errorRecordSchema, type ErrorRecord } from './records.ts';

interface Entry {
  readonly exit: number;
  readonly meaning: string;
}

/**
 * Every error that the lab and its shells answer with, and the exit code of a terminal command that ends in it.
 * A message says what is wrong, where, and what to do.
 */
export const errorCatalogue = {
  usage: { exit: 2, meaning: 'a command or call was used in a way it does not have' },
  invalid: { exit: 3, meaning: 'an input does not have the right form' },
  spec: { exit: 3, meaning: 'a spec has faults; nothing was started' },
  graph: { exit: 3, meaning: 'a model graph has faults' },
  data: { exit: 3, meaning: 'a data set is missing, damaged or does not fit the spec' },
  notFound: { exit: 4, meaning: 'no run, group or data set has this name' },
  ambiguous: { exit: 4, meaning: 'several runs begin with this id' },
  inUse: { exit: 5, meaning: 'another process works on this history, or the port is taken' },
  disk: { exit: 6, meaning: 'a disk is full, read-only or does not answer' },
  database: { exit: 7, meaning: 'the history file is damaged or of a newer version' },
  checkpoint: { exit: 7, meaning: 'a checkpoint is damaged or belongs to another model' },
  state: { exit: 1, meaning: 'the run is in a state that does not allow this' },
  nonFinite: { exit: 1, meaning: 'a run reached a number that is not finite' },
  plan: { exit: 1, meaning: 'a training plan failed its own checks' },
  device: { exit: 1, meaning: 'this machine lacks what the backend needs' },
  memory: { exit: 1, meaning: 'a run needs more memory than there is' },
  storage: { exit: 1, meaning: 'the graphics adapter lacks the storage that a spec asks for' },
  threads: { exit: 1, meaning: 'a training thread died' },
  interrupted: { exit: 130, meaning: 'the work was interrupted; runs can be resumed' },
  disconnected: { exit: 1, meaning: 'the connection to the lab closed before it answered' },
  closed: { exit: 1, meaning: 'the lab is closing and takes no more calls' },
  unexpected: { exit: 1, meaning: 'a defect in the program' },
} as const satisfies Record<string, Entry> & Record<EngineErrorCode, Entry>;
export type LabErrorCode = keyof typeof errorCatalogue;

export type LabFault = ErrorRecord['faults'][number];

/** An error that is meant for people. `faults` holds all of them at once where there can be several. */
export class LabError extends Error {
  readonly code: LabErrorCode;
  readonly faults: readonly LabFault[];

  constructor(code: LabErrorCode, message: string, faults: readonly LabFault[] = [{ message }]) {
    super(message);
    this.name = 'LabError';
    this.code = code;
    this.faults = faults;
  }
}

const isCode = (code: string): code is LabErrorCode => Object.hasOwn(errorCatalogue, code);

/** The exit code of a terminal command that ends with this code. */
export function exitCodeOf(code: string): number {
  return isCode(code) ? errorCatalogue[code].exit : 1;
}

/** Plain data of anything that was thrown; it crosses threads and sockets unchanged. Never throws. */
export function toErrorRecord(error: unknown): ErrorRecord {
  try {
    const parsed = errorRecordSchema.safeParse(
      error instanceof Error
        ? {
            code: Reflect.get(error, 'code') as unknown,
            message: error.message,
            faults: Reflect.get(error, 'faults') as unknown,
          }
        : error,
    );
    if (parsed.success && isCode(parsed.data.code)) return parsed.data;
    const message = error instanceof Error ? error.message || error.name : String(error);
    return { code: 'unexpected', message, faults: [{ message }] };
  } catch {
    const message = 'An error that cannot be put into words was thrown.';
    return { code: 'unexpected', message, faults: [{ message }] };
  }
}

/** The error again, on the other side. */
export function fromErrorRecord(record: ErrorRecord): LabError {
  return new LabError(isCode(record.code) ? record.code : 'unexpected', record.message, record.faults);
}

/** Anything thrown as a LabError. */
export function asLabError(error: unknown): LabError {
  return error instanceof LabError ? error : fromErrorRecord(toErrorRecord(error));
}
