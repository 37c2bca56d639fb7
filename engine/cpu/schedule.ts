import type { Access, Buffer, RowStep, Step, TaskStep } from './step.ts';

/** Row steps over the same batch that run as one: each task takes a slice through all of them. */
export interface RowGroup {
  readonly kind: 'rows';
  readonly rows: number;
  readonly steps: RowStep[];
}
export interface TaskGroup {
  readonly kind: 'tasks';
  readonly step: TaskStep;
}
export type Unit = RowGroup | TaskGroup;

/** Work between two barriers. */
export interface Level {
  readonly units: Unit[];
}

export interface Lifetime {
  readonly buffer: Buffer;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

export interface Schedule {
  readonly levels: readonly Level[];
  /** Levels in which each buffer is in use, first to last. */
  readonly lifetimes: readonly Lifetime[];
}

interface Use {
  readonly step: Step;
  readonly level: number;
  readonly writes: boolean;
  readonly byRow: boolean;
}

/** Two row steps over the same batch need no barrier between them if both touch the buffer row by row only. */
function flows(earlier: Use, later: Step, access: Access): boolean {
  return (
    earlier.byRow &&
    access.byRow &&
    earlier.step.kind === 'rows' &&
    later.kind === 'rows' &&
    earlier.step.rows === later.rows
  );
}

/**
 * Puts every step into the earliest level that its reads and writes allow. Within a level, row steps over the same batch
 * form one group in program order; everything else in a level is independent.
 */
export function schedule(steps: readonly Step[]): Schedule {
  const uses = new Map<Buffer, Use[]>();
  const levels: Level[] = [];
  const lifetimes = new Map<Buffer, { first: number; last: number }>();
  for (const step of steps) {
    const accesses = [
      ...step.reads.map((access) => ({ access, writes: false })),
      ...step.writes.map((access) => ({ access, writes: true })),
    ];
    let level = 0;
    for (const { access, writes } of accesses) {
      for (const use of uses.get(access.buffer) ?? []) {
        if (!writes && !use.writes) continue;
        level = Math.max(level, flows(use, step, access) ? use.level : use.level + 1);
      }
    }
    for (const { access, writes } of accesses) {
      const list = uses.get(access.buffer) ?? [];
      list.push({ step, level, writes, byRow: access.byRow });
      uses.set(access.buffer, list);
      const life = lifetimes.get(access.buffer);
      if (life) {
        life.first = Math.min(life.first, level);
        life.last = Math.max(life.last, level);
      } else lifetimes.set(access.buffer, { first: level, last: level });
    }
    while (levels.length <= level) levels.push({ units: [] });
    place(levels[level]!, step);
  }
  return {
    levels,
    lifetimes: [...lifetimes].map(([buffer, { first, last }]) => ({ buffer, bytes: buffer.bytes, first, last })),
  };
}

function place(level: Level, step: Step): void {
  if (step.kind === 'tasks') {
    level.units.push({ kind: 'tasks', step });
    return;
  }
  const group = level.units.find((unit): unit is RowGroup => unit.kind === 'rows' && unit.rows === step.rows);
  if (group) group.steps.push(step);
  else level.units.push({ kind: 'rows', rows: step.rows, steps: [step] });
}

/** Neighbouring steps of the same unit: image steps of a run go through the slice row by row together. */
export function unitRuns(steps: readonly RowStep[]): { first: number; end: number }[] {
  const runs: { first: number; end: number }[] = [];
  steps.forEach((step, i) => {
    const last = runs.at(-1);
    if (last && steps[last.first]!.unit === step.unit) last.end = i + 1;
    else runs.push({ first: i, end: i + 1 });
  });
  return runs;
}

export function unitCost(unit: Unit): number {
  return unit.kind === 'tasks' ? unit.step.cost : unit.steps.reduce((sum, step) => sum + step.cost, 0);
}
