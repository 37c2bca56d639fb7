import { checkSpec } from '../../../lab/spec/check.ts';
import { setSpecValues } from '../../../lab/spec/set.ts';
import { memoryOfRun, memoryWords } from '../memory.ts';
import { printJson, projectDatasets, type Command } from '../command.ts';
import { counted, whole } from '../print/format.ts';
import { printable } from '../print/table.ts';
import { readSpecFile } from '../readSpec.ts';

const badInput = 3;

export const specCheckCommand: Command = {
  name: 'spec check',
  usage: '<spec.json> [options]',
  summary: 'Check a spec and its graph, and name all faults at once',
  examples: ['spec check examples/mlp-sigmoid.json', 'spec check - < spec.json'],
  options: {
    set: { value: 'path=value', multiple: true, help: 'Change a value of the spec before checking' },
    json: { help: 'Print faults, or the spec with every default filled in, as JSON on stdout' },
  },
  words: 1,
  run: async (args, terminal) => {
    const document = setSpecValues(await readSpecFile(args.positionals[0], 'spec check'), args.texts('set'));
    const datasets = projectDatasets();
    const { ok, faults, spec, length } = checkSpec(document, await datasets.list());
    const memory = ok && spec ? (await memoryOfRun(spec, datasets)).memory : undefined;
    if (args.has('json')) {
      printJson(terminal, { ok, faults, spec, ...(memory && { memory }) });
      return ok ? 0 : badInput;
    }
    if (ok) {
      const steps = length ? `, ${counted(length.totalSteps, 'step')} on ${whole(length.trainImages)} images` : '';
      const room = memory ? ` It takes ${memoryWords(memory)}.` : '';
      terminal.out.write(`${terminal.out.style.good('✓')} The spec is in order${steps}.${room}\n`);
      return 0;
    }
    const { style } = terminal.err;
    terminal.err.write(`${style.bad('✗')} ${counted(faults.length, 'fault')} in ${printable(args.positionals[0]!)}:\n`);
    for (const fault of faults) terminal.err.write(`  - ${printable(fault.message)}\n`);
    return badInput;
  },
};
