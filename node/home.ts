import { mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, posix, resolve, win32 } from 'node:path';
import { LabError } from '../lab/contract/errors.ts';
import { diskError, errnoOf } from './diskError.ts';

/** What decides where history lives; passed in, so that every platform's rule is tested on any of them. */
export interface HomeSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly userFolder: string;
}

/** The folder of history, checkpoints and settings. `ABLATE_HOME` wins, else the platform's place for program data. */
export function homeFolder(sources: HomeSources = currentSources()): string {
  const { env, platform, userFolder } = sources;
  if (env['ABLATE_HOME']) return resolve(env['ABLATE_HOME']);
  if (platform === 'win32') {
    return win32.join(env['APPDATA'] || win32.join(userFolder, 'AppData', 'Roaming'), 'Ablate');
  }
  if (platform === 'darwin') return posix.join(userFolder, 'Library', 'Application Support', 'Ablate');
  // the XDG specification has relative paths ignored
  const data = env['XDG_DATA_HOME'];
  return posix.join(data && posix.isAbsolute(data) ? data : posix.join(userFolder, '.local', 'share'), 'ablate');
}

function currentSources(): HomeSources {
  return { env: process.env, platform: process.platform, userFolder: homedir() };
}

/** Files and folders of a home. */
export interface Home {
  readonly folder: string;
  readonly checkpoints: string;
}

/** Makes the home folder where it is missing. Throws a LabError that says what to do when that is not possible. */
export function openHome(folder: string): Home {
  const home: Home = {
    folder,
    checkpoints: join(folder, 'checkpoints'),
  };
  try {
    makeFolders(home.checkpoints);
  } catch (error) {
    const blocking = fileInTheWay(home.checkpoints);
    if (blocking) {
      throw new LabError(
        'disk',
        `The home folder ${folder} cannot be used: ${blocking} is a file, not a folder. ` +
          'Move that file away, or set ABLATE_HOME to another folder.',
      );
    }
    throw diskError(error, folder, 'make the home folder');
  }
  return home;
}

/**
 * Makes a folder and those above it that are missing, readable for this user alone. Not `recursive: true`: that never comes
 * back where the system answers "no such file" for a folder whose parent is there, as /proc does.
 */
function makeFolders(path: string): void {
  const parent = resolve(path, '..');
  if (!statSync(parent, { throwIfNoEntry: false }) && parent !== path) makeFolders(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** The part of `path` that exists but is no folder, if there is one. */
function fileInTheWay(path: string): string | undefined {
  for (let part = path; ; part = resolve(part, '..')) {
    const found = statSync(part, { throwIfNoEntry: false });
    if (found) return found.isDirectory() ? undefined : part;
    if (resolve(part, '..') === part) return undefined;
  }
}
