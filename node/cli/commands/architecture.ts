import type { ArchitectureDetails, ArchitectureRecord } from '../../../lab/contract/architectureRecords.ts';
import { usage } from '../args.ts';
import { commandLine, printJson, withLab, type Command } from '../command.ts';
import { short, time, whole } from '../print/format.ts';
import { facts, printable, table } from '../print/table.ts';
import type { Stream } from '../print/terminal.ts';

const json = { json: { help: 'Print JSON on stdout' } } as const;
const count = (value: number | null): string => (value === null ? '-' : short(value));

export const architectureListCommand: Command = {
  name: 'architecture list',
  usage: '[options]',
  summary: 'List saved architectures and the templates',
  examples: ['architecture list', 'architecture list --search residual --json'],
  options: {
    search: { value: 'words', help: 'Words in name, description or tags' },
    tag: { value: 'text', help: 'Only those with this tag' },
    ...json,
  },
  words: 0,
  run: async (args, terminal) => {
    const [search, tag] = [args.text('search'), args.text('tag')];
    const { architectures, templates } = await withLab(args, async (lab) => ({
      architectures: await lab.call('architectures.list', {
        ...(search !== undefined && { search }),
        ...(tag !== undefined && { tag }),
      }),
      templates: search === undefined && tag === undefined ? await lab.call('templates.list', {}) : [],
    }));
    if (args.has('json')) {
      printJson(terminal, {
        architectures,
        templates: templates.map(({ id, title, summary }) => ({ id, title, summary })),
      });
      return 0;
    }
    const { out } = terminal;
    if (architectures.length === 0)
      out.write(
        `${out.style.dim(`No saved architectures${search !== undefined || tag !== undefined ? ' like that' : ''}`)}.\n`,
      );
    else out.write(listTable(architectures, out));
    if (templates.length > 0) {
      const rows = templates.map(({ id, title, summary }) => [`template:${id}`, title, printable(summary)]);
      out.write(
        `\n${table([{ title: 'template' }, { title: 'title' }, { title: 'what it is', flexible: true }], rows, out)}`,
      );
    }
    return 0;
  },
};

function listTable(architectures: readonly ArchitectureRecord[], out: Stream): string {
  return table(
    [
      { title: 'id' },
      { title: 'name', flexible: true },
      { title: 'version', align: 'right' },
      { title: 'nodes', align: 'right' },
      { title: 'parameters', align: 'right' },
      { title: 'data' },
      { title: 'changed' },
      { title: 'tags', flexible: true },
    ],
    architectures.map(({ id, name, latest, updatedAt, tags }) => [
      id,
      printable(name),
      String(latest.version),
      String(latest.model.nodes.length),
      count(latest.parameters),
      latest.dataset ?? latest.inputShape?.join('×') ?? '-',
      time(updatedAt),
      printable(tags.join(', ')),
    ]),
    out,
  );
}

export const architectureShowCommand: Command = {
  name: 'architecture show',
  usage: '<architecture> [options]',
  summary: 'Show a saved architecture with all its versions',
  examples: ['architecture show "My net"', 'architecture show a3f9 --json'],
  options: json,
  words: 1,
  run: async (args, terminal) => {
    const id = args.positionals[0];
    if (id === undefined) throw usage('architecture show needs a name or an id. `architecture list` shows them.');
    const found = await withLab(args, (lab) => lab.call('architectures.get', { id }));
    if (args.has('json')) printJson(terminal, found);
    else print(found, terminal.out);
    return 0;
  },
};

function print(found: ArchitectureDetails, out: Stream): void {
  const { latest } = found;
  out.write(`${out.style.bold(printable(found.name))}  ${found.id}\n`);
  out.write(
    facts(
      [
        found.description === '' ? null : ['description', printable(found.description)],
        found.tags.length === 0 ? null : ['tags', printable(found.tags.join(', '))],
        ['made', time(found.createdAt)],
        ['data', latest.dataset ?? (latest.inputShape ? `images of ${latest.inputShape.join('×')}` : '-')],
        ['parameters', latest.parameters === null ? '-' : whole(latest.parameters)],
        ['MACs per image', count(latest.macsPerImage)],
      ],
      out,
      '  ',
    ),
  );
  out.write('\n');
  out.write(
    table(
      [
        { title: 'version', align: 'right' },
        { title: 'saved' },
        { title: 'nodes', align: 'right' },
        { title: 'parameters', align: 'right' },
        { title: 'weights' },
        { title: 'from', flexible: true },
        { title: 'note', flexible: true },
      ],
      found.versions.map((each) => [
        String(each.version),
        time(each.createdAt),
        String(each.model.nodes.length),
        count(each.parameters),
        each.weights ? 'stored' : '',
        printable(each.source),
        printable(each.note),
      ]),
      out,
    ),
  );
}

export const architectureDiffCommand: Command = {
  name: 'architecture diff',
  usage: '<model> <model> [options]',
  summary: 'Compare two models layer by layer: architectures, versions, templates or runs',
  details: ['Layers are matched by id, then by structure. + added, - removed, ~ changed.'],
  examples: ['architecture diff "My net@1" "My net@2"', 'architecture diff lenet k3f9a2 --json'],
  options: { all: { help: 'Show what is the same too' }, ...json },
  words: 2,
  run: async (args, terminal) => {
    const [before, after] = args.positionals;
    if (before === undefined || after === undefined) throw usage('architecture diff needs two models.');
    const diff = await withLab(args, (lab) => lab.call('architectures.diff', { before, after }));
    if (args.has('json')) {
      printJson(terminal, diff);
      return 0;
    }
    const { out } = terminal;
    const { style } = out;
    out.write(`${style.bold(printable(diff.labels[0]))} → ${style.bold(printable(diff.labels[1]))}\n`);
    const signs = { same: ' ', added: '+', removed: '-', changed: '~' } as const;
    const paints = { same: style.dim, added: style.good, removed: style.bad, changed: style.warn } as const;
    const shown = diff.entries.filter(({ kind }) => kind !== 'same' || args.has('all'));
    for (const { kind, before: a, after: b, changes } of shown) {
      const node = b ?? a!;
      const name = a && b && a.id !== b.id ? `${a.id} → ${b.id}` : node.id;
      const shape = node.outputShape === null ? '' : `  ${node.outputShape.join('×')}`;
      out.write(`${paints[kind](`${signs[kind]} ${printable(name)}`)}  ${printable(node.layer)}${style.dim(shape)}\n`);
      for (const { name: prop, before: old, after: now } of changes) {
        out.write(`    ${prop}: ${printable(JSON.stringify(old))} → ${printable(JSON.stringify(now))}\n`);
      }
    }
    if (shown.length === 0) out.write('The models are the same.\n');
    const numbers = (name: string, a: number | null, b: number | null): [string, string] | null =>
      a === null || b === null
        ? null
        : [name, a === b ? whole(a) : `${whole(a)} → ${whole(b)} (${b > a ? '+' : '−'}${whole(Math.abs(b - a))})`];
    out.write(
      `\n${facts(
        [
          numbers('nodes', diff.before.nodes, diff.after.nodes),
          numbers('parameters', diff.before.parameters, diff.after.parameters),
          numbers('MACs per image', diff.before.macs, diff.after.macs),
        ],
        out,
      )}`,
    );
    return 0;
  },
};

export const architectureDeleteCommand: Command = {
  name: 'architecture delete',
  usage: '<architecture> ... [options]',
  summary: 'Delete saved architectures with all their versions',
  details: [
    'For good: a command ends the lab, and with it what could be taken back. The page and the desktop app have an undo.',
  ],
  examples: ['architecture delete "My net"'],
  options: json,
  words: 1000,
  run: async (args, terminal) => {
    const ids = [...args.positionals];
    if (ids.length === 0) throw usage('architecture delete needs the name or id of one or more architectures.');
    const { deleted } = await withLab(args, (lab) => lab.call('architectures.delete', { ids }));
    if (args.has('json')) printJson(terminal, { deleted });
    else terminal.out.write(`Deleted ${deleted.join(', ')}.\n`);
    return 0;
  },
};

export const architectureUpdateCommand: Command = {
  name: 'architecture update',
  usage: '<architecture> [options]',
  summary: 'Rename, describe or tag a saved architecture',
  examples: ['architecture update "My net" --name "Small net" --tag paper'],
  options: {
    name: { value: 'text', help: 'Another name' },
    description: { value: 'text', help: 'What it is' },
    tag: { value: 'text', multiple: true, help: 'Its tags, in place of those that it has' },
    untag: { help: 'Take all its tags away' },
    ...json,
  },
  words: 1,
  run: async (args, terminal) => {
    const id = args.positionals[0];
    if (id === undefined) throw usage('architecture update needs a name or an id.');
    const [name, description] = [args.text('name'), args.text('description')];
    const tags = args.has('tag') ? args.texts('tag') : args.has('untag') ? [] : undefined;
    if (name === undefined && description === undefined && tags === undefined) {
      throw usage('architecture update changes nothing without --name, --description or --tag.');
    }
    const record = await withLab(args, (lab) =>
      lab.call('architectures.update', {
        id,
        ...(name !== undefined && { name }),
        ...(description !== undefined && { description }),
        ...(tags && { tags: [...tags] }),
      }),
    );
    if (args.has('json')) printJson(terminal, record);
    else
      terminal.out.write(
        `${printable(record.name)}  ${record.id}  ${printable(record.tags.join(', '))}\n${terminal.out.style.dim(commandLine(`architecture show ${record.id}`))}\n`,
      );
    return 0;
  },
};
