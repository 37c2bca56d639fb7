import { LabError } from '../lab/contract/errors.ts';

interface Advice {
  readonly what: string;
  /** `elsewhere`: how a place is changed, in the imperative. */
  readonly remedy: (elsewhere: string) => string;
}

const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
const freeSpace = (): string => 'Free some space there, then go on';
const takeRight = (elsewhere: string): string => `Give yourself the right to write there, or ${elsewhere}`;

/** What to do about the file system's refusals that people meet; the others are named by their code. */
const advice: Readonly<Record<string, Advice>> = {
  ENOSPC: { what: 'the disk is full', remedy: freeSpace },
  EDQUOT: { what: 'the disk quota is used up', remedy: freeSpace },
  EROFS: { what: 'the file system is read-only', remedy: (elsewhere) => `Mount it writable, or ${elsewhere}` },
  EACCES: { what: 'permission is denied', remedy: takeRight },
  EPERM: { what: 'the operation is not permitted', remedy: takeRight },
  ENOENT: { what: 'its folder does not exist', remedy: (elsewhere) => `Make the folder first, or ${elsewhere}` },
  ENOTDIR: { what: 'a part of the path is a file, not a folder', remedy: upper },
  EISDIR: { what: 'a folder has that name', remedy: upper },
  ENAMETOOLONG: { what: 'the name is too long', remedy: upper },
  EFBIG: { what: 'the file is larger than its file system takes', remedy: upper },
  EIO: {
    what: 'the disk reports an input/output error',
    remedy: () => 'Check the disk before anything else is written to it',
  },
  EMFILE: {
    what: 'too many files are open',
    remedy: () => 'Raise the limit of open files (ulimit -n) or run fewer things at once',
  },
};

/**
 * A file system's error as a LabError (code `disk`).
 * @param doing what was tried, as it stands after "cannot": "write the checkpoint"
 * @param elsewhere how another place is chosen; left out: it lies in the home folder
 */
export function diskError(
  error: unknown,
  path: string,
  doing: string,
  elsewhere = 'set ABLATE_HOME to another folder',
): LabError {
  if (error instanceof LabError) return error;
  const code = errnoOf(error);
  const known = code === undefined ? undefined : advice[code];
  if (known) {
    return new LabError(
      'disk',
      `Cannot ${doing} (${path}): ${known.what} (${code ?? ''}). ${known.remedy(elsewhere)}.`,
    );
  }
  const text = error instanceof Error ? error.message : String(error);
  return new LabError('disk', `Cannot ${doing} (${path}): ${text}. Check that the folder exists and can be written.`);
}

/** "ENOENT" and the like; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
