/**
 * How a host ends a thread of the engine. JavaScript and WebAssembly may be ended from outside, at any instruction. Dawn's module may
 * not: an exception that it cannot throw, because its thread is being ended, and a promise that it cannot settle any more, are bugs to
 * it, for which it ends the whole process, history and all. So a thread that has loaded it is asked to leave.
 */
export interface ThreadEnd<Port> {
  /** i32 [1] in shared memory, one of `threadState`. Both sides change it by Atomics.compareExchange, and only from `free`. */
  readonly state: Int32Array;
  /** A message here asks the thread to leave. */
  readonly leave: Port;
}

export const threadState = {
  /** May be ended from outside. */
  free: 0,
  /** Is being ended from outside, and must load no native code any more. */
  ended: 1,
  /** Has loaded native code, and leaves when asked. */
  native: 2,
} as const;
