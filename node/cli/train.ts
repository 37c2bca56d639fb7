import type { RunRecord } from '../../lab/contract/records.ts';
import type { Lab } from '../../lab/index.ts';
import { compose } from '../compose.ts';
import { exitCodeOfSignal, onEndSignal, type EndSignal } from '../signals.ts';
import type { Arguments } from './args.ts';
import { commandLine, homeOptions, printJson } from './command.ts';
import { counted, duration, percent, whole } from './print/format.ts';
import { table } from './print/table.ts';
import type { Stream, Terminal } from './print/terminal.ts';
import { watchRuns } from './watch.ts';

/** Options of the commands that train. */
export const trainOptions = {
  json: { help: 'Print the runs as JSON on stdout; progress stays on stderr' },
  'checkpoint-seconds': { value: 'N', help: 'Seconds between checkpoints (default 30)' },
} as const;

const diskExit = 6;

/**
 * Opens the lab, has `begin` put runs into its queue, follows them to their end and reports. Ctrl+C lets running runs write
 * a checkpoint first. Answers the exit code.
 */
export async function train(
  args: Arguments,
  terminal: Terminal,
  begin: (lab: Lab) => Promise<RunRecord[]>,
): Promise<number> {
  const checkpointSeconds = args.decimal('checkpoint-seconds', 0.1, 86_400);
  const composition = await compose({
    ...homeOptions(args),
    autoStart: false,
    revectorize: 'remembered',
    ...(checkpointSeconds !== undefined && { checkpointSeconds }),
  });
  const { lab } = composition;
  let signal: EndSignal | undefined;
  let stop!: () => void;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const off = onEndSignal((which) => {
    signal = which;
    stop();
  });
  try {
    const watch = watchRuns(lab, await begin(lab), terminal.err);
    try {
      await Promise.race([watch.done, stopped]);
      if (signal) watch.rest(terminal.err.style.dim('Writing checkpoints. Once more ends at once.'));
      if (watch.records().some((run) => run.status !== 'finished')) await bringToRest(lab, watch.records());
      // events of the closing arrive while it closes
      if (signal) await composition.close();
    } finally {
      watch.close();
    }
    const runs = watch.records();
    const comparison = signal ? null : await otherGroup(lab, runs);
    if (args.has('json')) printJson(terminal, { runs });
    else if (runs.some((run) => run.status === 'finished')) {
      terminal.out.write(`\n${closingTable(runs, terminal.out)}${foldSentences(runs)}`);
    }
    terminal.err.write(advice(runs, comparison, terminal.err));
    return exitOf(runs, signal);
  } finally {
    off();
    await composition.close();
  }
}

/** Takes runs that have not begun out of the queue: nothing shall start by itself at another time. */
async function bringToRest(lab: Lab, runs: readonly RunRecord[]): Promise<void> {
  for (const run of runs) {
    if (run.status === 'queued') await lab.call('runs.stop', { id: run.id });
  }
}

function exitOf(runs: readonly RunRecord[], signal: EndSignal | undefined): number {
  if (signal) return exitCodeOfSignal(signal);
  if (runs.some((run) => run.status === 'paused')) return diskExit;
  return runs.every((run) => run.status === 'finished') ? 0 : 1;
}

/** "2 of 5". */
export const foldText = ({ fold, folds }: Pick<RunRecord, 'fold' | 'folds'>): string =>
  fold === null ? '-' : `${fold} of ${folds}`;

/** The end of a training command: one line per run with what certifies it. */
export function closingTable(runs: readonly RunRecord[], stream: Stream): string {
  const folded = runs.some((run) => run.fold !== null);
  return table(
    [
      { title: 'run' },
      { title: 'group' },
      { title: 'name', flexible: true },
      { title: 'seed', align: 'right' },
      ...(folded ? [{ title: 'fold', align: 'right' as const }] : []),
      { title: 'status' },
      ...(folded ? [{ title: 'validation accuracy', align: 'right' as const }] : []),
      { title: 'test accuracy', align: 'right' },
      { title: 'steps', align: 'right' },
      { title: 'time', align: 'right' },
      { title: 'result hash' },
    ],
    runs.map((run) => [
      run.id,
      run.group,
      run.name,
      String(run.seed),
      ...(folded ? [foldText(run)] : []),
      run.status,
      ...(folded ? [percent(run.metrics.validationAccuracy)] : []),
      percent(run.metrics.testAccuracy),
      whole(run.step),
      duration(run.seconds),
      run.resultHash?.slice(0, 16) ?? '-',
    ]),
    stream,
  );
}

/** What a cross-validation has measured: mean and spread over its folds, group by group. */
export function foldSentences(runs: readonly RunRecord[]): string {
  const groups = Map.groupBy(
    runs.filter((run) => run.status === 'finished' && run.fold !== null),
    (run) => run.group,
  );
  return [...groups]
    .map(([, folds]) => folds.flatMap((run) => run.metrics.validationAccuracy ?? []))
    .filter((values) => values.length > 1)
    .map((values) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
      return `\nValidation accuracy over ${counted(values.length, 'fold')}: ${percent(mean)} on average, standard deviation ${(100 * spread).toFixed(2)} points, ${percent(Math.min(...values))} to ${percent(Math.max(...values))}.\n`;
    })
    .join('');
}

/** The group of the newest finished run that was not trained just now. */
async function otherGroup(lab: Lab, runs: readonly RunRecord[]): Promise<string | null> {
  const own = new Set(runs.map((run) => run.group));
  const { runs: finished } = await lab.call('runs.list', { status: ['finished'], limit: 200 });
  const dataset = runs[0]?.dataset;
  return finished.find((run) => !own.has(run.group) && run.dataset === dataset)?.group ?? null;
}

function advice(runs: readonly RunRecord[], other: string | null, stream: Stream): string {
  const lines: string[] = [];
  const failed = runs.filter((run) => run.status === 'failed');
  for (const run of failed) {
    lines.push(`What happened to ${run.id}, step by step:`, `  ${stream.style.bold(commandLine(`show ${run.id}`))}`);
  }
  const open = runs.filter((run) => run.status !== 'finished' && run.status !== 'failed');
  if (open.length > 0) {
    const kept = open.filter((run) => run.checkpointStep !== null).length;
    const how =
      kept === open.length
        ? 'Go on from the last checkpoint'
        : kept > 0
          ? 'Go on from the last checkpoint, or anew where there is none,'
          : 'No checkpoint had been saved yet; start again';
    lines.push(`${counted(open.length, 'run')} did not finish. ${how} with:`);
    lines.push(`  ${stream.style.bold(commandLine(`resume ${open.map((run) => run.id).join(' ')}`))}`);
  }
  const groups = [...new Set(runs.filter((run) => run.status === 'finished').map((run) => run.group))];
  if (groups.length > 0) {
    const arms = other === null ? groups : [other, ...groups];
    lines.push(
      arms.length > 1
        ? 'Compare with the arm before:'
        : `Look at the ${runs.some((run) => run.fold !== null) ? 'folds' : 'seeds'} together, and name a second group to compare:`,
    );
    lines.push(`  ${stream.style.bold(commandLine(`compare ${arms.join(' ')}`))}`);
  }
  return lines.length > 0 ? `\n${lines.join('\n')}\n` : '';
}
