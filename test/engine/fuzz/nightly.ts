/**
 * Everything that is drawn by seed, in numbers that an evening has time for: `npm run fuzz:nightly -- [first seed]`. The seeds go on from
 * one night to the next where none is given. About a quarter of an hour on two cores, most of it shaders on an adapter in software.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const day = Math.floor(Date.now() / 86_400_000);
const seed = process.argv[2] ?? String(day * 10_000);
const program = fileURLToPath(new URL('run.ts', import.meta.url));
/** V8 joins vectors: tiles are twice as wide (node/revectorize.ts). */
const wide = { flags: ['--experimental-wasm-revectorize'], env: { ABLATE_REVECTORIZE: 'on' } };
const stock = { flags: [], env: {} };

const parts: readonly [string, { flags: string[]; env: Record<string, string> }][] = [
  ['--graphs 2000 --precision exact', stock],
  ['--graphs 2000 --precision fast', stock],
  ['--graphs 1000 --precision exact', wide],
  ['--graphs 1000 --precision fast', wide],
  ['--graphs 500 --threads 3', stock],
  ['--of runs --graphs 500', stock],
  ['--of runs --graphs 200 --precision exact', wide],
  ['--graphs 400 --backends reference,webgpu', stock],
  ['--of runs --graphs 40 --backends reference,webgpu', stock],
];

let failed = 0;
for (const [options, { flags, env }] of parts) {
  const args = [...flags, program, ...options.split(' '), '--seed', seed];
  process.stdout.write(`${flags.length > 0 ? 'revectorize: ' : ''}${options}\n`);
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) failed++;
}
process.stdout.write(failed === 0 ? 'all agree\n' : `${failed} of ${parts.length} parts found differences\n`);
process.exitCode = failed === 0 ? 0 : 1;
