import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The system's own Python, where Debian puts python3-torch; PYTHON names another. */
export const python = process.env['PYTHON'] ?? '/usr/bin/python3';

const probe = (code: string): boolean => spawnSync(python, ['-c', code]).status === 0;

/** Why programs cannot be compiled or run here; undefined when they can. */
export const noPython = probe('import sys') ? undefined : `${python} is missing; install Python 3`;
export const noTorch =
  noPython ?? (probe('import torch, numpy') ? undefined : `PyTorch is missing; install python3-torch for ${python}`);

/** Runs Python with these arguments. Throws with its stderr. */
export async function runPython(...words: string[]): Promise<string> {
  const { stdout } = await run(python, words, { maxBuffer: 2 ** 26 });
  return stdout;
}
