import { seriesNames, type Comparison, type SeriesName } from '../../../lab/contract/records.ts';
import { suggestion } from '../../../lab/contract/near.ts';
import { usage } from '../args.ts';
import { printJson, withLab, type Command } from '../command.ts';
import { armNames, printComparison } from '../print/comparison.ts';

export const compareCommand: Command = {
  name: 'compare',
  usage: '<run|group> ... [options]',
  summary: 'Put runs or seed groups side by side: what differs, what came of it',
  details: [
    'A group is all runs that differ in nothing but the seed (or the fold); its arm shows the mean over them. Differences to',
    'the baseline come with a 95 % interval, paired by seed (and fold) where both arms have the same. Intervals over folds',
    'are corrected for the training images that folds share.',
  ],
  examples: ['compare 5be1f0 a93c22', 'compare a1b2 c3d4 --baseline c3d4 --reach validation.accuracy=0.95 --json'],
  options: {
    baseline: { value: 'run|group', help: 'The arm that the others are compared with (default: the first)' },
    reach: { value: 'series=value', multiple: true, help: 'Steps to a value (default: validation.accuracy=0.9)' },
    json: { help: 'Print the comparison as JSON on stdout, curves included' },
  },
  words: 12,
  run: async (args, terminal) => {
    if (args.positionals.length === 0) throw usage('compare needs runs or groups. `list` shows both.');
    const baseline = args.text('baseline');
    const reach = args.texts('reach').map(parseReach);
    const comparison: Comparison = await withLab(args, (lab) =>
      lab.call('compare.get', {
        arms: [...args.positionals],
        ...(baseline !== undefined && { baseline }),
        ...(reach.length > 0 && { reach }),
      }),
    );
    if (args.has('json')) printJson(terminal, comparison);
    else printComparison(comparison, armNames(comparison), terminal.out);
    return 0;
  },
};

function parseReach(text: string): { series: SeriesName; value: number } {
  const at = text.indexOf('=');
  const series = text.slice(0, Math.max(0, at));
  const value = Number(text.slice(at + 1));
  if (at <= 0 || text.slice(at + 1).trim() === '' || !Number.isFinite(value)) {
    throw usage(`--reach takes series=value, such as validation.accuracy=0.9, not "${text}".`);
  }
  const known = seriesNames.find((name) => name === series);
  if (known === undefined) throw usage(`There is no series "${series}".${suggestion(series, seriesNames)}`);
  return { series: known, value };
}
