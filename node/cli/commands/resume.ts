import type { RunRecord } from '../../../lab/contract/records.ts';
import { usage } from '../args.ts';
import type { Command } from '../command.ts';
import { train, trainOptions } from '../train.ts';

export const resumeCommand: Command = {
  name: 'resume',
  usage: '<run> ... [options]',
  summary: 'Go on with stopped, interrupted or failed runs from their last checkpoints',
  details: ['The result is the same, bit for bit, as that of a run that was never interrupted.'],
  examples: ['resume k3f9a2'],
  options: trainOptions,
  words: 1000,
  run: async (args, terminal) => {
    if (args.positionals.length === 0)
      throw usage('resume needs the id of a run, or its beginning. `list` shows them.');
    return train(args, terminal, async (lab) => {
      const runs: RunRecord[] = [];
      // all are looked up before the first one starts, so that a wrong id starts nothing
      const found = await Promise.all(args.positionals.map((id) => lab.call('runs.get', { id })));
      for (const { id } of found) runs.push(await lab.call('runs.resume', { id }));
      return runs;
    });
  },
};
