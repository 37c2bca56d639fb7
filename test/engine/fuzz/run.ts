import { parseArgs } from 'node:util';
import {
  defaultPrecision,
  precisions,
  type BackendName,
  type CompileOptions,
  type Precision,
} from '../../../engine/backend.ts';
import { loadBackend } from '../../golden/runner.ts';
import { casesFolder, writeCase } from './cases.ts';
import { compareBackends } from './compareBackends.ts';
import { minimise } from './minimise.ts';
import { drawSpec } from './spec.ts';

const usage = `Trains random models on the reference backend and on another one and compares.

  npm run fuzz -- [--graphs n] [--seed s] [--threads t] [--precision p] [--backends reference,cpu]

  --graphs   how many models (default: 200)
  --seed     number of the first one; model i of a run is the model of seed s + i (default: 1)
  --threads  threads of the cpu backend (default: 1)
  --precision  ${precisions.join(' or ')} (default: ${defaultPrecision})
  --backends  what to compare: reference,cpu (default) or reference,webgpu
  --cases    folder for the smallest model of each difference (default: test/engine/fuzz/cases, whose files the tests replay)

Exit code: 0 all agree, 1 some do not, 2 an option is wrong.`;

function parse(): {
  graphs: number;
  seed: number;
  threads: number;
  precision: Precision;
  name: BackendName;
  folder: string;
} {
  const { values } = parseArgs({
    options: {
      graphs: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string', default: '1' },
      precision: { type: 'string', default: defaultPrecision },
      backends: { type: 'string', default: 'reference,cpu' },
      cases: { type: 'string', default: casesFolder },
    },
  });
  const numbers = { graphs: Number(values.graphs), seed: Number(values.seed), threads: Number(values.threads) };
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`--${name} takes a whole number from 1.`);
  }
  const precision = precisions.find((each) => each === values.precision);
  if (precision === undefined) throw new TypeError(`--precision takes ${precisions.join(' or ')}.`);
  const name = (['cpu', 'webgpu'] as const).find((other) => `reference,${other}` === values.backends);
  if (name === undefined) throw new TypeError('--backends takes reference,cpu or reference,webgpu.');
  return { ...numbers, precision, name, folder: values.cases };
}

async function compileOptions(threads: number, precision: Precision): Promise<CompileOptions> {
  if (threads === 1) return { threads, precision };
  const { spawnHelper } = await import('../../../engine/host/spawn.node.ts');
  return { threads, precision, spawn: spawnHelper };
}

async function main(): Promise<number> {
  const { graphs, seed, threads, precision, name, folder } = parse();
  const backend = await loadBackend(name);
  const options = await compileOptions(threads, precision);
  let failed = 0;
  for (let i = 0; i < graphs; i++) {
    const spec = drawSpec(seed + i);
    const mismatch = await compareBackends(spec, backend, options);
    if (mismatch === undefined) continue;
    failed++;
    process.stdout.write(`seed ${seed + i} differs: ${mismatch.message}\n`);
    const smallest = await minimise(
      spec,
      async (other) => (await compareBackends(other, backend, options)) !== undefined,
    );
    const rest = await compareBackends(smallest, backend, options);
    process.stdout.write(`  smallest: ${JSON.stringify(smallest)}\n  ${rest?.message ?? ''}\n`);
    const file = await writeCase(folder, {
      backend: name,
      precision,
      seed: seed + i,
      message: rest?.message ?? mismatch.message,
      spec: smallest,
    });
    process.stdout.write(`  written to ${file}: commit it, and the tests replay it\n`);
    process.stdout.write(
      `  again: npm run fuzz -- --graphs 1 --seed ${seed + i} --precision ${precision} --backends reference,${name}\n`,
    );
  }
  process.stdout.write(
    `${graphs} models, seeds ${seed} to ${seed + graphs - 1}: ${graphs - failed} agree, ${failed} differ\n`,
  );
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  process.stderr.write(`error: ${error.message}\n\n${usage}\n`);
  process.exitCode = 2;
}
