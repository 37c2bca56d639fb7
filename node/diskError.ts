import { LabError } from '../lab/contract/errors.ts';

/** What to do about the file system's refusals that people meet; the others are named by their code. */
const advice: Readonly<Record<string, { readonly what: string; readonly remedy: string }>> = {
  ENOSPC: { what: 'the disk is full', remedy: 'Free some space there, then go on' },
  EDQUOT: { what: 'the disk quota is used up', remedy: 'Free some space there, then go on' },
  EROFS: {
    what: 'the file system is read-only',
    remedy: 'Set ABLATE_HOME to a folder that can be written, or mount it writable',
  },
  EACCES: {
    what: 'permission is denied',
    remedy: 'Give yourself the right to write there, or set ABLATE_HOME to another folder',
  },
  EPERM: {
    what: 'the operation is not permitted',
    remedy: 'Give yourself the right to write there, or set ABLATE_HOME to another folder',
  },
  ENOTDIR: { what: 'a part of the path is a file, not a folder', remedy: 'Set ABLATE_HOME to another folder' },
  EIO: {
    what: 'the disk reports an input/output error',
    remedy: 'Check the disk before anything else is written to it',
  },
  EMFILE: {
    what: 'too many files are open',
    remedy: 'Raise the limit of open files (ulimit -n) or run fewer things at once',
  },
};

/**
 * A file system's error as a LabError (code `disk`).
 * @param doing what was tried, as it stands after "cannot": "write the checkpoint"
 */
export function diskError(error: unknown, path: string, doing: string): LabError {
  if (error instanceof LabError) return error;
  const code = errnoOf(error);
  const known = code === undefined ? undefined : advice[code];
  if (known) {
    return new LabError('disk', `Cannot ${doing} (${path}): ${known.what} (${code ?? ''}). ${known.remedy}.`);
  }
  const text = error instanceof Error ? error.message : String(error);
  return new LabError('disk', `Cannot ${doing} (${path}): ${text}. Check that the folder exists and can be written.`);
}

/** "ENOENT" and the like; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
