import { defaultPrecision, type Precision } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { Plan } from '../plan/plan.ts';
import { align, placeTransient } from './arena.ts';
import { Module } from './asm/module.ts';
import { defaultWorthSharing, emitSegment } from './driver.ts';
import { fuse, type Work } from './fuse.ts';
import { inputIds, outputIds } from './instance.ts';
import { lowerToSteps } from './kernels/index.ts';
import { rectifiedNorm, rectifiedNormGrad, type NormTables } from './kernels/rectifiedNorm.ts';
import { assignLayouts, bytesPerElement, type Layout } from './layout.ts';
import { schedule, type Schedule } from './schedule.ts';
import { placePrivate } from './privateRows.ts';
import { Marks, type Mark } from './profile.ts';
import type { Buffer, KernelContext, Placed, Step } from './step.ts';
import { counterBytes, countersStart, defaultPatience, emitBarrier, emitCommand, emitHelperLoop } from './sync.ts';
import { updateLists } from './updateLists.ts';

const pageBytes = 65_536;
/** wasm32 addresses 4 GiB; the last page is left out so that no address computation wraps around. */
const mostPages = 65_535;
/** The most that a plan can take. */
export const mostBytes = mostPages * pageBytes;

/** What a test or a measurement may choose; `detectFeatures` and the default decide otherwise. */
export interface CpuTuning {
  /** Fused multiply-add. */
  readonly relaxed: boolean;
  /** Default 'fast'. */
  readonly precision?: Precision;
  /** See KernelContext. */
  readonly winogradPoints?: readonly number[];
  /** Tiles for vectors of 256 bits, see revectorize.ts. */
  readonly wide?: boolean;
  /** Work (ns) from which on a level is spread over threads. */
  readonly worthSharing?: number;
  /** Seconds that a thread waits for another before it counts as dead. */
  readonly patience?: number;
  /** A clock (milliseconds): the time of every step is kept, see profile.ts. */
  readonly profile?: () => number;
}

export interface CompiledSegment {
  readonly name: string;
  readonly exportName: string;
  readonly shared: boolean;
  /** Barrier intervals, for tests and printing. */
  readonly levels: number;
}

export interface CompiledPlan {
  readonly binary: Uint8Array<ArrayBuffer>;
  readonly pages: number;
  readonly tensors: readonly Placed[];
  readonly segments: readonly CompiledSegment[];
  /** Address of each thread's scratch memory. */
  readonly scratch: readonly number[];
  readonly wide: boolean;
  /** What the marks of a profiled plan stand for, by number. */
  readonly marks: readonly Mark[];
}

function canShare(x: Layout, y: Layout): boolean {
  const flat = x.kind === 'plane' || x.pixel === x.rowSize;
  return flat && y.kind === 'natural' && x.rows === y.rows && x.rowSize === y.rowSize && y.pixel === y.rowSize;
}

/** One buffer per tensor, but a flatten that moves nothing gives both sides the same one. */
function placeTensors(plan: Plan, layouts: readonly Layout[]): { tensors: Placed[]; persistent: Set<Buffer> } {
  const owner = plan.tensors.map((spec) => spec.id);
  const find = (id: TensorId): TensorId => {
    let root = id;
    while (owner[root] !== root) root = owner[root]!;
    return root;
  };
  const pairs = plan.segments.flatMap(({ ops }) =>
    ops.flatMap((instance): [TensorId, TensorId][] => {
      if (instance.op === 'flatten') return [[instance.inputs.x, instance.outputs.y]];
      return instance.op === 'flattenGrad' ? [[instance.outputs.dx, instance.inputs.dy]] : [];
    }),
  );
  const isTransient = (id: TensorId): boolean => plan.tensors[id]!.role === 'activation';
  const rootTransient = plan.tensors.map((spec) => isTransient(spec.id));
  for (const [image, rows] of pairs) {
    const a = find(image);
    const b = find(rows);
    if (a === b || !canShare(layouts[image]!, layouts[rows]!) || (!rootTransient[a] && !rootTransient[b])) continue;
    owner[b] = a;
    rootTransient[a] = rootTransient[a]! && rootTransient[b]!;
  }
  const segmentsOf = new Map<TensorId, Set<number>>();
  plan.segments.forEach(({ ops }, index) => {
    for (const instance of ops) {
      for (const id of [...inputIds(instance), ...outputIds(instance)]) {
        const root = find(id);
        segmentsOf.set(root, (segmentsOf.get(root) ?? new Set()).add(index));
      }
    }
  });
  const buffers = new Map<TensorId, Buffer>();
  const persistent = new Set<Buffer>();
  for (const spec of plan.tensors) {
    const root = find(spec.id);
    if (buffers.has(root)) continue;
    const rootSpec = plan.tensors[root]!;
    const bytes = layouts[root]!.size * bytesPerElement[rootSpec.dtype];
    const buffer: Buffer = { name: rootSpec.name, bytes, address: 0, place: 'shared' };
    buffers.set(root, buffer);
    // an activation that no op has lies nowhere
    if (!rootTransient[root] || (segmentsOf.get(root)?.size ?? 0) > 1) persistent.add(buffer);
  }
  const tensors = plan.tensors.map((spec): Placed => ({
    spec,
    shape: spec.shape,
    layout: layouts[spec.id]!,
    buffer: buffers.get(find(spec.id))!,
  }));
  return { tensors, persistent };
}

function placePersistent(plan: Plan, tensors: readonly Placed[], persistent: Set<Buffer>, base: number): number {
  const rest = new Set(persistent);
  let at = base;
  const put = (id: TensorId): void => {
    const { buffer } = tensors[id]!;
    if (!rest.delete(buffer)) return;
    buffer.address = at;
    at += Math.ceil(buffer.bytes / 16) * 16;
  };
  for (const list of plan.segments.flatMap(({ ops }) => ops.flatMap(updateLists))) {
    at = align(at + 16);
    list.forEach(put);
  }
  for (const { spec } of tensors) {
    at = align(at + 16);
    put(spec.id);
  }
  return align(at + 16);
}

function segmentSteps(
  works: readonly Work[],
  tensors: readonly Placed[],
  needScratch: (bytes: number) => void,
  { precision = defaultPrecision, winogradPoints }: CpuTuning,
  marks: Marks | null,
): Step[] {
  const steps: Step[] = [];
  const context: KernelContext = {
    precision,
    winogradPoints,
    tensor: (id) => tensors[id]!,
    optional: (id) => (id === undefined ? undefined : tensors[id]!),
    workspace: (name, bytes) => ({ name, bytes, address: 0, place: 'shared' }),
    needScratch,
    step: (step) => steps.push(step),
  };
  const tables: NormTables = new Map();
  for (const work of works) {
    const first = steps.length;
    if (work.kind === 'op') lowerToSteps(work.instance, context);
    else if (work.kind === 'rectifiedNorm') rectifiedNorm(work, context, tables);
    else rectifiedNormGrad(work, context, tables);
    for (const step of steps.slice(first)) marks?.belongs(step, work.kind === 'op' ? work.instance : work.norm);
  }
  return steps;
}

/** A plan laid out in memory, before any code is emitted. */
interface LaidOut {
  readonly tensors: readonly Placed[];
  readonly schedules: readonly Schedule[];
  readonly scratch: readonly number[];
  readonly marks: Marks | null;
  /** End of the memory, in bytes. */
  readonly end: number;
}

function layOut(plan: Plan, threads: number, tuning: CpuTuning): LaidOut {
  const { tensors, persistent } = placeTensors(plan, assignLayouts(plan));
  let scratchBytes = 64;
  let scratchEnd = 0;
  const marks = tuning.profile ? new Marks() : null;
  const needScratch = (bytes: number): void => {
    scratchBytes = Math.max(scratchBytes, align(bytes + 16));
  };
  const schedules = plan.segments.map((segment): Schedule =>
    schedule(segmentSteps(fuse(plan, segment), tensors, needScratch, tuning, marks)),
  );
  const used = new Set(schedules.flatMap(({ lifetimes }) => lifetimes.map(({ buffer }) => buffer)));
  for (const { buffer } of tensors) if (!persistent.has(buffer) && !used.has(buffer)) buffer.place = 'none';
  for (const { levels } of schedules) {
    const end = placePrivate(levels, persistent, scratchBytes);
    scratchEnd = Math.max(scratchEnd, end);
  }
  const counters = schedules.reduce((sum, { levels }) => sum + levels.length, 0);
  const scratchStart = align(countersStart + counters * counterBytes);
  const scratchSize = Math.max(scratchBytes, scratchEnd);
  const scratch = Array.from({ length: threads }, (_, thread) => scratchStart + thread * scratchSize);
  const persistentEnd = placePersistent(plan, tensors, persistent, scratchStart + threads * scratchSize);
  let end = persistentEnd;
  for (const { lifetimes } of schedules) {
    const transient = lifetimes.filter(({ buffer }) => !persistent.has(buffer) && buffer.place === 'shared');
    end = Math.max(end, placeTransient(transient, persistentEnd));
  }
  return { tensors, schedules, scratch, marks, end };
}

const pagesOf = ({ end }: LaidOut): number => Math.ceil((end + 64) / pageBytes);

/**
 * Bytes that the plan's executable keeps (`Executable.bytes`): data set, parameters, activations and workspace, for so many threads.
 * Takes some milliseconds and no memory to speak of, however large the plan.
 */
export function memoryOfPlan(plan: Plan, threads: number, precision: Precision = defaultPrecision): number {
  return pagesOf(layOut(plan, threads, { relaxed: false, precision })) * pageBytes;
}

const mebibytes = (bytes: number): string => Math.ceil(bytes / 2 ** 20).toLocaleString('en-US');

/** Refuses a plan that cannot fit, with what it needs, while nothing has been allocated yet. */
function requireRoom(pages: number, limit: number): void {
  const needed = pages * pageBytes;
  const advice = 'use a smaller batch, smaller images or fewer filters';
  if (pages > mostPages) {
    throw new EngineError(
      'memory',
      `The plan needs ${mebibytes(needed)} MiB and the cpu backend can address 4,096 MiB; ${advice}.`,
    );
  }
  if (needed > limit) {
    throw new EngineError(
      'memory',
      `The plan needs ${mebibytes(needed)} MiB and this machine has ${mebibytes(limit)} MiB for it; ${advice}.`,
    );
  }
}

/**
 * Plan to layouts, steps, schedule, addresses and machine code. Pure: the same plan and thread count give the same bytes. `limit`:
 * bytes that the plan may take. Throws EngineError('memory') when it needs more.
 */
export function compilePlan(plan: Plan, threads: number, tuning: CpuTuning, limit = Infinity): CompiledPlan {
  const { relaxed, worthSharing: share = defaultWorthSharing, patience = defaultPatience } = tuning;
  const wide = tuning.wide === true;
  const laidOut = layOut(plan, threads, tuning);
  const { tensors, schedules, scratch, marks } = laidOut;
  const pages = pagesOf(laidOut);
  requireRoom(pages, limit);
  const module = new Module({ relaxed, shared: threads > 1, wide });
  marks?.importInto(module);
  const barrier = threads > 1 ? emitBarrier(module, threads, patience) : null;
  let firstCounter = 0;
  const emitted = schedules.map(({ levels }, index) => {
    const segment = emitSegment(module, `segment${index}`, levels, threads, barrier, firstCounter, share, marks);
    firstCounter += segment.counters;
    module.export(segment.run);
    return segment;
  });
  if (threads > 1) {
    module.export(
      emitHelperLoop(
        module,
        emitted.map(({ run }) => run),
      ),
    );
    module.export(emitCommand(module));
  }
  const segments = plan.segments.map(({ name }, index) => ({
    name,
    exportName: `segment${index}`,
    shared: emitted[index]!.shared,
    levels: schedules[index]!.levels.length,
  }));
  return { binary: module.build(pages), pages, tensors, segments, scratch, wide, marks: marks?.list ?? [] };
}
