/** Where and what went wrong, as plain data, so that it crosses threads and sockets unchanged. */
export interface Fault {
  /** Graph node, when the fault belongs to one. */
  readonly node?: string;
  /** Property of the node, when it belongs to one. */
  readonly prop?: string;
  /** One sentence: what, where, and what to do. */
  readonly message: string;
}

/** 'device' and 'memory': a GPU's own trouble, after which a run may go on on the CPU. 'storage': it lacks what the spec asks for. */
export type EngineErrorCode =
  'graph' | 'plan' | 'data' | 'device' | 'memory' | 'storage' | 'checkpoint' | 'nonFinite' | 'threads';

/** Every error that the engine throws on purpose. `faults` holds all of them at once where there can be several. */
export class EngineError extends Error {
  readonly code: EngineErrorCode;
  readonly faults: readonly Fault[];

  constructor(code: EngineErrorCode, message: string, faults: readonly Fault[] = [{ message }]) {
    super(message);
    this.name = 'EngineError';
    this.code = code;
    this.faults = faults;
  }
}
