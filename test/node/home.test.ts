import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LabError } from '../../lab/contract/errors.ts';
import { diskError } from '../../node/diskError.ts';
import { homeFolder, openHome } from '../../node/home.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ablate-home-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('where history lives', () => {
  const user = { userFolder: '/home/ada' };

  it('is ABLATE_HOME on every platform, made absolute', () => {
    for (const platform of ['linux', 'darwin', 'win32'] as const) {
      expect(
        homeFolder({ ...user, platform, env: { ABLATE_HOME: 'here', XDG_DATA_HOME: '/x', APPDATA: 'C:\\x' } }),
      ).toBe(resolve('here'));
    }
  });

  it("is the platform's folder for program data otherwise", () => {
    expect(homeFolder({ ...user, platform: 'linux', env: {} })).toBe('/home/ada/.local/share/ablate');
    expect(homeFolder({ ...user, platform: 'linux', env: { XDG_DATA_HOME: '/data' } })).toBe('/data/ablate');
    expect(homeFolder({ ...user, platform: 'linux', env: { XDG_DATA_HOME: 'data' } })).toBe(
      '/home/ada/.local/share/ablate',
    );
    expect(homeFolder({ ...user, platform: 'darwin', env: {} })).toBe('/home/ada/Library/Application Support/Ablate');
    const windows = { userFolder: 'C:\\Users\\ada', platform: 'win32' } as const;
    expect(homeFolder({ ...windows, env: { APPDATA: 'D:\\Roaming' } })).toBe('D:\\Roaming\\Ablate');
    expect(homeFolder({ ...windows, env: {} })).toBe('C:\\Users\\ada\\AppData\\Roaming\\Ablate');
  });

  it('is made with its checkpoint folder', () => {
    const home = openHome(join(folder, 'a', 'b'));
    expect(existsSync(home.checkpoints)).toBe(true);
    expect(openHome(home.folder)).toEqual(home);
  });

  it('is refused with the name of the file that stands in its place', () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const home of [file, join(file, 'below')]) {
      expect(() => openHome(home)).toThrow(LabError);
      expect(() => openHome(home)).toThrow(new RegExp(`${file} is a file, not a folder.*ABLATE_HOME`, 's'));
    }
  });

  // /proc refuses new folders to every user, root included
  it.runIf(process.platform === 'linux')('is refused where nothing can be made', () => {
    expect(() => openHome('/proc/ablate')).toThrow(/Cannot make the home folder \(\/proc\/ablate\)/);
  });
});

describe('errors of the disk', () => {
  const errno = (code: string) => Object.assign(new Error(`${code}: something`), { code });

  it('name the path, the cause in words and what to do', () => {
    expect(diskError(errno('ENOSPC'), '/x', 'write it')).toMatchObject({
      code: 'disk',
      message: 'Cannot write it (/x): the disk is full (ENOSPC). Free some space there, then go on.',
    });
    expect(diskError(errno('EROFS'), '/x', 'write it').message).toMatch(/read-only \(EROFS\).*ABLATE_HOME/);
    expect(diskError(errno('EACCES'), '/x', 'write it').message).toMatch(/permission is denied.*ABLATE_HOME/);
    const elsewhere = diskError(errno('EACCES'), '/x', 'write it', 'choose another file').message;
    expect(elsewhere).toMatch(/Give yourself the right to write there, or choose another file\.$/);
    expect(diskError(errno('EWHATEVER'), '/x', 'write it').message).toMatch(/EWHATEVER: something/);
    expect(diskError('odd', '/x', 'write it').message).toContain('odd');
  });
});
