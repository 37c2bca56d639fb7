import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import { inputOperands, outputOperands, withOperands } from '../ops/operands.ts';
import type { OpInstance, Plan } from '../plan/plan.ts';
import { build } from './build.ts';
import type { GpuDevice } from './device.ts';
import type { GpuExecutable } from './executable.ts';
import { adapterKey, classOf, formsOf, withForm, workOf, type FormName } from './forms.ts';
import { fusePlan } from './fuse.ts';
import type { GpuTuning } from './kernel.ts';
import { placeTensors } from './memory.ts';
import { within } from './tuning.ts';

/** By the class of an op: its form. */
export type Forms = Readonly<Record<string, FormName>>;

/** Where measured choices are kept, by adapter, driver and version of the kernels. The host has one that outlives the process. */
export interface FormMemory {
  read(adapter: string): Promise<Forms>;
  /** Adds to what is there. A memory that cannot keep them is no reason to fail. */
  write(adapter: string, forms: Forms): Promise<void>;
}

/** Milliseconds that an op of a plan takes in a form; Infinity where it cannot have it. */
export type Measure = (plan: Plan, op: OpInstance, form: FormName) => Promise<number>;

export interface Tuner {
  /** Milliseconds of any steady clock. */
  readonly clock: () => number;
  /** Milliseconds after which a plan takes the usual forms for the rest. Default 1500. */
  readonly budget?: number;
  /** On an adapter that computes on the processor too; for tests. */
  readonly onSoftware?: boolean;
  /** Another way to measure; for tests. */
  readonly measure?: Measure;
}

interface Wish {
  /** Whether rounding somewhat more is allowed. */
  readonly fast: boolean;
  /** Tensors that lie in half precision. */
  readonly halves: ReadonlySet<TensorId>;
  /** Choices that are made already, as of a run that goes on; they come before everything else. */
  readonly given: Forms;
  readonly memory: FormMemory;
  readonly tuner: (Omit<Tuner, 'measure'> & { readonly measure: MeasureWith; readonly prepare?: Prepare }) | undefined;
}
type MeasureWith = (plan: Plan, op: OpInstance, form: FormName, clock: () => number) => Promise<number>;
/** Compiles the kernels of several forms of an op side by side, so that none is waited for alone. */
type Prepare = (plan: Plan, op: OpInstance, forms: readonly FormName[]) => Promise<void>;

const usualBudget = 1500;
/** A form must take so much less time than the usual one, or the noise of the clock would choose. */
const leastGain = 0.95;

/**
 * The forms of a plan's products: given, remembered, or measured, the heaviest first. All of them are in the answer, so that who
 * keeps it and gives it back gets the same bits again, whatever has been remembered meanwhile.
 */
export async function chooseForms(plan: Plan, device: GpuDevice, wish: Wish): Promise<Forms> {
  const { fast, halves, given, memory, tuner } = wish;
  const classes = new Map<string, OpInstance>();
  for (const op of plan.segments.flatMap(({ ops }) => ops)) {
    const key = classOf(plan, op, fast, halves);
    if (key !== undefined && !classes.has(key)) classes.set(key, op);
  }
  const chosen: Record<string, FormName> = {};
  for (const key of classes.keys()) if (given[key] !== undefined) chosen[key] = given[key];
  if (tuner === undefined || (device.adapter.isSoftware && tuner.onSoftware !== true)) return chosen;
  const adapter = adapterKey(device.adapter);
  const known = await memory.read(adapter);
  const open: [string, OpInstance][] = [];
  for (const [key, op] of classes) {
    if (chosen[key] !== undefined) continue;
    if (known[key] !== undefined && formsOf(plan, op, fast).includes(known[key])) chosen[key] = known[key];
    else open.push([key, op]);
  }
  if (open.length === 0) return chosen;
  const measured = await measureAll(plan, open, fast, tuner);
  if (Object.keys(measured).length > 0) await memory.write(adapter, measured);
  for (const [key] of open) chosen[key] = measured[key] ?? 'usual';
  return chosen;
}

/** The fastest form of each class, as far as the time goes. */
async function measureAll(
  plan: Plan,
  open: readonly (readonly [string, OpInstance])[],
  fast: boolean,
  { clock, budget = usualBudget, measure, prepare }: NonNullable<Wish['tuner']>,
): Promise<Forms> {
  const end = clock() + budget;
  const found: Record<string, FormName> = {};
  for (const [key, op] of [...open].sort(([, a], [, b]) => workOf(plan, b) - workOf(plan, a))) {
    let best: FormName = 'usual';
    let least = Infinity;
    const forms = formsOf(plan, op, fast);
    await prepare?.(plan, op, forms);
    for (const form of forms) {
      // half a comparison says nothing
      if (clock() >= end) return found;
      const time = await measure(plan, op, form, clock);
      if (form === 'usual') least = time * leastGain;
      else if (time < least) [best, least] = [form, time];
    }
    found[key] = best;
  }
  return found;
}

/** Milliseconds that are measured of a form, in each of two rounds. */
const roundMilliseconds = 3;
const mostRuns = 512;
/** Runs that tell how many make a round: one by itself takes as long as its way into the queue. */
const firstRuns = 8;

/** Runs an op by itself, on zeros, which all forms read alike. */
export function measureOnDevice(
  device: GpuDevice,
  usual: GpuTuning,
  halves: ReadonlySet<TensorId>,
): { readonly measure: MeasureWith; readonly prepare: Prepare } {
  /** Undefined for a form that does not fit the adapter; a lost device is told. */
  const compile = async (plan: Plan, op: OpInstance, form: FormName): Promise<GpuExecutable | undefined> => {
    const { alone, ids } = planOf(plan, op);
    const tuning = within(device.limits, withForm(usual, form));
    try {
      const fusion = fusePlan(alone, device.limits.maxStorageBuffersPerShaderStage, {
        halves: new Set(alone.tensors.filter((_spec, i) => halves.has(ids[i]!)).map(({ id }) => id)),
      });
      const placement = placeTensors(alone, fusion, device.limits);
      return await build(alone, device, { fusion, placement, tuningOf: () => tuning, forms: {} });
    } catch (error) {
      device.check();
      if (error instanceof EngineError) return undefined;
      throw error;
    }
  };
  return {
    // the device keeps the pipelines
    prepare: async (plan, op, forms) => {
      const made = await Promise.all(forms.map((form) => compile(plan, op, form)));
      for (const executable of made) await executable?.dispose();
    },
    measure: async (plan, op, form, clock) => {
      const executable = await compile(plan, op, form);
      if (executable === undefined) return Infinity;
      try {
        const take = async (runs: number): Promise<number> => {
          const begin = clock();
          executable.runRepeatedly('op', runs);
          await device.gpu.queue.onSubmittedWorkDone();
          return (clock() - begin) / runs;
        };
        await take(1);
        const first = await take(firstRuns);
        const runs = Math.max(1, Math.min(mostRuns, Math.round(roundMilliseconds / Math.max(first, 1e-3))));
        return Math.min(await take(runs), await take(runs));
      } finally {
        await executable.dispose();
      }
    },
  };
}

/** The op by itself, and which tensor of the plan each of its own stands for. */
function planOf(plan: Plan, op: OpInstance): { readonly alone: Plan; readonly ids: readonly TensorId[] } {
  const reads = inputOperands(op).map(({ tensor }) => tensor);
  const ids = [...new Set([...reads, ...outputOperands(op).map(({ tensor }) => tensor)])];
  const alone: Plan = {
    // parameters, not inputs: those would go over from the host with every run
    tensors: ids.map((id, i) => ({ ...plan.tensors[id]!, id: i, role: reads.includes(id) ? 'parameter' : 'result' })),
    segments: [{ name: 'op', ops: [withOperands(op, (id) => ids.indexOf(id))] }],
  };
  return { alone, ids };
}
