import type { RecalibrationRecord } from '../../../lab/contract/recalibrationRecords.ts';
import { usage } from '../args.ts';
import { printJson, withLab, type Command } from '../command.ts';
import { loss, percent, significant, whole } from '../print/format.ts';
import { table } from '../print/table.ts';
import type { Stream } from '../print/terminal.ts';
import { watchJob } from '../watchJob.ts';

export const recalibrateCommand: Command = {
  name: 'recalibrate',
  usage: '<run> [options]',
  summary: 'Measure a finished run with statistics of batch norm that are taken anew',
  details: [
    'Running statistics lag behind the weights, and dropout makes them those of other activations. This takes them',
    'anew over training batches, with the weights as they are, and compares. The run itself stays as it is;',
    'training.recalibrateBatchNorm of a spec does the same at the end of a run.',
  ],
  examples: ['recalibrate k3f9a2', 'recalibrate k3f9a2 --batches 500 --json'],
  options: {
    batches: { value: 'N', help: 'Training batches that the statistics are taken over (default 100)' },
    json: { help: 'Print the outcome as JSON on stdout' },
  },
  words: 1,
  run: async (args, terminal) => {
    const id = args.positionals[0];
    if (id === undefined) throw usage('recalibrate needs the id of a run, or its beginning. `list` shows them.');
    const batches = args.whole('batches', 1, 100_000);
    const found = await withLab(args, async (lab) => {
      const watch = watchJob(lab, 'recalibrate', 'statistics', terminal.err);
      try {
        return await lab.call('runs.recalibrate', { id, ...(batches !== undefined && { batches }) });
      } finally {
        watch.close();
      }
    });
    if (args.has('json')) printJson(terminal, found);
    else print(found, terminal.out);
    return 0;
  },
};

function print({ before, after, batches, images, layers }: RecalibrationRecord, out: Stream): void {
  const row = (name: string, { train, test }: RecalibrationRecord['before']): string[] => [
    name,
    percent(train.accuracy),
    percent(test.accuracy),
    percent(train.accuracy - test.accuracy),
    loss(train.loss),
    loss(test.loss),
  ];
  const right = 'right' as const;
  const columns = ['train accuracy', 'test accuracy', 'gap', 'train loss', 'test loss'];
  out.write(
    table(
      [{ title: 'statistics' }, ...columns.map((title) => ({ title, align: right }))],
      [row('as trained', before), row('taken anew', after)],
      out,
    ),
  );
  out.write(
    `\n${whole(after.train.images)} training and ${whole(after.test.images)} test images; statistics over ${whole(batches)} batches, ${whole(images)} images.\n`,
  );
  const worst = layers.reduce((most, layer) => (layer.gap > most.gap ? layer : most));
  out.write(
    `Running variances were off by a factor of up to ${significant(worst.gap, 3)} (${worst.node}); 1 would be no difference.\n`,
  );
}
