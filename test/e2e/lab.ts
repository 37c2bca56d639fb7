/** Journeys through the browser page: `test` with a lab of its own, whose history is empty and is thrown away after. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test as base } from '@playwright/test';

export interface LabServer {
  /** With the token in its fragment: `page.goto(lab.address)` opens the lab. */
  readonly address: string;
  readonly home: string;
  /** From now on runs stay at step `heldStep`, or go on: what a test does to a run that trains comes before its end, on any machine. */
  hold(on: boolean): void;
}

/** The template is evaluated every 50 steps: a run that is held has a curve, and most of it lies ahead. */
const heldStep = 200;

const root = join(import.meta.dirname, '../..');

/** One lab per worker, so the tests of a file share its history; a file that wants an empty one says so by its own home. */
export const test = base.extend<object, { lab: LabServer }>({
  lab: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of the fixtures that are needed from here
    async ({}, use) => {
      const home = mkdtempSync(join(tmpdir(), 'ablate-journey-'));
      const held = join(home, 'held');
      const holdAt = pathToFileURL(join(root, 'test/node/fixtures/holdAt.ts')).href;
      const words = ['--import', holdAt, join(root, 'node/cli/entry.ts'), 'serve', '--port', '0', '--no-open'];
      const server = spawn(process.execPath, words, {
        env: {
          ...process.env,
          ABLATE_HOME: home,
          ABLATE_HOLD: String(heldStep),
          ABLATE_HOLD_WHILE: held,
          // Playwright asks its children for colours; the address is to be read by a program
          NO_COLOR: '1',
          FORCE_COLOR: '0',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const ended = new Promise<void>((resolve) => server.on('exit', () => resolve()));
      let output = '';
      const address = await new Promise<string>((resolve, reject) => {
        const hear = (chunk: Buffer): void => {
          output += chunk.toString('utf8');
          const found = /http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+(?=\s)/.exec(output);
          if (found) resolve(found[0]);
        };
        server.stdout.on('data', hear);
        server.stderr.on('data', hear);
        void ended.then(() => reject(new Error(`The lab ended before it had an address:\n${output}`)));
      });
      const hold = (on: boolean): void => (on ? writeFileSync(held, '') : rmSync(held, { force: true }));
      await use({ address, home, hold });
      server.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
    { scope: 'worker' },
  ],
});

export { expect } from '@playwright/test';
