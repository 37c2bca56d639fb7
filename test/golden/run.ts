import { parseArgs } from 'node:util';
import { defaultPrecision, precisions } from '../../engine/backend.ts';
import type { Backend, BackendName, CompileOptions } from '../../engine/backend.ts';
import { groupNames } from './cases.ts';
import type { GroupName } from './cases.ts';
import { GoldenDataError } from './errors.ts';
import { formatReport, hasFailures } from './report.ts';
import { backendNames, loadBackend, runGolden } from './runner.ts';

const usage = `Runs reference data through the engine and compares.

  npm run golden -- --dir <folder> [--group g[,g]] [--backend b[,b]] [--threads n] [--precision p] [--json]

  --dir      folder with <group>.json and <group>.safetensors
  --group    ${groupNames.join(', ')} (default: all that the folder holds)
  --backend  ${backendNames.join(', ')} (default: reference,cpu)
  --threads  threads of the cpu backend (default: 1)
  --precision ${precisions.join(' or ')} (default: ${defaultPrecision})
  --json     the report as JSON on stdout

Exit code: 0 all supported cases passed, 1 a case failed or a backend did not load, 2 the data or an option is wrong.`;

const exit = { failed: 1, wrongInput: 2 } as const;

/** The items of a comma-separated option, each one of `known`. */
function listOf<T extends string>(option: string, text: string, known: readonly T[]): T[] {
  return text.split(',').map((item) => {
    const found = known.find((name) => name === item.trim());
    if (found === undefined)
      throw new GoldenDataError(`--${option} ${item}: unknown; choose from ${known.join(', ')}.`);
    return found;
  });
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        dir: { type: 'string' },
        group: { type: 'string' },
        backend: { type: 'string', default: 'reference,cpu' },
        threads: { type: 'string', default: '1' },
        precision: { type: 'string', default: defaultPrecision },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw new GoldenDataError((error as Error).message);
  }
}

async function compileOptions(threadsText: string, precisionText: string): Promise<CompileOptions> {
  const [precision = defaultPrecision] = listOf('precision', precisionText, precisions);
  const threads = Number(threadsText);
  if (!Number.isInteger(threads) || threads < 1 || threads > 64) {
    throw new GoldenDataError(`--threads ${threadsText}: is not a whole number from 1 to 64.`);
  }
  if (threads === 1) return { threads, precision };
  const { spawnHelper } = await import('../../engine/host/spawn.node.ts');
  return { threads, precision, spawn: spawnHelper };
}

/** The backends that load; the others are named on stderr. */
async function loadBackends(names: readonly BackendName[]): Promise<{ backends: Backend[]; complete: boolean }> {
  const backends: Backend[] = [];
  for (const name of names) {
    try {
      backends.push(await loadBackend(name));
    } catch (error) {
      process.stderr.write(`error: backend ${name} does not load: ${(error as Error).message}\n`);
    }
  }
  return { backends, complete: backends.length === names.length };
}

async function main(args: string[]): Promise<number> {
  const values = parse(args);
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  if (values.dir === undefined) throw new GoldenDataError(`--dir is missing.\n\n${usage}`);
  const groups: GroupName[] | undefined =
    values.group === undefined ? undefined : listOf('group', values.group, groupNames);
  const compile = await compileOptions(values.threads, values.precision);
  const names = listOf('backend', values.backend, backendNames);
  const { backends, complete } = await loadBackends(names);
  const report = await runGolden({ dir: values.dir, backends, compile, ...(groups && { groups }) });
  process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : formatReport(report)}\n`);
  return complete && !hasFailures(report) ? 0 : exit.failed;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof GoldenDataError)) throw error;
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = exit.wrongInput;
}
