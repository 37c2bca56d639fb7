import { LabError } from '../lab/contract/errors.ts';

/** What a failure of SQLite means for people. `file` is the history's. */
export function translate(error: unknown, file: string): unknown {
  if (error instanceof LabError || !(error instanceof Error)) return error;
  const code: unknown = Reflect.get(error, 'code');
  if (typeof code !== 'string' || !code.startsWith('SQLITE_')) return error;
  const detail = `${error.message}, ${code}`;
  if (code.startsWith('SQLITE_FULL')) {
    return new LabError(
      'disk',
      `${file} could not be written: the disk is full (${detail}). Free some space and try again.`,
    );
  }
  if (code.startsWith('SQLITE_READONLY')) {
    return new LabError(
      'disk',
      `${file} is read-only (${detail}). Give this user the right to write to it and to its folder.`,
    );
  }
  if (code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_PERM')) {
    return new LabError(
      'disk',
      `${file} could not be read or written (${detail}). Check that its folder exists, can be written and is not full.`,
    );
  }
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new LabError(
      'inUse',
      `${file} is held by another program (${detail}). Close what has it open and try again.`,
    );
  }
  if (code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB')) return damaged(file, detail);
  return error;
}

/** The history is not what SQLite wrote. Nothing is deleted: people decide. */
export function damaged(file: string, detail: string): LabError {
  return new LabError(
    'database',
    `${file} is damaged (${detail}). Nothing was changed. Put a copy from the folder "backups" beside it in its place, or move ` +
      `it (with its -wal and -shm files) elsewhere: the lab then begins an empty history, and checkpoint files stay where they are.`,
  );
}

/** The same object whose methods throw errors for people. */
export function translating<T extends object>(target: T, file: string): T {
  const out: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(target)) {
    out[name] =
      typeof member === 'function'
        ? (...args: unknown[]): unknown => {
            try {
              return (member as (...args: unknown[]) => unknown)(...args);
            } catch (error) {
              throw translate(error, file);
            }
          }
        : member;
  }
  return out as T;
}
