/** Exit codes of every command; docs/terminal.md and `help` print this list. */
export const exitCodes: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 0, meaning: 'done' },
  { code: 1, meaning: 'a run failed, a replay differs, or the lab did not do what was asked' },
  { code: 2, meaning: 'the command was used in a way it does not have' },
  { code: 3, meaning: 'bad input: a spec, a graph, a file or a data set has faults' },
  { code: 4, meaning: 'no such run or group, or several that begin alike' },
  { code: 5, meaning: 'the home folder or the port is in use by another process' },
  { code: 6, meaning: 'a disk is full, read-only or does not answer' },
  { code: 7, meaning: 'the history or a checkpoint is damaged or of a newer version' },
  { code: 129, meaning: 'ended by a closed terminal (SIGHUP); runs can be resumed' },
  { code: 130, meaning: 'ended by Ctrl+C (SIGINT); runs can be resumed' },
  { code: 143, meaning: 'ended by kill (SIGTERM); runs can be resumed' },
];
