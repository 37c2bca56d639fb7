/**
 * npm run bench -- --backend webgpu, or on a GPU machine without network, from a carried folder: node bench/gpu/main.ts --host node
 *
 * Milliseconds a step of the webgpu backend, of TensorFlow.js and jax-js on the same adapter, in pages of one browser or through
 * one Dawn in Node, and of PyTorch on CUDA where there is one; for our own also dispatches a step, the time of a step with a full
 * queue, and the share of it in which the GPU works. Prints one JSON document.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Contestant, type Program, type Racer } from '../contestant.ts';
import { describeMachine } from '../machine.ts';
import { measure } from '../measure.ts';
import { workloads } from '../workloads.ts';
import { gpuResults } from './results.ts';

const usage = `npm run bench -- --backend webgpu [options]        node bench/gpu/main.ts [options]

  --host browser|node   pages of one Chromium, or processes of Node with Dawn (default: browser where one is found)
  --workload W1,W2      ${workloads.map(({ name }) => name).join(', ')} (default W1,W2)
  --storage f16         ours takes part a second time, with activations in half precision (an adapter without it fails)
  --rounds n            turns that all contestants of a workload take (default 3)
  --seconds s           of one contestant in one round (default 0.5)
  --limit s             seconds after which a contestant without a step is left out (default 60)

What it needs: Node 24 and node_modules of npm ci. --host browser: Chromium, Chrome or Edge besides. --host node: a graphics driver
(Linux: libvulkan.so.1 and a Vulkan driver), or a Chromium for its SwiftShader; TensorFlow.js and jax-js where they are installed.
PyTorch with CUDA takes part where python3 has it. No network is used: the folder can be carried to the machine.`;

const { values: flags } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    backend: { type: 'string' },
    json: { type: 'boolean', default: true },
    host: { type: 'string' },
    workload: { type: 'string', default: 'W1,W2' },
    storage: { type: 'string', default: 'f32' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '0.5' },
    limit: { type: 'string', default: '60' },
  },
});

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const node = (name: string, ...args: string[]): Program => ({
  name,
  command: process.execPath,
  args: ['--no-warnings', ...args],
});
const halves = flags.storage === 'f16';
const nodePrograms = (): Program[] => [
  node('webgpu', at('ablate.ts')),
  ...(halves ? [node('webgpu-f16', at('ablate.ts'), 'f16')] : []),
  node('tfjs-webgpu', at('../children/tfjs.ts'), 'webgpu'),
  node('jax-webgpu', at('../children/jax.ts'), 'webgpu'),
];
const hasCuda = (): boolean =>
  spawnSync('python3', ['-c', 'import torch, sys; sys.exit(not torch.cuda.is_available())']).status === 0;

interface Race {
  readonly racers: readonly Racer[];
  /** Where they ran. */
  readonly host: string;
  readonly missing: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** The racers on the wanted host, with PyTorch where it can take part. Throws where the wanted host is not to be had. */
async function raceOn(wanted: string | undefined): Promise<Race> {
  if (wanted !== undefined && wanted !== 'browser' && wanted !== 'node') {
    throw new Error(`--host: there is no "${wanted}"; choose from browser, node.`);
  }
  const missing: Record<string, string> = {};
  const cuda: Racer[] = [];
  if (hasCuda()) {
    for (const ways of [['cuda'], ['cuda-graph'], ['cuda-graph', 'tf32']]) {
      const args = [at('../children/pytorch.py'), '1', ...ways];
      cuda.push(new Contestant({ name: `torch-${ways.join('-')}`, command: 'python3', args }));
    }
  } else missing['torch-cuda'] = 'no PyTorch with CUDA';
  if (wanted !== 'node') {
    // loaded only now: a machine without the browser's packages measures in Node
    const { browserRace, missingForBrowser } = await import('../browser/racers.ts').catch(() => ({
      browserRace: undefined,
      missingForBrowser: () => 'Playwright or Vite is not installed (npm install)',
    }));
    const why = missingForBrowser();
    if (why === undefined && browserRace !== undefined) {
      const race = await browserRace(halves);
      return { racers: [...race.racers, ...cuda], host: race.browser, missing, close: () => race.close() };
    }
    if (wanted === 'browser') throw new Error(`--host browser: ${why}. --host node measures in Node.`);
    missing['browser'] = `${why}; measured in Node instead`;
  }
  const racers = nodePrograms().map((program) => new Contestant(program));
  return {
    racers: [...racers, ...cuda],
    host: `Node ${process.versions.node} with Dawn`,
    missing,
    close: () => Promise.resolve(),
  };
}

async function main(): Promise<void> {
  if (!halves && flags.storage !== 'f32')
    throw new Error(`--storage: there is no "${flags.storage}"; choose f32 or f16.`);
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
  const { racers, host, missing, close } = await raceOn(flags.host);
  const results = [];
  try {
    for (const workload of chosen) results.push(...gpuResults(await measure(workload, racers, options)));
  } finally {
    for (const racer of racers) racer.kill();
    await close();
  }
  const contestants = Object.fromEntries(racers.map(({ program, note }) => [program.name, note]));
  console.log(JSON.stringify({ machine: describeMachine(), host, contestants, missing, results }, null, 2));
}

if (flags.help) console.log(usage);
else await main();
