import { parseArgs } from 'node:util';
import { LabError } from '../../lab/contract/errors.ts';
import { suggestion } from '../../lab/contract/near.ts';

export interface Option {
  /** What stands for the value in help ("N", "path=value"); a switch has none. */
  readonly value?: string;
  /** May be given several times. */
  readonly multiple?: boolean;
  readonly help: string;
}
export type Options = Readonly<Record<string, Option>>;

/** Options that every command has. */
export const commonOptions = {
  home: { value: 'folder', help: 'Where history lives (default: ABLATE_HOME, else the user data folder)' },
  help: { help: 'Explain the command' },
} as const satisfies Options;

/** What was typed after the command's name. */
export class Arguments {
  readonly positionals: readonly string[];
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals;
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The last value given. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1);
  }

  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** A whole number within bounds; throws a usage error that names the option. */
  whole(name: string, lowest: number, highest: number): number | undefined {
    return this.#number(name, lowest, highest, /^\d+$/, 'a whole number');
  }

  /** A decimal number within bounds. */
  decimal(name: string, lowest: number, highest: number): number | undefined {
    return this.#number(name, lowest, highest, /^(\d+\.?\d*|\.\d+)$/, 'a number');
  }

  #number(name: string, lowest: number, highest: number, form: RegExp, what: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (form.test(text) && value >= lowest && value <= highest) return value;
    throw usage(`--${name} takes ${what} from ${lowest} to ${highest}, not "${text}".`);
  }
}

export const usage = (message: string): LabError => new LabError('usage', message);

/** Takes a command's words apart. Throws a usage error that names the near option for an unknown one. */
export function parse(words: readonly string[], options: Options): Arguments {
  const known: Options = { ...options, ...commonOptions };
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(
      Object.entries(known).map(([name, option]) => [
        name,
        // -h is the one short form that people try without having read about it
        { type: option.value === undefined ? 'boolean' : 'string', ...(name === 'help' && { short: 'h' }) } as const,
      ]),
    ),
    // our own words for what strict mode would refuse
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const option = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (!option) {
      const names = Object.keys(known).map((name) => `--${name}`);
      throw usage(`There is no option ${token.rawName}.${suggestion(token.rawName, names)}`);
    }
    values.set(token.name, [...(option.multiple ? (values.get(token.name) ?? []) : []), valueOf(token, option)]);
  }
  return new Arguments(positionals, values);
}

function valueOf(
  token: { readonly rawName: string; readonly value?: string | undefined; readonly inlineValue?: boolean | undefined },
  option: Option,
): string {
  if (option.value === undefined) {
    if (token.value !== undefined)
      throw usage(`${token.rawName} is a switch and takes no value, found "${token.value}".`);
    return '';
  }
  const missing =
    token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('--'));
  if (missing) throw usage(`${token.rawName} needs a value: ${token.rawName} ${option.value}.`);
  return token.value;
}

/** Seeds as people write them: "1,2,3" or "1-5" or both. At most 1000. */
export function parseSeeds(text: string): number[] {
  const wrong = () => usage(`--seeds takes whole numbers such as 1,2,3 or 1-5, not "${text}".`);
  const seeds: number[] = [];
  for (const part of text.split(',')) {
    const match = /^\s*(\d+)(?:\s*-\s*(\d+))?\s*$/.exec(part);
    if (!match) throw wrong();
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (!Number.isSafeInteger(last) || last < first) throw wrong();
    if (seeds.length + last - first >= 1000) throw usage(`--seeds "${text}" names more than 1000 seeds; give fewer.`);
    for (let seed = first; seed <= last; seed++) seeds.push(seed);
  }
  const repeated = seeds.find((seed, i) => seeds.indexOf(seed) !== i);
  if (repeated !== undefined)
    throw usage(`--seeds "${text}" names seed ${repeated} twice; once is enough, the same seed gives the same result.`);
  return seeds;
}
