/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`. O(|a| |b|). */
export function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, before[j - 2]! + 1);
      row.push(best);
    }
    before = above;
    above = row;
  }
  return above[b.length]!;
}

/** The known names that `name` may have been meant as, nearest first; at most `count`. */
export function nearNames(name: string, known: Iterable<string>, count = 3): string[] {
  const wanted = name.slice(0, 80).toLowerCase();
  return [...new Set(known)]
    .map((each) => {
      const other = each.slice(0, 80).toLowerCase();
      const within = wanted.length > 2 && (other.includes(wanted) || wanted.includes(other));
      return { each, distance: within ? Math.min(1, editDistance(wanted, other)) : editDistance(wanted, other) };
    })
    .filter(({ distance, each }) => distance <= Math.max(1, Math.floor(Math.max(wanted.length, each.length) / 3)))
    .sort((a, b) => a.distance - b.distance || a.each.localeCompare(b.each))
    .slice(0, count)
    .map(({ each }) => each);
}

/** "Did you mean a or b?" with a blank before it; of a few names all are listed; nothing when there is nothing to say. */
export function suggestion(name: string, known: Iterable<string>): string {
  const all = [...known];
  const near = nearNames(name, all);
  if (near.length > 0) return ` Did you mean ${near.join(' or ')}?`;
  return all.length > 0 && all.length <= 16 ? ` Known: ${all.join(', ')}.` : '';
}
