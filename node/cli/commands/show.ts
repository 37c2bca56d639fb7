import type { RunDetails } from '../../../lab/contract/records.ts';
import { usage } from '../args.ts';
import { commandLine, printJson, withLab, type Command } from '../command.ts';
import { counted, duration, loss, percent, short, time, whole } from '../print/format.ts';
import { facts, printable } from '../print/table.ts';
import type { Stream } from '../print/terminal.ts';
import { statusText } from './list.ts';

export const showCommand: Command = {
  name: 'show',
  usage: '<run> [options]',
  summary: 'Show everything about one run: spec, results, certificate, events',
  examples: ['show k3f9a2', 'show k3f9a2 --json', 'show k3f9a2 --spec > spec.json'],
  options: {
    json: { help: 'Print the whole record as JSON on stdout' },
    spec: { help: 'Print the spec alone, ready to be run again' },
    series: { help: 'With --json: the curves too' },
  },
  words: 1,
  run: async (args, terminal) => {
    const id = args.positionals[0];
    if (id === undefined) throw usage('show needs the id of a run, or its beginning. `list` shows them.');
    if (args.has('series') && !args.has('json')) throw usage('--series works together with --json.');
    const { run, series } = await withLab(args, async (lab) => {
      const found = await lab.call('runs.get', { id });
      const wanted = args.has('series');
      return { run: found, series: wanted ? await lab.call('runs.series', { id, maxPoints: 1_000_000 }) : undefined };
    });
    if (args.has('spec')) printJson(terminal, run.spec);
    else if (args.has('json')) printJson(terminal, { ...run, ...(series && { series }) });
    else print(run, terminal.out);
    return 0;
  },
};

function print(run: RunDetails, out: Stream): void {
  const { style } = out;
  const { metrics, spec } = run;
  const { training } = spec;
  const section = (title: string, pairs: Parameters<typeof facts>[0]) => {
    if (pairs.some((pair) => pair !== null)) out.write(`\n${style.bold(title)}\n${facts(pairs, out, '  ')}`);
  };
  const known = (name: string, text: string): [string, string] | null =>
    text === '-' || text === '' ? null : [name, text];
  out.write(`${style.bold(printable(run.name) || run.dataset)}  ${statusText(run, style)}\n`);
  section('Run', [
    ['id', run.id],
    ['group', `${run.group} (the same but for the seed${run.fold === null ? '' : ' and the fold'})`],
    ['seed', String(run.seed)],
    run.fold === null ? null : ['fold', `${run.fold} of ${run.folds}`],
    ['created', time(run.createdAt)],
    known('tags', printable(run.tags.join(', '))),
    known('note', printable(run.note)),
    run.error && ['error', run.error.message.replaceAll('\n', '\n         ')],
    run.status === 'finished' || run.checkpointStep === null
      ? null
      : ['go on', `${commandLine(`resume ${run.id}`)}  (from step ${whole(run.checkpointStep)})`],
  ]);
  section('Results', [
    ['steps', `${whole(run.step)}${run.totalSteps === null ? '' : ` of ${whole(run.totalSteps)}`}`],
    [
      'training time',
      `${duration(run.seconds)}${run.imagesPerSecond === null ? '' : `, ${short(Math.round(run.imagesPerSecond))} images/s`}`,
    ],
    known('test accuracy', percent(metrics.testAccuracy)),
    known('test loss', loss(metrics.testLoss)),
    known('validation accuracy', best(percent, metrics.validationAccuracy, metrics.bestValidationAccuracy)),
    known('validation loss', best(loss, metrics.validationLoss, metrics.bestValidationLoss)),
    known('training loss', loss(metrics.trainLoss)),
    run.reason === null ? null : ['ended', run.reason === 'earlyStopping' ? 'by early stopping' : run.reason],
  ]);
  section('Experiment', [
    ['data', `${run.dataset}, ${whole(spec.data.validation)} images held out, ${spec.data.preprocessing}`],
    ['model', modelText(run)],
    run.start === null ? null : ['start', startText(run.start)],
    [
      'optimiser',
      `${training.optimizer.kind}, learning rate ${training.optimizer.learningRate}, ${training.schedule.kind} schedule`,
    ],
    ['batch', String(training.batchSize)],
    [
      'length',
      training.stages.length > 0
        ? counted(training.stages.length, 'stage')
        : 'steps' in training.length
          ? counted(training.length.steps, 'step')
          : counted(training.length.epochs, 'epoch'),
    ],
    run.backend === null ? null : ['backend', backendText(run)],
  ]);
  section('Certificate', [
    ['spec', run.specHash],
    ['data', run.dataHash ?? '-'],
    ['engine', run.engineVersion],
    ['result', run.resultHash ?? '-'],
  ]);
  section(
    'Events',
    run.events.map((event) => [time(event.at), `${event.kind} at step ${whole(event.step)}: ${printable(event.text)}`]),
  );
}

function best(print: (value: number | null) => string, last: number | null, top: number | null): string {
  return last === null || top === last ? print(last) : `${print(last)}, best ${print(top)}`;
}

function backendText({ backend, threads, backendChoice }: RunDetails): string {
  const adapter = backendChoice?.adapter ?? null;
  const where = backend === 'webgpu' ? (adapter ?? 'GPU') : counted(threads ?? 1, 'thread');
  const why = backendChoice?.asked === 'auto' ? `; chosen: ${backendChoice.reason}` : '';
  const stored = backendChoice?.storage ? `, activations in ${backendChoice.storage}` : '';
  return `${backend}, ${where}${stored}${why}`;
}

function startText({ carry, words, firstStep }: NonNullable<RunDetails['start']>): string {
  return printable(carry === 'everything' ? `goes on from the ${words}, behind step ${whole(firstStep)}` : words);
}

function modelText(run: RunDetails): string {
  const { model } = run.spec;
  return [
    counted(model.nodes.length, 'node'),
    run.parameters === null ? '' : `${short(run.parameters)} parameters`,
    run.macsPerImage === null ? '' : `${short(run.macsPerImage)} MACs per image`,
    model.batchNorm === 'asDrawn' ? '' : `batchNorm ${model.batchNorm}`,
    model.dropout === null ? '' : `dropout ${model.dropout}`,
  ]
    .filter((text) => text !== '')
    .join(', ');
}
