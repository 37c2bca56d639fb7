/** Signals that ask a program to end: Ctrl+C, `kill`, a closed terminal. */
const signals = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
export type EndSignal = keyof typeof signals;

/** The exit code that shells expect of a program which a signal ended. */
export const exitCodeOfSignal = (signal: EndSignal): number => signals[signal];

/**
 * Calls `handler` on the first signal that asks for the end, so that running runs get their checkpoint. A second one ends
 * the process at once: whoever presses Ctrl+C twice does not want to wait. Returns what takes the handlers away.
 */
export function onEndSignal(handler: (signal: EndSignal) => void): () => void {
  let asked = false;
  const hear = (signal: EndSignal) => {
    if (asked) process.exit(exitCodeOfSignal(signal));
    asked = true;
    handler(signal);
  };
  const names = Object.keys(signals) as EndSignal[];
  for (const name of names) process.on(name, hear);
  return () => {
    for (const name of names) process.off(name, hear);
  };
}
