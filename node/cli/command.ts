import { compose, datasetsFolder, type ComposeOptions, type Composition } from '../compose.ts';
import { createDatasets, type NodeDatasets } from '../datasets.ts';
import type { Arguments, Options } from './args.ts';
import { programName } from './programName.ts';
import type { Terminal } from './print/terminal.ts';

/** One command of the terminal shell. */
export interface Command {
  /** One word or two: "run", "data list". */
  readonly name: string;
  /** What follows the name: "<spec.json> [options]". */
  readonly usage: string;
  /** One line for the overview. */
  readonly summary: string;
  /** What `help <command>` adds; lines of at most 100 characters. */
  readonly details?: readonly string[];
  readonly examples?: readonly string[];
  readonly options: Options;
  /** Most positional words it takes. */
  readonly words: number;
  /** Answers the exit code; a LabError that is thrown becomes its message and its exit code. */
  run(args: Arguments, terminal: Terminal): Promise<number>;
}

/** The home folder that the options name. */
export function homeOptions(args: Arguments): Pick<ComposeOptions, 'home'> {
  const home = args.text('home');
  return home === undefined ? {} : { home };
}

/**
 * Opens the lab for one command and closes it afterwards, whatever happens. Runs that wait in the queue stay there: only
 * the page, the desktop and `run` or `resume` train.
 */
export async function withLab<T>(args: Arguments, body: (lab: Composition['lab']) => Promise<T>): Promise<T> {
  const composition = await compose({ ...homeOptions(args), autoStart: false });
  try {
    return await body(composition.lab);
  } finally {
    await composition.close();
  }
}

/** The data sets alone, for commands that need no history. */
export const projectDatasets = (): NodeDatasets => createDatasets(datasetsFolder());

/** Prints a value as the only thing on stdout. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.out.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** The next thing to type, ready to be copied. */
export const commandLine = (words: string): string => `${programName} ${words}`;
