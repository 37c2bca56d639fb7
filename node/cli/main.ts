import { asLabError, exitCodeOf, type LabError } from '../../lab/contract/errors.ts';
import { suggestion } from '../../lab/contract/near.ts';
import { programVersion } from '../compose.ts';
import { parse, usage } from './args.ts';
import { commandLine, type Command } from './command.ts';
import { commands } from './commands/index.ts';
import { explain, overview } from './help.ts';
import type { Terminal } from './print/terminal.ts';

/** Runs what was typed and answers the exit code. Never throws. */
export async function main(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(words, terminal);
  } catch (error) {
    return report(error, terminal);
  }
}

async function dispatch(words: readonly string[], terminal: Terminal): Promise<number> {
  const { style } = terminal.out;
  const first = words[0];
  if (first === '--version' || first === '-v') {
    terminal.out.write(`ablate ${programVersion()}\n`);
    return 0;
  }
  if (first === undefined || first === 'help' || first === '--help' || first === '-h') {
    const topic = words.slice(1).join(' ');
    terminal.out.write(topic === '' ? overview(commands, style) : explain(find(words.slice(1)).command, style));
    return 0;
  }
  const { command, rest } = find(words);
  const args = parse(rest, command.options);
  if (args.has('help')) {
    terminal.out.write(explain(command, style));
    return 0;
  }
  const extra = args.positionals[command.words];
  if (extra !== undefined) throw usage(`${command.name} does not know what to do with "${extra}".`);
  return command.run(args, terminal);
}

/** The command that the words begin with. Throws a usage error that names near ones. */
function find(words: readonly string[]): { command: Command; rest: readonly string[] } {
  for (const command of commands) {
    const parts = command.name.split(' ');
    if (parts.every((part, i) => words[i] === part)) return { command, rest: words.slice(parts.length) };
  }
  const names = commands.map((command) => command.name);
  const family = names.filter((name) => name.startsWith(`${words[0] ?? ''} `));
  if (family.length > 0) throw usage(`${words[0] ?? ''} needs one word more: ${family.join(' or ')}.`);
  const typed = words[0] ?? '';
  throw usage(`There is no command "${typed}".${suggestion(typed, names)}`);
}

/** Says what went wrong on stderr. What is meant for people comes without a stack; a defect comes with it. */
function report(thrown: unknown, terminal: Terminal): number {
  const { err } = terminal;
  const error: LabError = asLabError(thrown);
  err.write(`${err.style.bad('Error:')} ${error.message}\n`);
  if (error.code === 'usage') err.write(`${err.style.dim(`See: ${commandLine('help')}`)}\n`);
  if (error.code === 'unexpected' && thrown instanceof Error) {
    err.write(
      `${err.style.dim(thrown.stack ?? '')}\nThis is a defect of the program; please report it with these lines.\n`,
    );
  }
  return exitCodeOf(error.code);
}
