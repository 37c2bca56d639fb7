/**
 * npm run bench -- --backend webgpu, or on a GPU machine without network, from a carried folder: node bench/gpu/main.ts
 *
 * Milliseconds a step of the webgpu backend, of TensorFlow.js and jax-js on the same adapter through the same Dawn, and of
 * PyTorch on CUDA where there is one; for our own also dispatches a step, the time of a step with a full queue, and the share of
 * it in which the GPU works. Prints one JSON document.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Contestant, type Program } from '../contestant.ts';
import { describeMachine } from '../machine.ts';
import { measure } from '../measure.ts';
import { workloads } from '../workloads.ts';
import type { GpuFigures } from './ablate.ts';

const { values: flags } = parseArgs({
  options: {
    backend: { type: 'string' },
    json: { type: 'boolean', default: true },
    workload: { type: 'string', default: 'W1,W2' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '0.5' },
    /** Seconds after which a contestant without a step is left out. */
    limit: { type: 'string', default: '60' },
  },
});

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const node = (name: string, ...args: string[]): Program => ({
  name,
  command: process.execPath,
  args: ['--no-warnings', ...args],
});
const hasCuda = spawnSync('python3', ['-c', 'import torch, sys; sys.exit(not torch.cuda.is_available())']).status === 0;
const programs: Program[] = [
  node('webgpu', at('ablate.ts')),
  node('tfjs-webgpu', at('../children/tfjs.ts'), 'webgpu'),
  node('jax-webgpu', at('../children/jax.ts'), 'webgpu'),
  ...(hasCuda
    ? [{ name: 'torch-cuda', command: 'python3', args: [at('../children/pytorch.py'), '1', 'cuda'], env: {} }]
    : []),
];

const chosen = flags.workload.split(',').map((name) => {
  const found = workloads.find((workload) => workload.name === name);
  if (found === undefined)
    throw new Error(`--workload: there is no "${name}"; choose from ${workloads.map((w) => w.name).join(', ')}.`);
  return found;
});
const options = {
  rounds: Number(flags.rounds),
  seconds: Number(flags.seconds),
  limitMs: 1000 * Number(flags.limit),
  until: Infinity,
};
const contestants = programs.map((program) => new Contestant(program));
const results = [];
try {
  for (const workload of chosen) {
    const { timings, failures } = await measure(workload, contestants, options);
    for (const [name, { median, least, most, steps, note }] of timings) {
      const own = name === 'webgpu' ? (JSON.parse(note) as GpuFigures) : undefined;
      const imagesPerSecond = (1000 * workload.batch) / (own?.queuedMs ?? median);
      results.push({ workload: workload.name, contestant: name, median, least, most, steps, imagesPerSecond, ...own });
    }
    for (const [name, why] of failures) results.push({ workload: workload.name, contestant: name, failure: why });
  }
} finally {
  for (const contestant of contestants) contestant.kill();
}
const notes = Object.fromEntries(contestants.map(({ program, note }) => [program.name, note]));
const missing = hasCuda ? {} : { 'torch-cuda': 'no PyTorch with CUDA' };
console.log(JSON.stringify({ machine: describeMachine(), contestants: notes, missing, results }, null, 2));
