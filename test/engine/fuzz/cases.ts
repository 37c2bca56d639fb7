import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Backend, BackendName, Precision } from '../../../engine/backend.ts';
import type { JobChoices } from '../train/randomJobs.ts';
import { compareBackends, type Mismatch } from './compareBackends.ts';
import { compareRuns } from './compareRuns.ts';
import type { FuzzSpec } from './spec.ts';

export const casesFolder = fileURLToPath(new URL('cases/', import.meta.url));

interface Found {
  readonly backend: BackendName;
  readonly precision: Precision;
  /** Of the model, or run, that it was shrunk from. */
  readonly seed: number;
  /** What differed, or why the case is kept. */
  readonly message: string;
}

/** The smallest model, or the smallest run, of a difference that was found once. */
export type FuzzCase = Found & ({ readonly spec: FuzzSpec } | { readonly choices: JobChoices });

/** Writes a case to be committed; answers the file. */
export async function writeCase(folder: string, found: FuzzCase): Promise<string> {
  await mkdir(folder, { recursive: true });
  const kind = 'choices' in found ? '-run' : '';
  const file = join(folder, `${found.backend}-${found.precision}${kind}-${found.seed}.json`);
  await writeFile(file, `${JSON.stringify(found, null, 2)}\n`);
  return file;
}

/** All cases of a folder, by file name. */
export async function readCases(folder: string = casesFolder): Promise<readonly (readonly [string, FuzzCase])[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  return Promise.all(
    files.map(async (file) => [file, JSON.parse(await readFile(join(folder, file), 'utf8')) as FuzzCase] as const),
  );
}

/** Compares once more what differed then. */
export function replay(found: FuzzCase, backend: Backend): Promise<Mismatch | undefined> {
  const options = { precision: found.precision };
  return 'spec' in found ? compareBackends(found.spec, backend, options) : compareRuns(found.choices, backend, options);
}
