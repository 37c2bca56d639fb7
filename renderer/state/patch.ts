/** Differences of JSON values, small enough to keep thousands of them, and their way back. Pure. */

/** At `path`: a value instead of another (undefined: no such key), or items of a list instead of others. */
export type Change =
  | { readonly path: readonly (string | number)[]; readonly before: unknown; readonly after: unknown }
  | {
      readonly path: readonly (string | number)[];
      readonly at: number;
      readonly removed: readonly unknown[];
      readonly added: readonly unknown[];
    };

type Json = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What turns `before` into `after`; empty for equal values. */
export function diff(before: unknown, after: unknown): Change[] {
  const changes: Change[] = [];
  compare(before, after, [], changes);
  return changes;
}

function compare(before: unknown, after: unknown, path: readonly (string | number)[], changes: Change[]): void {
  if (Object.is(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) {
    compareLists(before, after, path, changes);
  } else if (isObject(before) && isObject(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      compare(before[key], after[key], [...path, key], changes);
    }
  } else {
    changes.push({ path, before, after });
  }
}

/** What both begin and end with stays; between, lists of one length are compared item by item. */
function compareLists(
  before: readonly unknown[],
  after: readonly unknown[],
  path: readonly (string | number)[],
  changes: Change[],
): void {
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && isSame(before[start], after[start])) start++;
  let end = 0;
  while (end < shorter - start && isSame(before.at(-1 - end), after.at(-1 - end))) end++;
  if (before.length === after.length) {
    for (let i = start; i < before.length - end; i++) compare(before[i], after[i], [...path, i], changes);
    return;
  }
  const removed = before.slice(start, before.length - end);
  const added = after.slice(start, after.length - end);
  changes.push({ path, at: start, removed, added });
}

export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((each, i) => isSame(each, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a).filter((key) => a[key] !== undefined);
  return (
    keys.length === Object.keys(b).filter((key) => b[key] !== undefined).length &&
    keys.every((key) => isSame(a[key], b[key]))
  );
}

/** The value after the changes. What they do not touch is shared with `value`, which stays as it is. */
export function forward(value: unknown, changes: readonly Change[]): unknown {
  return changes.reduce((now, change) => set(now, change, 0, false), value);
}

/** The value before the changes. */
export function backward(value: unknown, changes: readonly Change[]): unknown {
  return changes.reduceRight<unknown>((now, change) => set(now, change, 0, true), value);
}

function set(value: unknown, change: Change, depth: number, back: boolean): unknown {
  if (depth === change.path.length) {
    if (!('at' in change)) return back ? change.before : change.after;
    const list = [...(value as unknown[])];
    const [out, into] = back ? [change.added, change.removed] : [change.removed, change.added];
    list.splice(change.at, out.length, ...into);
    return list;
  }
  const key = change.path[depth]!;
  if (Array.isArray(value)) {
    const list = [...(value as unknown[])];
    list[key as number] = set(list[key as number], change, depth + 1, back);
    return list;
  }
  const object = { ...(value as Record<string, unknown>) };
  const next = set(object[key], change, depth + 1, back);
  if (next === undefined) delete object[key];
  else object[key] = next;
  return object;
}
