import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { LabError } from '../../lab/contract/errors.ts';
import { errnoOf } from '../diskError.ts';
import { usage } from './args.ts';
import { readStream } from './files.ts';
import { jsonFault } from '../../lab/imports/jsonFault.ts';

/** A spec file is kilobytes; what is larger is another file by mistake. */
const maximumSize = 16 * 2 ** 20;

/** The JSON of a spec file, "-" for standard input, not checked as a spec yet. Throws a LabError that names file and place. */
export async function readSpecFile(path: string | undefined, command: string): Promise<unknown> {
  if (path === undefined)
    throw usage(`${command} needs the file of a spec, for example: ${command} examples/mlp-sigmoid.json`);
  const name = path === '-' ? 'standard input' : path;
  const content = await readText(path, name);
  // editors of some systems put a byte order mark in front
  const body = content.replace(/^\ufeff/, '');
  try {
    return JSON.parse(body);
  } catch {
    throw new LabError('invalid', `${name}${jsonFault(body)}`);
  }
}

async function readText(path: string, name: string): Promise<string> {
  try {
    const stream = path === '-' ? process.stdin : createReadStream(path);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(await readStream(stream, name, maximumSize));
  } catch (error) {
    if (error instanceof LabError)
      throw new LabError('invalid', `${error.message} That is no spec; is it another file?`);
    const code = errnoOf(error);
    if (code === 'ENOENT')
      throw new LabError('invalid', `There is no file ${resolve(path)}. Check the name; examples lie in examples/.`);
    if (code === 'EISDIR') throw new LabError('invalid', `${resolve(path)} is a folder, not a spec file.`);
    if (code === 'EACCES') throw new LabError('invalid', `${resolve(path)} may not be read by this user.`);
    throw new LabError('invalid', `${resolve(path)} cannot be read: ${(error as Error).message}.`);
  }
}
