import { defaultPort, serve } from '../../serve/main.ts';
import { exitCodeOfSignal, onEndSignal, type EndSignal } from '../../signals.ts';
import { homeOptions, type Command } from '../command.ts';

export const serveCommand: Command = {
  name: 'serve',
  usage: '[options]',
  summary: 'Open the lab as a page in the browser, for this machine only',
  details: [
    'Listens on 127.0.0.1 only. The address holds a token that is new at every start; without it nothing can be',
    'called. Ctrl+C lets running runs write a checkpoint and ends the lab.',
  ],
  examples: ['serve', 'serve --port 0 --no-open'],
  options: {
    port: { value: 'N', help: `Port on 127.0.0.1 (default ${defaultPort}; 0: any free one)` },
    'no-open': { help: 'Print the address only, open no browser' },
  },
  words: 0,
  run: async (args, terminal) => {
    const port = args.whole('port', 0, 65_535) ?? defaultPort;
    const serving = await serve({ ...homeOptions(args), revectorize: 'test', port, open: !args.has('no-open') });
    const { out, err } = terminal;
    out.write(`The lab is open at ${out.style.bold(serving.address)}\n`);
    err.write(err.style.dim(`History in ${serving.home}. Ctrl+C ends it.\n`));
    const signal = await new Promise<EndSignal>((resolve) => onEndSignal(resolve));
    err.write(err.style.dim('\nClosing; running runs write a checkpoint first.\n'));
    await serving.close();
    return exitCodeOfSignal(signal);
  },
};
