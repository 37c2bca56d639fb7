import { placeTransient } from './arena.ts';
import { unitRuns, type Level, type Lifetime, type RowGroup } from './schedule.ts';
import { sliceSizes, type Access, type Buffer, type Step } from './step.ts';

interface Found {
  readonly rowBytes: number;
  readonly wholeSlice: boolean;
  first: number;
  last: number;
}

function accesses(step: Step): readonly Access[] {
  return [...step.reads, ...step.writes];
}

/** Buffers that only this group touches, only row by row, and only by address: with the steps in which they are in use. */
function privateTo(group: RowGroup, elsewhere: ReadonlySet<Buffer>): Map<Buffer, Found> {
  const found = new Map<Buffer, Found>();
  const refused = new Set<Buffer>(elsewhere);
  group.steps.forEach((step, index) => {
    for (const { buffer, movable, rowBytes, wholeSlice = false } of accesses(step)) {
      const known = found.get(buffer);
      if (!movable || (known && known.rowBytes !== rowBytes)) refused.add(buffer);
      if (known) known.last = index;
      else found.set(buffer, { rowBytes, wholeSlice, first: index, last: index });
    }
  });
  for (const buffer of refused) found.delete(buffer);
  return found;
}

/**
 * Moves values that are born and die within one task into the memory of the thread: what a fused chain of ops passes on
 * then stays in the cache, and a large batch costs no more memory than a small one. `base`: first free byte of the
 * thread's scratch memory. Returns the end of what is used.
 */
export function placePrivate(levels: readonly Level[], persistent: ReadonlySet<Buffer>, base: number): number {
  const users = new Map<Buffer, Set<object>>();
  for (const { units } of levels) {
    for (const unit of units) {
      const steps = unit.kind === 'rows' ? unit.steps : [unit.step];
      for (const { buffer } of steps.flatMap(accesses)) {
        users.set(buffer, (users.get(buffer) ?? new Set()).add(unit));
      }
    }
  }
  const elsewhere = new Set<Buffer>(persistent);
  for (const [buffer, units] of users) if (units.size > 1) elsewhere.add(buffer);
  let end = base;
  for (const group of levels.flatMap(({ units }) => units)) {
    if (group.kind !== 'rows') continue;
    const runs = unitRuns(group.steps);
    const runOf = (index: number): { first: number; end: number } => runs.find((run) => index < run.end)!;
    const most = Math.max(...sliceSizes(group.rows));
    const lifetimes: Lifetime[] = [];
    for (const [buffer, { rowBytes, wholeSlice, first, last }] of privateTo(group, elsewhere)) {
      const from = runOf(first);
      const to = runOf(last);
      const single = !wholeSlice && from === to && group.steps[first]!.unit === 'image';
      buffer.place = single ? 'row' : 'slice';
      const inUse = single ? { first, last } : { first: from.first, last: to.end - 1 };
      const bytes = wholeSlice ? buffer.bytes : rowBytes * (single ? 1 : most);
      lifetimes.push({ buffer, bytes, ...inUse });
    }
    end = Math.max(end, placeTransient(lifetimes, base));
  }
  return end;
}
