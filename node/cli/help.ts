import { commonOptions, type Options } from './args.ts';
import { commandLine, type Command } from './command.ts';
import { exitCodes } from './exitCodes.ts';
import { pad } from './print/table.ts';
import type { Style } from './print/terminal.ts';

/** The overview: every command in a line, and the exit codes. */
export function overview(commands: readonly Command[], style: Style): string {
  const width = Math.max(...commands.map((command) => command.name.length), 'help <command>'.length);
  const line = (name: string, text: string) => `  ${style.accent(pad(name, width))}  ${text}\n`;
  return [
    `${style.bold('Ablate')}: train networks, change one thing, compare. Offline.\n\n`,
    `${commandLine('<command> [options]')}\n\n`,
    ...commands.map((command) => line(command.name, command.summary)),
    line('help <command>', 'Explain a command and its options'),
    line('--version', 'Print the version'),
    `\n${style.bold('Exit codes')}\n`,
    ...exitCodes.map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}\n`),
    `\nMore: docs/terminal.md, docs/spec.md. Results go to stdout, progress and errors to stderr.\n`,
  ].join('');
}

/** One command: usage, options, examples. */
export function explain(command: Command, style: Style): string {
  const options: Options = { ...command.options, ...commonOptions };
  const names = Object.entries(options).map(
    ([name, option]) => `--${name}${option.value === undefined ? '' : ` ${option.value}`}`,
  );
  const width = Math.max(...names.map((name) => name.length));
  return [
    `${style.bold(commandLine(`${command.name} ${command.usage}`.trim()))}\n\n${command.summary}.\n`,
    ...(command.details ?? []).map((line) => `${line}\n`),
    '\n',
    ...Object.values(options).map((option, i) => `  ${style.accent(pad(names[i]!, width))}  ${option.help}\n`),
    ...(command.examples ? ['\nExamples\n', ...command.examples.map((example) => `  ${commandLine(example)}\n`)] : []),
  ].join('');
}
