import { EngineError } from '../errors.ts';

/** Cuts WGSL into its declarations, each with the comment before it, by the names that they declare. */
export function declarationsOf(text: string): Map<string, string> {
  const found = new Map<string, string>();
  let depth = 0;
  let begin = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (text.startsWith('/*', at)) {
      at = text.indexOf('*/', at) + 1;
      continue;
    }
    if (text.startsWith('//', at)) {
      at = text.indexOf('\n', at);
      continue;
    }
    if (character === '{') depth++;
    if (character === '}') depth--;
    const ends = depth === 0 && (character === ';' || character === '}');
    if (!ends) continue;
    const declaration = text.slice(begin, at + 1).trim();
    begin = at + 1;
    const name = /(?:^|\s|\/)(?:fn|struct|const)\s+(\w+)|(?:^|\s)var(?:<[^>]*>)?\s+(\w+)/.exec(
      withoutComments(declaration),
    );
    if (name !== null) found.set((name[1] ?? name[2])!, declaration);
  }
  return found;
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/\/\/.*$/gm, ' ');

/** The declarations of several texts, each once. A name that stands for two things is a mistake in a kernel. */
export function joinDeclarations(texts: readonly string[]): string {
  const all = new Map<string, string>();
  for (const text of texts) {
    for (const [name, declaration] of declarationsOf(text)) {
      const known = all.get(name);
      if (known !== undefined && withoutComments(known) !== withoutComments(declaration)) {
        throw new EngineError('plan', `Kernels that run as one declare "${name}" in two ways.`);
      }
      if (known === undefined) all.set(name, declaration);
    }
  }
  return [...all.values()].join('\n');
}
