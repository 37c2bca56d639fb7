/** `npm run reproduce`: trains the rows of docs/reproduction.md and writes the document from what it measured. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compose } from '../node/compose.ts';
import { keyOf, writeDocument, type Results } from './reproduce/document.ts';
import { groups } from './reproduce/groups.ts';
import { measureRow, type Measured } from './reproduce/measure.ts';

const usage = `Trains the rows of docs/reproduction.md and writes the document.

  npm run reproduce -- [--row name] [--seeds 1,2,3] [--quick] [--home folder]

  --row    a group, or group/row; may be given several times (default: all). Other rows stay as they were measured
  --seeds  default: 1,2,3,4,5
  --quick  60 steps of each row with one seed, and nothing is written: whether everything runs
  --home   keeps the runs in the history of this folder (default: a folder that is removed)`;

const resultsFile = new URL('./reproduce/results.json', import.meta.url);
const documentFile = new URL('../docs/reproduction.md', import.meta.url);

const { values } = parseArgs({
  options: {
    row: { type: 'string', multiple: true },
    seeds: { type: 'string', default: '1,2,3,4,5' },
    quick: { type: 'boolean', default: false },
    home: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

async function readResults(): Promise<Results['rows']> {
  try {
    return (JSON.parse(await readFile(resultsFile, 'utf8')) as Results).rows;
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return {};
    throw error;
  }
}

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const wanted = values.row;
  const all = groups.flatMap((group) => group.rows.map((row) => ({ group, row })));
  const chosen = all.filter(
    ({ group, row }) => wanted?.some((each) => each === group.id || each === keyOf(group, row.name)) ?? true,
  );
  if (chosen.length === 0) {
    const names = all.map(({ group, row }) => keyOf(group, row.name)).join(', ');
    process.stderr.write(`There is no such row. The rows are ${names}.\n`);
    return 2;
  }
  const seeds = values.quick ? [1] : values.seeds.split(',').map(Number);
  const home = values.home ?? (await mkdtemp(join(tmpdir(), 'ablate-reproduce-')));
  const composition = await compose({ home });
  const measured = new Map<string, readonly Measured[]>();
  try {
    // one thread per run and as many runs as cores: small networks gain more from that than from threads
    await composition.lab.call('queue.set', { concurrency: Math.max(1, Math.min(seeds.length, cpus().length)) });
    for (const { group, row } of chosen) {
      const runs = await measureRow(composition.lab, group, row, seeds, values.quick);
      measured.set(keyOf(group, row.name), runs);
      const accuracies = runs.map(({ testAccuracy }) => `${(100 * testAccuracy).toFixed(2)} %`).join('  ');
      process.stdout.write(`${keyOf(group, row.name).padEnd(32)} ${accuracies}\n`);
      if (!values.quick) await write(composition.lab.call('app.info', {}), measured);
    }
  } finally {
    await composition.close();
    if (values.home === undefined) await rm(home, { recursive: true, force: true });
  }
  return 0;
}

/** After every row, so that what was measured is not lost. */
async function write(
  info: Promise<{ readonly engineVersion: string }>,
  measured: ReadonlyMap<string, readonly Measured[]>,
): Promise<void> {
  const results: Results = {
    engine: (await info).engineVersion,
    machine: `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${cpus().length} threads`,
    date: new Date().toISOString().slice(0, 10),
    rows: { ...(await readResults()), ...Object.fromEntries(measured) },
  };
  await writeFile(resultsFile, `${JSON.stringify(results, null, 1)}\n`);
  await writeFile(documentFile, writeDocument(groups, results));
}

process.exitCode = await main();
