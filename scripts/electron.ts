/** Electron's binary: is it here, and can it be had? Never `require('electron')` for that: it would start a download. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const folder = dirname(createRequire(import.meta.url).resolve('electron/package.json'));

/** The program, or undefined where it was never downloaded (npm does not: that is `npx install-electron`). */
export function findElectron(): string | undefined {
  const pathFile = join(folder, 'path.txt');
  const names = { win32: 'electron.exe', darwin: 'Electron.app/Contents/MacOS/Electron' } as Record<string, string>;
  const name = existsSync(pathFile) ? readFileSync(pathFile, 'utf8') : (names[process.platform] ?? 'electron');
  const program = join(process.env['ELECTRON_OVERRIDE_DIST_PATH'] ?? join(folder, 'dist'), name);
  return existsSync(program) ? program : undefined;
}

/** As findElectron, after trying to download it. The download is checked against the package's own checksums. */
export function fetchElectron(): string | undefined {
  const found = findElectron();
  if (found !== undefined) return found;
  console.log("Downloading Electron's binary (once, about 120 MB) ...");
  spawnSync(process.execPath, [join(folder, 'install.js')], {
    stdio: ['ignore', 'ignore', 'ignore'],
    timeout: 600_000,
  });
  return findElectron();
}

/** Whether a window could be seen. Windows and macOS sessions that run npm have a screen practically always. */
export function hasDisplay(platform = process.platform, env: NodeJS.ProcessEnv = process.env): boolean {
  if (platform !== 'linux') return true;
  return Boolean(env['DISPLAY']) || Boolean(env['WAYLAND_DISPLAY']);
}

/** Chromium's sandbox refuses to run for root, so for root, and only then, it is left out. */
export const rootArgs: readonly string[] = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
