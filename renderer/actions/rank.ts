/** Items that hold every word of the query, those that begin with it or have it at a word's start first. */
export function rank<T>(query: string, items: readonly T[], textOf: (item: T) => string): T[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [...items];
  const scored = items.flatMap((item) => {
    const text = textOf(item).toLowerCase();
    let score = 0;
    for (const word of words) {
      const at = text.indexOf(word);
      if (at < 0) return [];
      const start = at === 0 || /[^\p{L}\p{N}]/u.test(text[at - 1]!);
      score += start ? 2 : 1;
    }
    return [{ item, score }];
  });
  // sort is stable: equals keep their order
  return scored.sort((a, b) => b.score - a.score).map(({ item }) => item);
}
