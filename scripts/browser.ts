/** Finds or fetches the browser that tests drive. `node scripts/browser.ts` does both and prints its path. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright';

/** Where browsers lie on each system. Not /usr/bin/chromium-browser: on Ubuntu that only says to install a snap. */
function usualPlaces(): string[] {
  if (process.platform === 'darwin') {
    return ['Google Chrome', 'Chromium', 'Microsoft Edge'].map(
      (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
    );
  }
  if (process.platform === 'win32') {
    const roots = ['PROGRAMFILES', 'PROGRAMFILES(X86)', 'LOCALAPPDATA'].flatMap((name) => process.env[name] ?? []);
    const programs = ['Google/Chrome/Application/chrome.exe', 'Microsoft/Edge/Application/msedge.exe'];
    return roots.flatMap((root) => programs.map((program) => join(root, program)));
  }
  return [
    '/usr/lib/chromium/chromium', // before /usr/bin/chromium, a shell wrapper that adds flags of its own
    '/usr/bin/chromium',
    '/usr/bin/google-chrome-stable',
    '/usr/bin/google-chrome',
    '/usr/bin/microsoft-edge',
  ];
}

/** The browser's program, or undefined when this machine has none. LAB_CHROMIUM names one and must be right. */
export function findBrowser(): string | undefined {
  const named = process.env['LAB_CHROMIUM'];
  if (named !== undefined && named !== '') {
    if (existsSync(named)) return named;
    throw new Error(`LAB_CHROMIUM names ${named}, which does not exist. Correct it or unset it.`);
  }
  return [chromium.executablePath(), ...usualPlaces()].find((path) => existsSync(path));
}

/** As findBrowser, but installs one where that is possible. Throws with what to do where it is not. */
export function ensureBrowser(): string {
  const found = findBrowser();
  if (found !== undefined) return found;
  const tried: string[] = [];
  const attempt = (program: string, ...args: string[]): boolean => {
    tried.push([program, ...args].join(' '));
    console.error(`No browser yet; trying: ${tried.at(-1)!}`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    return (
      spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env, shell: process.platform === 'win32' })
        .status === 0
    );
  };
  if (process.platform === 'linux' && process.getuid?.() === 0 && hasProgram('apt-get')) {
    attempt('apt-get', 'update', '-qq');
    attempt('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'chromium');
  }
  const installed = findBrowser() ?? (attempt('npx', 'playwright', 'install', 'chromium') ? findBrowser() : undefined);
  if (installed !== undefined) return installed;
  throw new Error(
    'The tests need Chromium (or Chrome or Edge), and none was found or could be installed. Tried:\n' +
      tried.map((line) => `  ${line}\n`).join('') +
      'Install one (Debian: apt-get install chromium) or name one with LAB_CHROMIUM=/path/to/chromium.',
  );
}

function hasProgram(name: string): boolean {
  try {
    execFileSync('which', [name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** How tests start it. Chromium's sandbox does not work for root, and only then it is left out. */
export function launchOptions(): { executablePath?: string; args: string[] } {
  const executablePath = findBrowser();
  const args = ['--disable-background-networking', '--disable-component-update'];
  // WebGPU on the processor, so that it is the same on every machine; without a GPU Chromium would have none
  args.push('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader');
  if (process.getuid?.() === 0) args.push('--no-sandbox');
  return executablePath === undefined ? { args } : { executablePath, args };
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    console.log(ensureBrowser());
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
