/** Helpers for messages about documents that may hold anything. */

const longest = 60;

/** A value of a document as a message shows it: short, and never more than its kind for lists and objects. */
export function show(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value);
  if (Array.isArray(value)) return showList(value);
  return value === undefined ? 'nothing' : `an ${typeof value === 'object' ? 'object' : 'odd value'}`;
}

function showList(values: readonly unknown[]): string {
  const plain = values.every((value) => typeof value === 'number' || value === null);
  return plain && values.length <= 8 ? `[${values.join(', ')}]` : `a list of ${values.length}`;
}

export const quote = (text: string): string => `"${shorten(text)}"`;

export const shorten = (text: string): string => (text.length > longest ? `${text.slice(0, longest - 1)}…` : text);

/** "a", "a and b", "a, b and c", "a, b, c and 7 more". */
export function listWords(words: readonly string[]): string {
  if (words.length <= 1) return words.join('');
  const shown = words.length > 6 ? [...words.slice(0, 5), `${words.length - 5} more`] : words;
  return `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)!}`;
}

/** The candidate nearest to `name` by edits, if it is near enough to be a misspelling. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  if (name.length > longest) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= least) continue;
    const distance = edits(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      best = candidate;
      least = distance;
    }
  }
  return best;
}

/** " did you mean "units"?" or what to choose from. */
export function suggestion(name: string, candidates: readonly string[], otherwise: string): string {
  const near = nearest(name, candidates);
  return near === undefined ? otherwise : `did you mean "${near}"?`;
}

/** Levenshtein distance. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
