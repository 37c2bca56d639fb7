import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { LabError } from '../../lab/contract/errors.ts';
import { diskError, errnoOf } from '../diskError.ts';

/** Reads a file whole, if it is one and not larger than `most` bytes. Throws a LabError that names it. */
export async function readWholeFile(path: string, most: number): Promise<Uint8Array> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new LabError('invalid', `${resolve(path)} is a folder, not a file.`);
    if (found.size > most) throw tooLarge(resolve(path), most);
    return await readStream(createReadStream(path), resolve(path), most);
  } catch (error) {
    if (error instanceof LabError) throw error;
    if (errnoOf(error) === 'ENOENT') throw new LabError('invalid', `There is no file ${resolve(path)}.`);
    throw new LabError('invalid', `${resolve(path)} cannot be read: ${(error as Error).message}.`);
  }
}

/**
 * Reads what a stream gives, up to `most` bytes: pipes and devices tell no size and may never end. Throws a LabError with `name` where
 * more comes.
 */
export async function readStream(stream: Readable, name: string, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of stream as AsyncIterable<Uint8Array>) {
    bytes += part.length;
    // leaving the loop closes the stream
    if (bytes > most) throw tooLarge(name, most);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

const tooLarge = (name: string, most: number): LabError =>
  new LabError('invalid', `${name} is larger than ${most / 2 ** 20} MiB, the most that is read.`);

/**
 * Writes a file whole or not at all: a file that was there stays until the new one is complete. Throws a LabError 'disk'.
 * Devices and pipes are written to as they are.
 */
export async function writeWholeFile(path: string, bytes: Uint8Array): Promise<void> {
  const there = await stat(path).catch(() => null);
  // nothing may take the place of /dev/stdout, and no folder gives its own away
  const replaces = there === null || there.isFile();
  const temporary = replaces ? `${path}.${randomBytes(4).toString('hex')}.part` : null;
  try {
    if (temporary === null) {
      await writeFile(path, bytes);
      return;
    }
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    if (temporary !== null) await rm(temporary, { force: true }).catch(() => undefined);
    throw diskError(error, resolve(path), `write ${basename(path)}`, 'choose another file with --out');
  }
}
