/**
 * `npm start`: builds what is out of date and opens the lab. In Electron's window where its binary can be had and there is a
 * display; otherwise, saying so in one line, as a page on 127.0.0.1.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Arguments, parse } from '../node/cli/args.ts';
import { serveCommand } from '../node/cli/commands/serve.ts';
import { main } from '../node/cli/main.ts';
import { processTerminal } from '../node/cli/print/terminal.ts';
import { build } from './build.ts';
import { fetchElectron, hasDisplay, rootArgs } from './electron.ts';

const help = `npm start -- [options]

  --browser      open the page in the browser, not Electron's window
  --port N       port of the page on 127.0.0.1 (0: any free one); implies --browser
  --no-open      print the page's address only, open no browser; implies --browser
  --home folder  where history lives (default: ABLATE_HOME, else the user data folder)
  --help         show this
`;

/** A window that ends with an error this soon has never been one. */
const startSeconds = 10;

const words = process.argv.slice(2);
if (words.includes('--help') || words.includes('-h')) console.log(help);
else process.exitCode = await start();

async function start(): Promise<number> {
  const options = words.filter((word) => word !== '--browser');
  try {
    const args = parse(options, serveCommand.options);
    build('page');
    if (options.length === words.length && !args.has('port') && !args.has('no-open')) {
      const reason = await openWindow(args);
      if (reason === undefined) return 0;
      console.log(`${reason} Opening the lab in the browser instead.`);
    }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  }
  return main(['serve', ...options], processTerminal());
}

/** Returns once the window was closed, or why there is none. */
async function openWindow(args: Arguments): Promise<string | undefined> {
  if (!hasDisplay()) return 'There is no display for a window.';
  const program = fetchElectron();
  if (program === undefined) return "Electron's binary could not be had (npx install-electron says why).";
  build('desktop');
  const env = { ...process.env };
  const home = args.text('home');
  if (home !== undefined) env['ABLATE_HOME'] = home;
  const began = performance.now();
  const child = spawn(program, [...rootArgs, join(import.meta.dirname, '..')], { stdio: 'inherit', env });
  // Ctrl+C reaches the window too; it closes the lab first, and this process waits for it
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(1));
    child.on('exit', (status) => resolve(status ?? 0));
  });
  const soon = performance.now() - began < startSeconds * 1000;
  return code !== 0 && soon ? `Electron's window did not open (code ${code}).` : undefined;
}
