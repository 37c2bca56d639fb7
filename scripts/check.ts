/** `npm run check`: everything that can be said about the code without running it. All steps run, whatever fails. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const steps: readonly { name: string; command: readonly string[] }[] = [
  { name: 'types', command: ['typescript/bin/tsc', '-p', 'tsconfig.node.json'] },
  {
    name: 'types of the page',
    command: [
      'svelte-check/bin/svelte-check',
      '--tsconfig',
      './tsconfig.web.json',
      '--fail-on-warnings',
      '--output',
      'human',
    ],
  },
  { name: 'lint', command: ['eslint/bin/eslint.js', '.', '--max-warnings', '0'] },
  { name: 'format', command: ['prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'] },
  { name: 'rooms', command: ['../scripts/rooms.ts'] },
  { name: 'unused code', command: ['knip/bin/knip.js', '--no-progress'] },
];

const root = join(import.meta.dirname, '..');
const failed: string[] = [];
for (const { name, command } of steps) {
  const [program, ...args] = command;
  const start = performance.now();
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', program!), ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  // not every tool ends its last line
  console.log(`\n${status === 0 ? 'ok' : 'FAILED'}  ${name} (${seconds} s)`);
  if (status !== 0) failed.push(name);
}
console.log(failed.length === 0 ? 'All checks passed.' : `Failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
