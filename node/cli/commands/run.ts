import { requireSpec } from '../../../lab/spec/check.ts';
import { setSpecValues } from '../../../lab/spec/set.ts';
import { parseSeeds, usage } from '../args.ts';
import { projectDatasets, type Command } from '../command.ts';
import { readSpecFile } from '../readSpec.ts';
import { startOptions, withStart } from '../startOptions.ts';
import { train, trainOptions } from '../train.ts';

export const runCommand: Command = {
  name: 'run',
  usage: '<spec.json> [options]',
  summary: 'Train what a spec describes, once per seed (and fold)',
  details: [
    'Reads the spec ("-" reads standard input), puts one run per seed into the queue and shows how far they are.',
    '--from starts from stored weights instead of drawn ones; `transfer preview` tells what is taken over.',
    '--folds makes it a cross-validation: a run per fold, each of which is held out for validation in one of them.',
    'Ctrl+C writes a checkpoint; `resume` goes on from there and ends with the very same weights.',
  ],
  examples: [
    'run examples/mlp-sigmoid.json --seeds 1,2,3',
    'run examples/mlp-sigmoid.json --seeds 1-3 --set model.batchNorm=before --name "with BatchNorm"',
    'run examples/mlp-sigmoid.json --folds 5 --set data.split=stratified',
    'run spec.json --from k3f9a2:best --fresh classes',
    'run spec.json --set training.optimizer.learningRate=0.05 --json > result.json',
  ],
  options: {
    seeds: { value: '1,2,3', help: "One run per seed; 1-5 is a range (default: the spec's own seed)" },
    folds: { value: 'N', help: 'Cross-validation: for every seed one run per fold, as one group' },
    set: { value: 'path=value', multiple: true, help: 'Change a value of the spec; may be given several times' },
    ...startOptions,
    name: { value: 'text', help: 'Name of the runs (default: the name in the spec)' },
    tag: { value: 'text', multiple: true, help: 'Tag the runs; may be given several times' },
    threads: { value: 'N', help: 'Threads per run; 0: one per core. The result does not depend on it' },
    ...trainOptions,
  },
  words: 1,
  run: async (args, terminal) => {
    const seeds = args.text('seeds');
    const folds = args.whole('folds', 2, 1000);
    const threads = args.whole('threads', 0, 256);
    const name = args.text('name');
    if (name !== undefined && name.length > 200) throw usage('--name takes at most 200 characters.');
    const input = {
      ...(seeds !== undefined && { seeds: parseSeeds(seeds) }),
      ...(folds !== undefined && { folds }),
      tags: [...args.texts('tag')],
    };
    const document = setSpecValues(await readSpecFile(args.positionals[0], 'run'), [
      ...args.texts('set'),
      ...(folds === undefined ? [] : [`data.folds={"count":${folds},"fold":1}`]),
      ...(name === undefined ? [] : [`name=${JSON.stringify(name)}`]),
      ...(threads === undefined ? [] : [`backend.threads=${threads}`]),
    ]);
    const spec = withStart(document, args);
    // before the home folder is touched: a faulty spec is no matter of which process holds it
    requireSpec(spec, await projectDatasets().list());
    return train(args, terminal, (lab) => lab.call('runs.create', { ...input, spec }));
  },
};
