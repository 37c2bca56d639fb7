import { runStatuses, type RunRecord } from '../../../lab/contract/records.ts';
import { suggestion } from '../../../lab/contract/near.ts';
import { usage } from '../args.ts';
import { commandLine, printJson, withLab, type Command } from '../command.ts';
import { counted, duration, percent, time, whole } from '../print/format.ts';
import { printable, table } from '../print/table.ts';
import type { Style, Terminal } from '../print/terminal.ts';

export const listCommand: Command = {
  name: 'list',
  usage: '[options]',
  summary: 'List the runs of the history, newest first',
  examples: ['list', 'list --search "fashion batchnorm" --status finished', 'list --json'],
  options: {
    search: { value: 'words', help: 'Words found in name, id, tags, note or data set' },
    status: { value: 'status', multiple: true, help: `One of ${runStatuses.join(', ')}; may be given several times` },
    limit: { value: 'N', help: 'At most so many (default 50; with --json all)' },
    json: { help: 'Print the runs as JSON on stdout' },
  },
  words: 0,
  run: async (args, terminal) => {
    const status = args.texts('status').flatMap((text) => text.split(','));
    for (const each of status) {
      if (!(runStatuses as readonly string[]).includes(each)) {
        throw usage(`There is no status "${each}".${suggestion(each, runStatuses)}`);
      }
    }
    const search = args.text('search');
    const limit = args.whole('limit', 1, 100_000) ?? (args.has('json') ? 100_000 : 50);
    const found = await withLab(args, (lab) =>
      lab.call('runs.list', {
        limit,
        ...(status.length > 0 && { status }),
        ...(search !== undefined && { search }),
      }),
    );
    if (args.has('json')) printJson(terminal, found);
    else printRuns(found.runs, found.total, terminal, search !== undefined || status.length > 0);
    return 0;
  },
};

function printRuns(runs: readonly RunRecord[], total: number, terminal: Terminal, filtered: boolean): void {
  const { out, err } = terminal;
  if (runs.length === 0) {
    const start = `The history is empty. Begin with: ${commandLine('run examples/mlp-sigmoid.json')}`;
    err.write(`${filtered ? 'No run fits.' : start}\n`);
    return;
  }
  const columns = [
    { title: 'run' },
    { title: 'group' },
    { title: 'status' },
    { title: 'name', flexible: true },
    { title: 'data set' },
    { title: 'seed', align: 'right' },
    { title: 'validation', align: 'right' },
    { title: 'test', align: 'right' },
    { title: 'steps', align: 'right' },
    { title: 'time', align: 'right' },
    { title: 'created' },
    { title: 'tags', flexible: true },
  ] as const;
  const rows = runs.map((run) => [
    run.id,
    run.group,
    statusText(run, out.style),
    `${run.starred ? '★ ' : ''}${printable(run.name)}`,
    run.dataset,
    run.fold === null ? String(run.seed) : `${run.seed}, fold ${run.fold}/${run.folds}`,
    percent(run.metrics.validationAccuracy),
    percent(run.metrics.testAccuracy),
    whole(run.step),
    duration(run.seconds),
    time(run.createdAt),
    printable(run.tags.join(', ')),
  ]);
  // a column that says nothing takes no room
  const kept = columns.flatMap((_, i) => (rows.some((row) => row[i] !== '' && row[i] !== '-') ? [i] : []));
  out.write(
    table(
      kept.map((i) => columns[i]!),
      rows.map((row) => kept.map((i) => row[i]!)),
      out,
    ),
  );
  if (total > runs.length) err.write(`\n${whole(runs.length)} of ${counted(total, 'run')}; --limit shows more.\n`);
}

export function statusText(run: RunRecord, style: Style): string {
  switch (run.status) {
    case 'finished':
      return style.good('✓ finished');
    case 'failed':
      return style.bad('✗ failed');
    case 'interrupted':
    case 'paused':
    case 'stopped':
      return style.warn(`‖ ${run.status}`);
    case 'queued':
    case 'running':
      return `· ${run.status}`;
  }
}
