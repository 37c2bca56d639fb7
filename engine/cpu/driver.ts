import type { Expr, Func, Local } from './asm/func.ts';
import type { Module } from './asm/module.ts';
import { unitCost, unitRuns, type Level, type RowGroup, type TaskGroup, type Unit } from './schedule.ts';
import { emitSliceStart, rowBytes, sliceCount, type Buffer, type Placed, type RowStep } from './step.ts';
import type { Marks } from './profile.ts';
import { counterBytes, countersStart } from './sync.ts';

/**
 * Below this much work (ns) a level, or a unit within one, is not worth spreading over threads: a barrier costs about
 * 1 us on a quiet machine, more on a busy one.
 */
export const defaultWorthSharing = 6_000;
/** A whole segment below this many times as much runs on one thread: waking the others would take longer. */
const segmentFactor = 25;

interface EmittedUnit {
  readonly tasks: number;
  /** run(task, scratch) */
  readonly run: Func;
  readonly cost: number;
}

function emitRowStep(module: Module, step: RowStep): Func {
  const f = module.func(step.name, ['i32', 'i32', 'i32', 'i32']);
  const [from, to, slice, scratch] = f.params() as [Local, Local, Local, Local];
  const address = (of: Placed): Expr => {
    const { place, address: base } = of.buffer;
    if (place === 'shared') return f.i32.add(f.i32.mul(from, rowBytes(of)), base);
    if (place === 'row') return f.i32.add(scratch, base);
    const row = f.i32.sub(from, emitSliceStart(f, step.rows, slice));
    return f.i32.add(f.i32.mul(row, rowBytes(of)), f.i32.add(scratch, base));
  };
  const sliceMemory = (of: Buffer): Expr => f.i32.add(scratch, of.address);
  step.emit({ f, module, from, to, slice, scratch, address, sliceMemory });
  return f;
}

/** One slice through all steps of the group: image steps row by row while the row is in the cache, matrix steps at once. */
function emitRowGroup(module: Module, group: RowGroup, marks: Marks | null): EmittedUnit {
  const functions = group.steps.map((step) => emitRowStep(module, step));
  const f = module.func('slice', ['i32', 'i32']);
  const [slice, scratch] = f.params() as [Local, Local];
  const from = f.local('i32');
  const to = f.local('i32');
  const row = f.local('i32');
  f.set(from, emitSliceStart(f, group.rows, slice));
  f.set(to, emitSliceStart(f, group.rows, f.i32.add(slice, 1)));
  for (const { first, end } of unitRuns(group.steps)) {
    const all = (low: Expr, high: Expr): void =>
      functions.slice(first, end).forEach((func, i) => {
        f.run(f.call(func, low, high, slice, scratch));
        marks?.after(f, group.steps[first + i]!);
      });
    if (group.steps[first]!.unit === 'matrix') all(from, to);
    else f.for(row, from, to, 1, () => all(row, f.i32.add(row, 1)));
  }
  return { tasks: sliceCount(group.rows), run: f, cost: unitCost(group) };
}

function emitTaskGroup(module: Module, { step }: TaskGroup, marks: Marks | null): EmittedUnit {
  const f = module.func(step.name, ['i32', 'i32']);
  const [task, scratch] = f.params() as [Local, Local];
  step.emit({ f, module, task, scratch });
  marks?.after(f, step);
  return { tasks: step.count, run: f, cost: step.cost };
}

function emitUnit(module: Module, unit: Unit, marks: Marks | null): EmittedUnit {
  return unit.kind === 'rows' ? emitRowGroup(module, unit, marks) : emitTaskGroup(module, unit, marks);
}

interface EmittedLevel {
  readonly units: readonly EmittedUnit[];
  readonly shared: boolean;
}

/** Claimable pieces of a shared level: all tasks of a unit that is worth spreading, or a small unit as one piece. */
function pieces(unit: EmittedUnit, worthSharing: number): number {
  return unit.cost < worthSharing ? 1 : unit.tasks;
}

function emitAllTasks(f: Func, unit: EmittedUnit, scratch: Local): void {
  const task = f.local('i32');
  f.for(task, 0, unit.tasks, 1, () => f.run(f.call(unit.run, task, scratch)));
}

/** Threads claim tasks one by one, dear units first, until none is left. */
function emitClaims(f: Func, level: EmittedLevel, counter: number, scratch: Local, worthSharing: number): void {
  const cost = (unit: EmittedUnit): number => unit.cost / pieces(unit, worthSharing);
  const units = [...level.units].sort((a, b) => cost(b) - cost(a));
  const total = units.reduce((sum, unit) => sum + pieces(unit, worthSharing), 0);
  const claimed = f.local('i32');
  f.forever((leave) => {
    f.set(claimed, f.atomicAdd(counter, 0, 1));
    leave(f.i32.geU(claimed, total));
    const dispatch = (index: number, first: number): void => {
      const unit = units[index]!;
      const count = pieces(unit, worthSharing);
      const run = (): void => {
        if (count === 1 && unit.tasks > 1) emitAllTasks(f, unit, scratch);
        else f.run(f.call(unit.run, f.i32.sub(claimed, first), scratch));
      };
      if (index === units.length - 1) run();
      else f.if(f.i32.ltU(claimed, first + count), run, () => dispatch(index + 1, first + count));
    };
    dispatch(0, 0);
  });
}

export interface EmittedSegment {
  /** run(scratch, isHelper): 0, or 1 if a thread has failed. */
  readonly run: Func;
  /** Whether helpers have a part in it. */
  readonly shared: boolean;
  readonly counters: number;
}

/**
 * The segment as one function that every thread runs: for each level claim and do tasks, then wait for the others.
 * Small levels run on the first thread alone, several in a row without a barrier.
 */
export function emitSegment(
  module: Module,
  label: string,
  levels: readonly Level[],
  threads: number,
  barrier: Func | null,
  firstCounter: number,
  worthSharing: number,
  marks: Marks | null = null,
): EmittedSegment {
  const total = levels.flatMap(({ units }) => units).reduce((sum, unit) => sum + unitCost(unit), 0);
  const many = threads > 1 && total >= segmentFactor * worthSharing;
  const emitted = levels.map((level): EmittedLevel => {
    const units = level.units.map((unit) => emitUnit(module, unit, marks));
    const cost = units.reduce((sum, unit) => sum + unit.cost, 0);
    const parts = units.reduce((sum, unit) => sum + pieces(unit, worthSharing), 0);
    return { units, shared: many && parts > 1 && cost >= worthSharing };
  });
  const f = module.func(label, ['i32', 'i32'], 'i32');
  const [scratch, isHelper] = f.params() as [Local, Local];
  let counters = 0;
  const wait = (): void => {
    if (barrier) f.if(f.call(barrier), () => f.return(1));
    marks?.afterBarrier(f);
  };
  const shared = emitted.some((level) => level.shared);
  marks?.start(f);
  emitted.forEach((level, index) => {
    if (!level.shared) {
      const alone = (): void => level.units.forEach((unit) => emitAllTasks(f, unit, scratch));
      if (!shared) alone();
      else {
        f.if(f.i32.eqz(isHelper), alone);
        if (emitted[index + 1]?.shared) wait();
      }
      return;
    }
    const counter = countersStart + (firstCounter + counters++) * counterBytes;
    emitClaims(f, level, counter, scratch, worthSharing);
    wait();
    f.if(f.i32.eqz(isHelper), () => f.atomicStore(counter, 0, 0));
  });
  f.run(f.int(0));
  return { run: f, shared, counters };
}
