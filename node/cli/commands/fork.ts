import type { RunDetails, RunRecord } from '../../../lab/contract/records.ts';
import type { Lab } from '../../../lab/index.ts';
import { setSpecValues } from '../../../lab/spec/set.ts';
import { usage } from '../args.ts';
import type { Command } from '../command.ts';
import { readSpecFile } from '../readSpec.ts';
import { train, trainOptions } from '../train.ts';

export const forkCommand: Command = {
  name: 'fork',
  usage: '<run|group:id> [options]',
  summary: 'Go on from a checkpoint as a new run, with something changed',
  details: [
    "The optimiser's state, the steps, the schedule and early stopping go on; the run that it comes from stays as it is.",
    'Lengths count from step 0 of that run: --set training.length.epochs=8 trains up to epoch 8.',
    'Of a group every finished run is forked, as one new group.',
  ],
  examples: [
    'fork k3f9a2 --set training.length.epochs=8 --set training.optimizer.learningRate=0.01',
    'fork k3f9a2 --at best --set training.loss.labelSmoothing=0.1',
    'fork group:0123456789ab --set training.length.epochs=8 --name "longer"',
  ],
  options: {
    at: { value: 'last|best', help: 'Which checkpoint (default: last)' },
    set: { value: 'path=value', multiple: true, help: 'Change a value of the spec; may be given several times' },
    spec: { value: 'spec.json', help: "Another spec instead of the run's own" },
    name: { value: 'text', help: 'Name of the new run (default: the old one with the step)' },
    tag: { value: 'text', multiple: true, help: 'Tag the run; may be given several times' },
    ...trainOptions,
  },
  words: 1,
  run: async (args, terminal) => {
    const id = args.positionals[0];
    if (id === undefined) throw usage('fork needs the id of a run, or its beginning. `list` shows them.');
    const at = args.text('at') ?? 'last';
    if (at !== 'last' && at !== 'best') throw usage(`--at takes last or best, not "${at}".`);
    const file = args.text('spec');
    const spec = file === undefined ? undefined : await readSpecFile(file, 'fork --spec');
    const name = args.text('name');
    if (name !== undefined && name.length > 200) throw usage('--name takes at most 200 characters.');
    const set = [...args.texts('set')];
    const tags = [...args.texts('tag')];
    return train(args, terminal, async (lab) => {
      if (id.startsWith('group:')) return forkGroup(lab, id.slice(6), { at, spec, set, name, tags });
      const wish = { set, tags, ...(spec !== undefined && { spec }), ...(name !== undefined && { name }) };
      return [await lab.call('runs.fork', { id, checkpoint: at, ...wish })];
    });
  },
};

interface GroupFork {
  readonly at: 'last' | 'best';
  readonly spec: unknown;
  readonly set: readonly string[];
  readonly name: string | undefined;
  readonly tags: string[];
}

/** Every finished run of a group goes on by itself; a start from the group keeps the new ones together. */
async function forkGroup(lab: Lab, group: string, { at, spec, set, name, tags }: GroupFork): Promise<RunRecord[]> {
  const { runs } = await lab.call('runs.list', { status: ['finished'], search: group });
  const own = runs.filter((run) => run.group.startsWith(group));
  const [first] = own;
  if (first === undefined) throw usage(`No finished run has a group that begins with "${group}". \`list\` shows them.`);
  const folds = [...new Set(own.map(({ fold }) => fold))];
  if (folds.length > 1) {
    throw usage('This group has folds; write a spec with start.from and carry "everything", and run it with --folds.');
  }
  const parent: RunDetails = await lab.call('runs.get', { id: first.id });
  const start = { from: `group:${first.group}:${at}`, carry: 'everything' };
  const changed = setSpecValues(spec ?? parent.spec, set) as object;
  const named = (name ?? `${parent.name}, forked`).slice(0, 200);
  const seeds = [...new Set(own.map(({ seed }) => seed))].sort((a, b) => a - b);
  return lab.call('runs.create', { spec: { ...changed, name: named, start }, seeds, tags });
}
