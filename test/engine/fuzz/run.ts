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
import { searchAll, searchModels, searchRuns, type Search } from './search.ts';

const searches = { models: searchModels, runs: searchRuns } as const satisfies Record<string, Search>;
type Kind = keyof typeof searches;

const usage = `Trains what a seed draws on the reference backend and on another one and compares.

  npm run fuzz -- [--of models] [--graphs n] [--seed s] [--threads t] [--precision p] [--backends reference,cpu]

  --of       models (default): random layers, losses and optimisers, two steps each; or runs: whole training runs with random stages,
             preprocessing, augmentation, mixup, accumulation, initialisers, schedules and recalibration
  --graphs   how many (default: 200)
  --seed     number of the first one; number i is what seed s + i draws (default: 1)
  --threads  threads of the cpu backend (default: 1)
  --precision  ${precisions.join(' or ')} (default: ${defaultPrecision})
  --backends  what to compare: reference,cpu (default) or reference,webgpu
  --cases    folder for the smallest form of each difference (default: test/engine/fuzz/cases, whose files the tests replay)

Exit code: 0 all agree, 1 some do not, 2 an option is wrong.`;

function parse(): {
  kind: Kind;
  graphs: number;
  seed: number;
  threads: number;
  precision: Precision;
  name: BackendName;
  folder: string;
} | null {
  const { values } = parseArgs({
    options: {
      of: { type: 'string', default: 'models' },
      graphs: { type: 'string', default: '200' },
      seed: { type: 'string', default: '1' },
      threads: { type: 'string', default: '1' },
      precision: { type: 'string', default: defaultPrecision },
      backends: { type: 'string', default: 'reference,cpu' },
      cases: { type: 'string', default: casesFolder },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const numbers = { graphs: Number(values.graphs), seed: Number(values.seed), threads: Number(values.threads) };
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < 1) throw new TypeError(`--${name} takes a whole number from 1.`);
  }
  const kind = (['models', 'runs'] as const).find((each) => each === values.of);
  if (kind === undefined) throw new TypeError('--of takes models or runs.');
  const precision = precisions.find((each) => each === values.precision);
  if (precision === undefined) throw new TypeError(`--precision takes ${precisions.join(' or ')}.`);
  const name = (['cpu', 'webgpu'] as const).find((other) => `reference,${other}` === values.backends);
  if (name === undefined) throw new TypeError('--backends takes reference,cpu or reference,webgpu.');
  return { ...numbers, kind, precision, name, folder: values.cases };
}

async function compileOptions(threads: number, precision: Precision): Promise<CompileOptions> {
  if (threads === 1) return { threads, precision };
  const { spawnHelper } = await import('../../../engine/host/spawn.node.ts');
  return { threads, precision, spawn: spawnHelper };
}

async function main(): Promise<number> {
  const wanted = parse();
  if (wanted === null) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const { kind, graphs, seed, threads, precision, name, folder } = wanted;
  const backend = await loadBackend(name);
  const options = await compileOptions(threads, precision);
  const differences = await searchAll(searches[kind], { seed, count: graphs }, backend, options);
  const failed = differences.size;
  for (const [i, found] of differences) {
    const file = await writeCase(folder, { backend: name, precision, seed: i, ...found });
    const again = `npm run fuzz -- --of ${kind} --graphs 1 --seed ${i} --precision ${precision} --backends reference,${name}`;
    process.stdout.write(`seed ${i} differs: ${found.message}
  smallest: ${JSON.stringify('spec' in found ? found.spec : found.choices)}
  written to ${file}: commit it, and the tests replay it
  again: ${again}\n`);
  }
  process.stdout.write(
    `${graphs} ${kind}, seeds ${seed} to ${seed + graphs - 1}: ${graphs - failed} agree, ${failed} differ\n`,
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
