import { main } from '../../node/cli/main.ts';
import { styleFor, type Stream, type Terminal } from '../../node/cli/print/terminal.ts';

/** A terminal that keeps what is written to it: a pipe of 100 columns without colours, unless told otherwise. */
export function memoryTerminal(
  options: { readonly colours?: boolean; readonly live?: boolean; readonly width?: number } = {},
) {
  const text = { out: '', err: '' };
  const stream = (name: 'out' | 'err'): Stream => ({
    write: (part) => (text[name] += part),
    live: options.live ?? false,
    width: () => options.width ?? 100,
    style: styleFor(options.colours ?? false),
  });
  const terminal: Terminal = { out: stream('out'), err: stream('err'), env: {} };
  return { terminal, text };
}

/** A command in this process: the same code as the program's, without the second that a new process takes. */
export async function runHere(...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const { terminal, text } = memoryTerminal();
  const code = await main(words, terminal);
  return { code, ...text };
}

export async function jsonHere<T>(...words: string[]): Promise<T> {
  const { code, out, err } = await runHere(...words, '--json');
  if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code}: ${err}`);
  return JSON.parse(out) as T;
}
