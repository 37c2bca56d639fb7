import type { Prepended, StemInput } from '../../../lab/contract/transferRecords.ts';
import type { MethodInput } from '../../../lab/index.ts';
import { setSpecValues } from '../../../lab/spec/set.ts';
import { parseSeeds, usage, type Arguments } from '../args.ts';
import { commandLine, printJson, withLab, type Command } from '../command.ts';
import { writeWholeFile } from '../files.ts';
import { printable } from '../print/table.ts';
import type { Stream } from '../print/terminal.ts';
import { printTransfer } from '../print/transfer.ts';
import { readSpecFile } from '../readSpec.ts';
import { train, trainOptions } from '../train.ts';

type Wish = MethodInput<'models.prepend'>;
const badInput = 3;

export const prependCommand: Command = {
  name: 'prepend',
  usage: '<run|group|architecture> [options]',
  summary: 'Put a stem for larger images in front of a trained network',
  details: [
    'The trained layers keep their ids and weights; a convolution, batch norm, activation and pooling go in front, with as',
    'many channels as the layer behind them expects. Two stages train it: first the stem alone, the trained layers frozen,',
    'then all of it at a smaller rate. Prints what is reused, frozen, new and discarded; --out and --run go on from there.',
  ],
  examples: [
    'prepend k3f9a2',
    'prepend k3f9a2 --drop pool1 --epochs 2,6 --rates 1,0.05 --out larger.json',
    'prepend group:0123456789ab --run --seeds 1-3',
  ],
  options: {
    stem: { value: 'pool|stride|file', help: 'pool (default), a convolution with stride 2, or a JSON list of nodes' },
    filters: { value: 'N', help: 'Channels of the stem (default: what the layer behind it expects)' },
    kernel: { value: 'N', help: 'Kernel of its convolution (default 3)' },
    drop: { value: 'node', multiple: true, help: 'Leave out the trained layers up to and with this one' },
    fresh: { value: 'node', multiple: true, help: 'A trained layer draws new weights all the same' },
    'no-freeze': { help: 'Train all layers from the first step on' },
    'batch-norm': { value: 'running|batch', help: 'What frozen batch norms normalise with (default: running)' },
    size: { value: 'N', help: 'Image size, N or HxW (default: twice that of the trained network)' },
    epochs: { value: 'a,b', help: 'Lengths of the two stages (default 1,4)' },
    rates: { value: 'a,b', help: 'Factors of the learning rate in the two stages (default 1,0.1)' },
    spec: { value: 'spec.json', help: "The experiment around the model (default: the run's own)" },
    set: { value: 'path=value', multiple: true, help: 'Change a value of the new spec; may be given several times' },
    name: { value: 'text', help: 'Name of the new runs' },
    out: { value: 'file', help: 'Write the new spec' },
    run: { help: 'Train it' },
    seeds: { value: '1,2,3', help: 'With --run: one run per seed' },
    tag: { value: 'text', multiple: true, help: 'With --run: tag the runs' },
    ...trainOptions,
    json: { help: 'Print spec, difference and report as JSON on stdout; with --run the runs' },
  },
  words: 1,
  run: async (args, terminal) => {
    const wish = await wishOf(args);
    const seeds = args.text('seeds');
    const tags = [...args.texts('tag')];
    const out = args.text('out');
    if (!args.has('run') && (seeds !== undefined || tags.length > 0)) throw usage('--seeds and --tag need --run.');
    if (out !== undefined && args.has('run')) throw usage('Choose --out or --run; a written spec can be run any time.');
    const found = await withLab(args, async (lab) => {
      const made = await lab.call('models.prepend', wish);
      const changes = args.texts('set');
      const name = args.text('name');
      if (changes.length === 0 && name === undefined) return made;
      const named = name === undefined ? [] : [`name=${JSON.stringify(name)}`];
      const spec = setSpecValues(made.spec, [...changes, ...named]);
      const preview = await lab.call('transfer.preview', { spec });
      return { ...made, spec: preview.spec ?? made.spec, preview };
    });
    const { spec, preview } = found;
    if (args.has('run') && preview.ok) {
      if (!args.has('json')) print(found, terminal.err);
      const input = { tags, ...(seeds !== undefined && { seeds: parseSeeds(seeds) }) };
      return train(args, terminal, (lab) => lab.call('runs.create', { ...input, spec }));
    }
    if (args.has('json')) printJson(terminal, found);
    else print(found, terminal.out);
    if (!preview.ok) return badInput;
    if (out !== undefined) {
      await writeWholeFile(out, new TextEncoder().encode(`${JSON.stringify(spec, null, 2)}\n`));
      terminal.err.write(`\n${terminal.err.style.bold(commandLine(`run ${out}`))}\n`);
    } else if (!args.has('json')) {
      terminal.err.write(
        `\n${terminal.err.style.dim('Nothing is stored yet: --out file writes the spec, --run trains it.')}\n`,
      );
    }
    return 0;
  },
};

async function wishOf(args: Arguments): Promise<Wish> {
  const of = args.positionals[0];
  if (of === undefined)
    throw usage('prepend needs a trained run or an architecture with weights; `transfer list` shows them.');
  const batchNorm = args.text('batch-norm');
  if (batchNorm !== undefined && batchNorm !== 'running' && batchNorm !== 'batch') {
    throw usage(`--batch-norm takes running or batch, not "${batchNorm}".`);
  }
  const size = args.text('size');
  const epochs = pairOf(args, 'epochs');
  const rates = pairOf(args, 'rates');
  const spec = args.text('spec');
  return {
    of,
    stem: await stemOf(args),
    drop: [...args.texts('drop')],
    fresh: [...args.texts('fresh')],
    freeze: !args.has('no-freeze'),
    ...(batchNorm !== undefined && { batchNorm }),
    ...(size !== undefined && { imageSize: sizeOf(size) }),
    ...(epochs && {
      lengths: [{ epochs: epochs[0] }, { epochs: epochs[1] }] as [{ epochs: number }, { epochs: number }],
    }),
    ...(rates && { learningRateFactors: rates }),
    ...(spec !== undefined && { spec: await readSpecFile(spec, 'prepend --spec') }),
  };
}

async function stemOf(args: Arguments): Promise<StemInput> {
  const kind = args.text('stem') ?? 'pool';
  const filters = args.whole('filters', 1, 65_536);
  const kernel = args.whole('kernel', 1, 31);
  if (kind === 'pool' || kind === 'stride') {
    return { kind, ...(filters !== undefined && { filters }), ...(kernel !== undefined && { kernel }) };
  }
  if (filters !== undefined || kernel !== undefined)
    throw usage('--filters and --kernel are of the stems pool and stride.');
  const nodes = await readSpecFile(kind, 'prepend --stem');
  if (!Array.isArray(nodes))
    throw usage(`--stem takes pool, stride or a JSON file with a list of nodes; ${kind} holds no list.`);
  return { kind: 'nodes', nodes: nodes as never };
}

function sizeOf(text: string): number | [number, number] {
  const match = /^(\d{1,4})(?:[x×](\d{1,4}))?$/.exec(text);
  if (!match) throw usage(`--size takes pixels such as 28 or 24x32, not "${text}".`);
  return match[2] === undefined ? Number(match[1]) : [Number(match[1]), Number(match[2])];
}

function pairOf(args: Arguments, name: 'epochs' | 'rates'): [number, number] | undefined {
  const text = args.text(name);
  if (text === undefined) return undefined;
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [first, second] = numbers;
  if (numbers.length === 2 && first! > 0 && second! > 0 && Number.isFinite(first! + second!)) return [first!, second!];
  throw usage(`--${name} takes two numbers above 0, such as ${name === 'epochs' ? '1,4' : '1,0.1'}, not "${text}".`);
}

function print({ stem, dropped, receivers, expected, given, preview }: Prepended, out: Stream): void {
  printTransfer(preview, out);
  const shape = (extents: readonly number[] | null): string => extents?.join('×') ?? 'nothing';
  out.write(`\n${printable(`Stem: ${stem.join(', ')}, read by ${receivers.join(', ')}.`)}`);
  if (dropped.length > 0) out.write(` ${printable(`Dropped: ${dropped.join(', ')}.`)}`);
  const read = shape(expected);
  out.write(
    shape(given) === read
      ? ` It gives ${read}, what the network read when it was trained.\n`
      : ` It gives ${shape(given)}; when the network was trained it read ${read}.\n`,
  );
}
