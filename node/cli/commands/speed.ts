import { homeFolder } from '../../home.ts';
import { machineKey, testRevectorize } from '../../revectorize.ts';
import { printJson, type Command } from '../command.ts';

export const speedCommand: Command = {
  name: 'speed',
  usage: '[options]',
  summary: 'Test whether 256-bit vectors are the same and faster here, and remember it',
  details: [
    'V8 can join the vectors of the cpu backend to 256 bits (its flag --experimental-wasm-revectorize). The page',
    'tests that once by itself at its start; this command tests now. Results are the same bits either way. It is',
    'used from the next run on, where it is faster; ABLATE_REVECTORIZE=off keeps it off.',
  ],
  options: { json: { help: 'Print what was found as JSON on stdout' } },
  words: 0,
  run: async (args, terminal) => {
    const verdict = await testRevectorize(args.text('home') ?? homeFolder());
    if (args.has('json')) {
      printJson(terminal, verdict);
      return 0;
    }
    const { style } = terminal.out;
    const mark = verdict.adopted ? style.good('✓ 256-bit vectors') : '128-bit vectors';
    terminal.out.write(`${mark}: ${verdict.reason}\n  ${style.dim(machineKey())}\n`);
    return 0;
  },
};
