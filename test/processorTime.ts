/** Node's; a page has none. */
const cpuUsage = (globalThis as { process?: { cpuUsage?: () => { user: number; system: number } } }).process?.cpuUsage;

/**
 * Milliseconds of processor time of this process so far: bounds on it hold on a busy machine, too. In a page, which does not know its
 * own, those of the clock.
 */
export function processorTime(): number {
  if (cpuUsage === undefined) return performance.now();
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** Milliseconds of processor time that `body` takes at least. One time alone may hold a collection or a compilation of other code. */
export function leastTime(body: () => void, times = 5): number {
  let least = Infinity;
  for (let i = 0; i < times; i++) {
    const begin = processorTime();
    body();
    least = Math.min(least, processorTime() - begin);
  }
  return least;
}

/** What `yardstick` takes at least on the machine that the bounds of the tests are for, in milliseconds. */
const usual = 4.5;

/** Work like that of the code whose time is bounded: objects that are made, written as JSON, read and sorted. */
function yardstick(): void {
  const rows = Array.from({ length: 4000 }, (_, i) => ({ id: `r${(i * 7919) % 4000}`, at: i, values: [i, i / 3] }));
  const read = JSON.parse(JSON.stringify(rows)) as typeof rows;
  read.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * By what factor this machine is slower now than the one that bounds in milliseconds are for; never below 1. Processor time, too,
 * grows where a core is shared with a neighbour, and a slow machine proves nothing against the code.
 */
export function slowness(): number {
  return Math.max(1, leastTime(yardstick, 15) / usual);
}
