import { styleText } from 'node:util';
import { exitCodeOf } from '../../../lab/contract/errors.ts';
import { diskError } from '../../diskError.ts';

/** What the terminal shell writes to; tests give another one. */
export interface Terminal {
  readonly out: Stream;
  readonly err: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface Stream {
  write(text: string): void;
  /** A screen that lines can be redrawn on; false for pipes and files. */
  readonly live: boolean;
  /** Columns of the screen; 100 where there is none. */
  width(): number;
  readonly style: Style;
}

type Paint = (text: string) => string;
/** The few ways in which text is marked. Meaning never hangs on colour alone. */
export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly accent: Paint;
  readonly good: Paint;
  readonly bad: Paint;
  readonly warn: Paint;
}

const plain: Style = {
  bold: (text) => text,
  dim: (text) => text,
  accent: (text) => text,
  good: (text) => text,
  bad: (text) => text,
  warn: (text) => text,
};

const coloured: Style = {
  bold: paint('bold'),
  dim: paint('dim'),
  accent: paint('cyan'),
  good: paint('green'),
  bad: paint('red'),
  warn: paint('yellow'),
};

function paint(format: 'bold' | 'dim' | 'cyan' | 'green' | 'red' | 'yellow'): Paint {
  return (text) => styleText(format, text, { validateStream: false });
}

/** Whether colours are wanted: NO_COLOR (https://no-color.org) wins, then FORCE_COLOR, then whether it is a screen. */
export function wantsColour(env: Terminal['env'], screen: boolean): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0';
  return screen && env['TERM'] !== 'dumb';
}

export const styleFor = (colours: boolean): Style => (colours ? coloured : plain);

/**
 * The process's own terminal. Output that cannot be written (a log on a full disk) ends no command: what it trains goes on, stderr says
 * so once, and the exit code is that of the disk.
 */
export function processTerminal(): Terminal {
  const err = streamOf(process.stderr, () => undefined);
  const out = streamOf(process.stdout, (error) => {
    const { code, message } = diskError(error, 'stdout', 'write the output', 'send it to another place');
    process.exitCode = exitCodeOf(code);
    err.write(`${err.style.bad('Error:')} ${message} The rest of the output is lost.\n`);
  });
  return { out, err, env: process.env };
}

function streamOf(stream: NodeJS.WriteStream, failed: (error: Error) => void): Stream {
  let broken = false;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (broken) return;
    broken = true;
    // a reader that went away (`list | head`) is no fault of ours
    if (error.code !== 'EPIPE') failed(error);
  });
  const screen = stream.isTTY;
  return {
    write: (text) => {
      if (!broken) stream.write(text);
    },
    live: screen && process.env['TERM'] !== 'dumb' && !process.env['CI'],
    width: () => (screen ? stream.columns : 100),
    style: styleFor(wantsColour(process.env, screen)),
  };
}
