import type {
  AnalysisRecord,
  AnalysisRequestRecord,
  ClassificationRecord,
} from '../../../lab/contract/analysisRecords.ts';
import type { RunRecord } from '../../../lab/contract/records.ts';
import { usage, type Arguments } from '../args.ts';
import { printJson, withLab, type Command } from '../command.ts';
import { loss, percent, significant, whole } from '../print/format.ts';
import { labelOf } from '../print/progress.ts';
import { printable, table } from '../print/table.ts';
import type { Stream } from '../print/terminal.ts';
import { watchJob } from '../watchJob.ts';

const kinds = ['classification', 'landscape', 'predictiveness', 'noise'] as const;
const barWidth = 40;

export const analyseCommand: Command = {
  name: 'analyse',
  usage: '<run> [classification|landscape|predictiveness|noise] [options]',
  summary: "Look at a run's network at its checkpoint: errors, loss landscape, gradients, noise",
  details: [
    'classification: confusions, scores per class, calibration, the most confidently wrong test images.',
    'landscape: the loss along random, filter-normalised directions. predictiveness: loss and gradient after',
    'steps along the gradient. noise: the gradient noise scale, in images.',
  ],
  examples: [
    'analyse k3f9a2',
    'analyse k3f9a2 landscape --points 41 --span 0.5',
    'analyse k3f9a2 noise --batches 100 --json',
  ],
  options: {
    checkpoint: { value: 'last|best', help: 'Which checkpoint (default last)' },
    points: { value: 'N', help: 'landscape: points along each direction (default 21)' },
    span: { value: 'x', help: 'landscape: how far it goes, in lengths of the weights (default 1)' },
    plane: { help: 'landscape: over two directions instead of one' },
    images: { value: 'N', help: 'landscape: training images that the loss is taken over (default 1000)' },
    seed: { value: 'N', help: 'landscape: of the directions (default 1)' },
    batches: { value: 'N', help: 'predictiveness, noise: batches that are looked at' },
    json: { help: 'Print the whole result as JSON on stdout' },
  },
  words: 2,
  run: async (args, terminal) => {
    const id = args.positionals[0];
    if (id === undefined) throw usage('analyse needs the id of a run, or its beginning. `list` shows them.');
    const checkpoint = args.text('checkpoint') ?? 'last';
    if (checkpoint !== 'last' && checkpoint !== 'best') throw usage('--checkpoint is last or best.');
    const request = requestOf(args);
    const { run, analysis } = await withLab(args, async (lab) => {
      const found = await lab.call('runs.get', { id });
      const watch = watchJob(lab, 'analysis', 'analysis', terminal.err);
      try {
        return { run: found, analysis: await lab.call('runs.analyse', { id: found.id, checkpoint, request }) };
      } finally {
        watch.close();
      }
    });
    if (args.has('json')) printJson(terminal, analysis);
    else print(run, analysis, terminal.out);
    return 0;
  },
};

type RequestInput = Partial<AnalysisRequestRecord> & Pick<AnalysisRequestRecord, 'kind'>;

function requestOf(args: Arguments): RequestInput {
  const kind = (args.positionals[1] ?? 'classification') as (typeof kinds)[number];
  const batches = args.whole('batches', 1, 1000);
  switch (kind) {
    case 'classification':
      return { kind };
    case 'landscape': {
      const [points, images, seed] = [
        args.whole('points', 1, 101),
        args.whole('images', 1, 100_000),
        args.whole('seed', 0, 2 ** 31),
      ];
      const span = args.decimal('span', 1e-9, 100);
      return {
        kind,
        dimensions: args.has('plane') ? 2 : 1,
        ...(points !== undefined && { points }),
        ...(images !== undefined && { images }),
        ...(seed !== undefined && { seed }),
        ...(span !== undefined && { span }),
      };
    }
    case 'predictiveness':
      return { kind, ...(batches !== undefined && { batches }) };
    case 'noise':
      return { kind: 'noiseScale', ...(batches !== undefined && { batches }) };
    default:
      throw usage(`analyse knows ${kinds.join(', ')}, not ${JSON.stringify(kind)}.`);
  }
}

function print(run: RunRecord, analysis: AnalysisRecord, out: Stream): void {
  const { style } = out;
  out.write(`${style.bold(printable(labelOf(run)))}  ${style.dim(run.id)}, step ${whole(analysis.result.step)}\n\n`);
  switch (analysis.kind) {
    case 'classification':
      printClassification(analysis.result, out);
      break;
    case 'landscape': {
      const { offsets, loss: rows, images } = analysis.result;
      const middle = rows[rows.length >> 1]!;
      const most = Math.max(...rows.flat().filter((value) => value !== null));
      const cells = offsets.map((offset, i) => {
        const value = middle[i] ?? null;
        return [
          significant(offset, 3),
          loss(value),
          '━'.repeat(value === null ? 0 : Math.round((barWidth * value) / most)),
        ];
      });
      out.write(
        table([{ title: 'offset', align: 'right' }, { title: 'loss', align: 'right' }, { title: '' }], cells, out),
      );
      out.write(`\nMean loss over ${whole(images)} training images along a random, filter-normalised direction.\n`);
      if (rows.length > 1) out.write('The line through the middle of the plane is shown; --json has all of it.\n');
      break;
    }
    case 'predictiveness': {
      const { rates, batches } = analysis.result;
      const mean = (values: readonly (number | null)[]): number | null =>
        values.some((value) => value === null)
          ? null
          : values.reduce<number>((sum, value) => sum + value!, 0) / values.length;
      const rows = rates.map((rate, r) => [
        significant(rate, 3),
        loss(mean(batches.map((batch) => (batch.lossAfter[r] === null ? null : batch.lossAfter[r]! - batch.loss)))),
        loss(mean(batches.map((batch) => batch.gradientChange[r]!))),
      ]);
      const titles = ['step along the gradient', 'change of the loss', 'change of the gradient'];
      out.write(
        table(
          titles.map((title) => ({ title, align: 'right' as const })),
          rows,
          out,
        ),
      );
      out.write(`\nMeans over ${whole(batches.length)} batches; the gradient changes in parts of its own length.\n`);
      break;
    }
    case 'noiseScale': {
      const { images, batches, batchSize } = analysis.result;
      const text =
        images === null
          ? 'not above the noise of the estimate; take more batches'
          : `about ${significant(images, 3)} images`;
      out.write(`Gradient noise scale: ${text} (${whole(batches)} batches of ${whole(batchSize)}).\n`);
    }
  }
}

function printClassification(found: ClassificationRecord, out: Stream): void {
  out.write(
    `${percent(found.accuracy)} of ${whole(found.images)} test images right, log loss ${loss(found.logLoss)}, calibration error ${percent(found.ece)}\n\n`,
  );
  const right = { align: 'right' as const };
  const names = found.classes.map(({ name }) => printable(name));
  const rows = found.classes.map(({ support, precision, recall, f1 }, c) => [
    names[c]!,
    whole(support),
    percent(precision),
    percent(recall),
    f1.toFixed(3),
    ...found.confusion[c]!.map((count) => (count === 0 ? '·' : whole(count))),
  ]);
  const heads = ['images', 'precision', 'recall', 'F1', ...names.map((name) => name.slice(0, 8))];
  out.write(table([{ title: 'class', flexible: true }, ...heads.map((title) => ({ title, ...right }))], rows, out));
  out.write('\nRows are labels, columns predictions. Most confidently wrong:\n');
  const wrong = found.wrong
    .slice(0, 10)
    .map((each) => [
      whole(each.image),
      names[each.label]!,
      names[each.prediction]!,
      percent(each.confidence),
      percent(each.labelProbability),
    ]);
  const titles = ['test image', 'label', 'said', 'sure', 'gave the label'];
  out.write(
    table(
      titles.map((title) => ({ title, ...right })),
      wrong,
      out,
    ),
  );
}
