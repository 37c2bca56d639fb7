import { styleText } from 'node:util';

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

/** The process's own terminal. */
export function processTerminal(): Terminal {
  return { out: streamOf(process.stdout), err: streamOf(process.stderr), env: process.env };
}

function streamOf(stream: NodeJS.WriteStream): Stream {
  // a reader that went away (`list | head`) is no fault of ours
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
  const screen = stream.isTTY;
  return {
    write: (text) => void stream.write(text),
    live: screen && process.env['TERM'] !== 'dumb' && !process.env['CI'],
    width: () => (screen ? stream.columns : 100),
    style: styleFor(wantsColour(process.env, screen)),
  };
}
