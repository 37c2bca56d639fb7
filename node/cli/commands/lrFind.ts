import type { LrRangeRecord } from '../../../lab/contract/lrRangeRecords.ts';
import { requireSpec } from '../../../lab/spec/check.ts';
import { setSpecValues } from '../../../lab/spec/set.ts';
import { commandLine, printJson, projectDatasets, withLab, type Command } from '../command.ts';
import { loss, significant } from '../print/format.ts';
import { table } from '../print/table.ts';
import type { Stream } from '../print/terminal.ts';
import { readSpecFile } from '../readSpec.ts';
import { watchJob } from '../watchJob.ts';

/** Rows of the table, at most: the curve itself has as many points as steps. */
const mostRows = 24;
const barWidth = 40;

const ends: Readonly<Record<LrRangeRecord['end'], string>> = {
  complete: 'The sweep reached the highest rate.',
  diverged: 'The sweep ended where the loss left all measure.',
  nonFinite: 'The sweep ended at a loss that is infinite or not a number.',
};

export const lrFindCommand: Command = {
  name: 'lr-find',
  usage: '<spec.json> [options]',
  summary: 'Look for a learning rate: train a few steps while the rate grows',
  details: [
    'The range test of Smith (2017): the rate grows by the same factor from step to step, the loss is smoothed,',
    'and the sweep ends when it diverges. Nothing is stored; the same spec gives the same curve.',
  ],
  examples: ['lr-find examples/mlp-sigmoid.json', 'lr-find spec.json --highest 1 --steps 200 --json'],
  options: {
    set: { value: 'path=value', multiple: true, help: 'Change a value of the spec first' },
    lowest: { value: 'rate', help: 'Rate of the first step (default 0.00001)' },
    highest: { value: 'rate', help: 'Rate of the last step (default 10)' },
    steps: { value: 'N', help: 'Steps of the sweep (default 200)' },
    json: { help: 'Print points and suggestion as JSON on stdout' },
  },
  words: 1,
  run: async (args, terminal) => {
    const spec = setSpecValues(await readSpecFile(args.positionals[0], 'lr-find'), args.texts('set'));
    // before the home folder is touched: a faulty spec is no matter of which process holds it
    requireSpec(spec, await projectDatasets().list());
    const lowest = args.decimal('lowest', 1e-12, 1e6);
    const highest = args.decimal('highest', 1e-12, 1e6);
    const steps = args.whole('steps', 10, 100_000);
    const found = await withLab(args, async (lab) => {
      const watch = watchJob(lab, 'lrRange', 'range test', terminal.err);
      try {
        return await lab.call('models.lrRange', {
          spec,
          ...(lowest !== undefined && { lowest }),
          ...(highest !== undefined && { highest }),
          ...(steps !== undefined && { steps }),
        });
      } finally {
        watch.close();
      }
    });
    if (args.has('json')) printJson(terminal, found);
    else print(found, terminal.out, args.positionals[0]!);
    return found.suggestion === null ? 1 : 0;
  },
};

function print(found: LrRangeRecord, out: Stream, file: string): void {
  const { points, end, suggestion, reason } = found;
  const every = Math.max(1, Math.ceil(points.length / mostRows));
  const rows = points.filter((_, i) => i % every === 0 || i === points.length - 1);
  const least = Math.min(...rows.map(({ smoothed }) => smoothed));
  // what diverges is cut off, or nothing else could be seen
  const most = Math.max(least, Math.min(Math.max(...rows.map(({ smoothed }) => smoothed)), 2 * points[0]!.smoothed));
  const length = (value: number): number =>
    most === least ? 0 : Math.round((barWidth * (Math.min(value, most) - least)) / (most - least));
  out.write(
    table(
      [
        { title: 'learning rate', align: 'right' },
        { title: 'loss', align: 'right' },
        { title: 'smoothed', align: 'right' },
        { title: '' },
      ],
      rows.map((point) => [
        significant(point.learningRate, 3),
        loss(point.loss),
        loss(point.smoothed),
        `${'━'.repeat(length(point.smoothed))}${suggestion !== null && isNear(rows, point.learningRate, suggestion) ? ' ◀ suggested' : ''}`,
      ]),
      out,
    ),
  );
  out.write(`\n${ends[end]} ${reason}\n`);
  if (suggestion === null) return;
  const rate = significant(suggestion, 2);
  out.write(`  ${out.style.bold(commandLine(`run ${file} --set training.optimizer.learningRate=${rate}`))}\n`);
}

/** Whether of all rows this one lies nearest to the rate. */
function isNear(rows: LrRangeRecord['points'], rate: number, wanted: number): boolean {
  const distance = (value: number): number => Math.abs(Math.log(value / wanted));
  return rows.every(({ learningRate }) => distance(learningRate) >= distance(rate));
}
