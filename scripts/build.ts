/** Builds what is out of date, and only that. `npm start`, the journeys and `npm run build` share it. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const root = join(import.meta.dirname, '..');

export const targets = {
  /** The page, for the browser shell and for the window. */
  page: {
    inputs: ['renderer', 'lab', 'engine', 'vite.web.config.ts', 'svelte.config.js', 'package-lock.json'],
    output: 'out/renderer/index.html',
    command: ['vite/bin/vite.js', 'build', '-c', 'vite.web.config.ts', '--logLevel', 'warn'],
  },
  /** Electron's main process, its preload script and the engine's worker threads. */
  desktop: {
    inputs: ['electron', 'node', 'db', 'lab', 'engine', 'electron.vite.config.ts', 'package-lock.json'],
    output: 'out/main/electron/main.js',
    command: ['electron-vite/bin/electron-vite.js', 'build', '--logLevel', 'warn'],
  },
} as const;
export type Target = keyof typeof targets;

/** A hash over names, sizes and times of all files a target is made from. */
function fingerprint(inputs: readonly string[]): string {
  const hash = createHash('sha256');
  const visit = (path: string): void => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    if (!stat) return;
    if (!stat.isDirectory()) {
      hash.update(`${path}\0${stat.size}\0${stat.mtimeMs}\n`);
      return;
    }
    for (const name of readdirSync(join(root, path)).sort()) visit(`${path}/${name}`);
  };
  inputs.forEach(visit);
  return hash.digest('hex');
}

/** Returns whether it had to build. Throws when the build fails; the builder has said why by then. */
export function build(target: Target, force = false): boolean {
  const { inputs, output, command } = targets[target];
  const stamp = join(root, 'out', `${target}.stamp`);
  const now = fingerprint(inputs);
  const fresh = existsSync(join(root, output)) && existsSync(stamp) && readFileSync(stamp, 'utf8') === now;
  if (fresh && !force) return false;
  const [bin, ...args] = command;
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', bin), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error(`Building the ${target} failed (see above).`);
  mkdirSync(join(root, 'out'), { recursive: true });
  writeFileSync(stamp, now);
  return true;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  try {
    for (const target of Object.keys(targets) as Target[]) {
      console.log(`Building the ${target} ...`);
      build(target, true);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
