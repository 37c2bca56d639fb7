import { EngineError, type EngineErrorCode, type Fault } from '../errors.ts';

/** An error as data that crosses threads and sockets. */
export interface PlainError {
  readonly code: EngineErrorCode | 'unexpected';
  readonly message: string;
  readonly faults: readonly Fault[];
}

export function plainError(error: unknown): PlainError {
  if (error instanceof EngineError) return { code: error.code, message: error.message, faults: error.faults };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'unexpected', message, faults: [{ message }] };
}
