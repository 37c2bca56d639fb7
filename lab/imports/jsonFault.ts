/**
 * Where and why a text is no JSON (RFC 8259): ":3:14: expected ',' or '}' ..., found 'x'". V8's own message gives a place
 * in only some of its forms, so the text is read once more by a small parser that keeps its position.
 */
export function jsonFault(text: string): string {
  try {
    new Reader(text).document();
    return ': is no JSON';
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const before = text.slice(0, error.at);
    const line = before.split('\n').length;
    const column = error.at - (before.lastIndexOf('\n') + 1) + 1;
    return `:${line}:${column}: line ${line}, column ${column}: ${error.message}.`;
  }
}

class Fault extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

const numberForm = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const wordForm = /true|false|null/y;
/** Deeper nesting than any spec has; keeps the stack safe. */
const deepest = 500;

class Reader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  document(): void {
    this.#blank();
    if (this.#at === this.#text.length) this.#fail('the file is empty; a spec is an object { ... }');
    this.#value('a value');
    this.#blank();
    if (this.#at < this.#text.length) this.#fail(`expected the end of the file, found ${this.#found()}`);
  }

  #value(expected: string): void {
    const character = this.#text[this.#at];
    if (++this.#depth > deepest) this.#fail(`nested more than ${deepest} levels deep`);
    if (character === '{') this.#list('}', () => this.#member());
    else if (character === '[') this.#list(']', () => this.#value('a value'));
    else if (character === '"') this.#string();
    else if (character !== undefined && /[-\d]/.test(character)) this.#number();
    else if (!this.#take(wordForm)) this.#fail(`expected ${expected}, found ${this.#found()}${this.#hint()}`);
    this.#depth--;
  }

  /** `{` or `[`, entries with commas between them, and the closing sign. */
  #list(close: string, entry: () => void): void {
    const open = this.#at++;
    this.#blank();
    if (this.#eat(close)) return;
    for (;;) {
      entry();
      this.#blank();
      if (this.#eat(close)) return;
      const comma = this.#at;
      if (!this.#eat(',')) {
        const line = this.#text.slice(0, open).split('\n').length;
        this.#fail(`expected ',' or '${close}' (opened in line ${line}), found ${this.#found()}`);
      }
      this.#blank();
      if (this.#text[this.#at] === close)
        throw new Fault(comma, `a comma before '${close}' is one too many; take it out`);
    }
  }

  #member(): void {
    if (this.#text[this.#at] !== '"')
      this.#fail(`expected a name in double quotes, found ${this.#found()}${this.#hint()}`);
    this.#string();
    this.#blank();
    if (!this.#eat(':')) this.#fail(`expected ':' after the name, found ${this.#found()}`);
    this.#blank();
    this.#value('a value');
  }

  #string(): void {
    const open = this.#at++;
    for (; ; this.#at++) {
      const character = this.#text[this.#at];
      if (character === undefined || character === '\n') {
        throw new Fault(open, `this text has no closing double quote in its line`);
      }
      if (character < ' ') this.#fail('a control character stands in a text; write it as an escape (\\t, \\u0007)');
      if (character === '"') break;
      if (character !== '\\') continue;
      const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
      if (!this.#take(escape))
        this.#fail(
          `${JSON.stringify(this.#text.slice(this.#at, this.#at + 2))} is no escape of JSON; a backslash itself is \\\\`,
        );
      this.#at--;
    }
    this.#at++;
  }

  #number(): void {
    if (!this.#take(numberForm)) this.#fail(`expected a number, found ${this.#found()}`);
    const next = this.#text[this.#at];
    if (next !== undefined && /[\w.+]/.test(next))
      this.#fail(`this number is not written as JSON wants it: ${this.#found()} does not belong here`);
  }

  #hint(): string {
    const rest = this.#text.slice(this.#at, this.#at + 2);
    if (rest.startsWith("'")) return '; JSON puts text in double quotes';
    if (rest === '//' || rest === '/*' || rest.startsWith('#')) return '; JSON has no comments';
    return '';
  }

  #found(): string {
    if (this.#at >= this.#text.length) return 'the end of the file';
    const word = /[\w$.-]{1,20}/y;
    word.lastIndex = this.#at;
    return `'${word.exec(this.#text)?.[0] ?? String.fromCodePoint(this.#text.codePointAt(this.#at)!)}'`;
  }

  #take(form: RegExp): boolean {
    form.lastIndex = this.#at;
    const match = form.exec(this.#text);
    if (match) this.#at += match[0].length;
    return match !== null;
  }

  #eat(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #blank(): void {
    while (/[ \t\n\r]/.test(this.#text[this.#at] ?? '')) this.#at++;
  }

  #fail(message: string): never {
    throw new Fault(this.#at, message);
  }
}
