import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Puts a few lines of JSON in the place of a file that the program can do without: the old file or the new one is there, never half of
 * one, and nothing else stays where that fails (a full disk), which throws the file system's error.
 */
export function replaceJson(path: string, content: unknown): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // of a process that is killed here, the next start removes it (checkpoints.ts)
  const temporary = `${path}.${process.pid}.part`;
  try {
    writeFileSync(temporary, `${JSON.stringify(content, null, 2)}\n`);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
