/** Journeys through the browser page: `test` with a lab of its own, whose history is empty and is thrown away after. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base } from '@playwright/test';

export interface LabServer {
  /** With the token in its fragment: `page.goto(lab.address)` opens the lab. */
  readonly address: string;
  readonly home: string;
}

const root = join(import.meta.dirname, '../..');

/** One lab per worker, so the tests of a file share its history; a file that wants an empty one says so by its own home. */
export const test = base.extend<object, { lab: LabServer }>({
  lab: [
    // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of the fixtures that are needed from here
    async ({}, use) => {
      const home = mkdtempSync(join(tmpdir(), 'ablate-journey-'));
      const server = spawn(process.execPath, [join(root, 'node/cli/entry.ts'), 'serve', '--port', '0', '--no-open'], {
        // Playwright asks its children for colours; the address is to be read by a program
        env: { ...process.env, ABLATE_HOME: home, NO_COLOR: '1', FORCE_COLOR: '0' },
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
      await use({ address, home });
      server.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
    { scope: 'worker' },
  ],
});

export { expect } from '@playwright/test';
