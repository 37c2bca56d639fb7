import { setSpecValues } from '../../../lab/spec/set.ts';
import { printJson, withLab, type Command } from '../command.ts';
import { short, time, whole } from '../print/format.ts';
import { printable, table } from '../print/table.ts';
import { printTransfer } from '../print/transfer.ts';
import { readSpecFile } from '../readSpec.ts';
import { startOptions, withStart } from '../startOptions.ts';

const badInput = 3;

export const transferListCommand: Command = {
  name: 'transfer list',
  usage: '[options]',
  summary: 'List the stored weights that a run can start from',
  examples: ['transfer list', 'transfer list --search mnist --json'],
  options: {
    search: { value: 'words', help: 'Words in name, id, tags, note or data set' },
    limit: { value: 'N', help: 'Show at most so many (default 50)' },
    json: { help: 'Print them as JSON on stdout' },
  },
  words: 0,
  run: async (args, terminal) => {
    const search = args.text('search');
    const limit = args.whole('limit', 1, 10_000) ?? 50;
    const sources = await withLab(args, (lab) =>
      lab.call('transfer.sources', { limit, ...(search !== undefined && { search }) }),
    );
    if (args.has('json')) {
      printJson(terminal, { sources });
      return 0;
    }
    const { out } = terminal;
    if (sources.length === 0) {
      out.write(`${out.style.dim('No run has a checkpoint, and no architecture has weights')}.\n`);
      return 0;
    }
    out.write(
      table(
        [
          { title: 'source' },
          { title: 'name', flexible: true },
          { title: 'step', align: 'right' },
          { title: 'seed', align: 'right' },
          { title: 'group' },
          { title: 'data' },
          { title: 'parameters', align: 'right' },
          { title: 'stored' },
        ],
        sources.map(({ from, label, step, seed, group, dataset, parameters, createdAt }) => [
          from,
          printable(label),
          step === null ? '' : whole(step),
          seed === null ? '' : String(seed),
          group ?? '',
          dataset ?? '',
          parameters === null ? '' : short(parameters),
          time(createdAt),
        ]),
        out,
      ),
    );
    return 0;
  },
};

export const transferPreviewCommand: Command = {
  name: 'transfer preview',
  usage: '<spec.json> [options]',
  summary: 'Tell what a spec takes over from stored weights, before it runs',
  details: [
    'Reused, frozen, new and discarded weights, node by node; nothing is stored. Ends with 3 where there are faults.',
  ],
  examples: [
    'transfer preview spec.json --from k3f9a2',
    'transfer preview spec.json --from "My net@2" --fresh classes',
  ],
  options: {
    ...startOptions,
    set: { value: 'path=value', multiple: true, help: 'Change a value of the spec first' },
    json: { help: 'Print the whole report, tensor by tensor, as JSON on stdout' },
  },
  words: 1,
  run: async (args, terminal) => {
    const document = setSpecValues(await readSpecFile(args.positionals[0], 'transfer preview'), args.texts('set'));
    const spec = withStart(document, args);
    const preview = await withLab(args, (lab) => lab.call('transfer.preview', { spec }));
    if (args.has('json')) printJson(terminal, preview);
    else {
      printTransfer(preview, terminal.out);
      if (preview.ok && !preview.start) terminal.out.write('The spec has no start: its seed draws all weights.\n');
    }
    return preview.ok ? 0 : badInput;
  },
};
