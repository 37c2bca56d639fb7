import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BackendName, Precision } from '../../../engine/backend.ts';
import type { FuzzSpec } from './spec.ts';

export const casesFolder = fileURLToPath(new URL('cases/', import.meta.url));

/** The smallest model of a difference that was found once. */
export interface FuzzCase {
  readonly backend: BackendName;
  readonly precision: Precision;
  /** Of the model that it was shrunk from. */
  readonly seed: number;
  /** What differed, or why the case is kept. */
  readonly message: string;
  readonly spec: FuzzSpec;
}

/** Writes a case to be committed; answers the file. */
export async function writeCase(folder: string, found: FuzzCase): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, `${found.backend}-${found.precision}-${found.seed}.json`);
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
