import { tunedCpuBackend } from '../engine/cpu/index.ts';
import { CpuExecutable } from '../engine/cpu/executable.ts';
import type { ProfileEntry } from '../engine/cpu/profile.ts';
import type { OpInstance, Plan } from '../engine/plan/plan.ts';
import { sizeOf } from '../engine/tensor.ts';
import { revectorizeFlag } from '../node/revectorize.ts';
import type { Options } from './options.ts';
import { spawnHelper } from '../engine/host/spawn.node.ts';
import { makeStepper } from './stepper.ts';
import type { Workload } from './workloads.ts';

/** One line of a profile: what one op of the plan, or the threads' waiting, took of a step. */
export interface ProfileLine {
  readonly phase: string;
  readonly op: string;
  readonly node: string;
  /** Steps that the op was cut into; empty for one of the op's own name. */
  readonly milliseconds: number;
  readonly share: number;
  readonly calls: number;
  /** Of ops that multiply matrices. */
  readonly gflops: number | null;
}

/** Floating-point operations of an op that multiplies matrices, 0 of others. */
function flopsOf(instance: OpInstance, plan: Plan): number {
  const shape = (id: number): readonly number[] => plan.tensors[id]!.shape;
  switch (instance.op) {
    case 'linear':
      return 2 * sizeOf(shape(instance.inputs.weight)) * shape(instance.inputs.x)[0]!;
    case 'linearGradInput':
      return 2 * sizeOf(shape(instance.inputs.weight)) * shape(instance.inputs.dy)[0]!;
    case 'linearGradWeight':
      return 2 * sizeOf(shape(instance.outputs.dweight)) * shape(instance.inputs.dy)[0]!;
    case 'conv2d':
      return convFlops(shape(instance.inputs.weight), shape(instance.outputs.y));
    case 'conv2dGradInput':
      return convFlops(shape(instance.inputs.weight), shape(instance.inputs.dy));
    case 'conv2dGradWeight':
      return convFlops(shape(instance.outputs.dweight), shape(instance.inputs.dy));
    default:
      return 0;
  }
}

/** Every output value is a sum over the weights of its filter. */
function convFlops(weight: readonly number[], output: readonly number[]): number {
  return 2 * sizeOf(output) * sizeOf(weight.slice(1));
}

function lineOf(entries: readonly ProfileEntry[], total: number, plan: Plan): ProfileLine {
  const [first] = entries as readonly [ProfileEntry, ...ProfileEntry[]];
  const milliseconds = entries.reduce((sum, entry) => sum + entry.milliseconds, 0);
  const flops = first.instance ? flopsOf(first.instance, plan) : 0;
  return {
    phase: first.phase ?? '',
    op: first.op ?? first.name,
    node: first.node ?? '',
    milliseconds,
    share: milliseconds / total,
    calls: entries.reduce((sum, entry) => sum + entry.calls, 0),
    gflops: flops > 0 && milliseconds > 0 ? flops / milliseconds / 1e6 : null,
  };
}

export interface WorkloadProfile {
  readonly workload: string;
  readonly threads: number;
  readonly steps: number;
  /** Milliseconds of the fastest step with the clock read at every mark, and without. */
  readonly milliseconds: number;
  readonly plainMilliseconds: number;
  /** Of the thread that steers, in the order of the plan. */
  readonly lines: readonly ProfileLine[];
}

/** Runs a workload with a clock in its code. What is kept is the fastest of many steps: the others were disturbed. */
export async function profileWorkload(workload: Workload, threads: number, options: Options): Promise<WorkloadProfile> {
  const clock = (): number => performance.now();
  const wide = process.execArgv.includes(revectorizeFlag);
  const profiled = await makeStepper(workload, tunedCpuBackend({ wide, profile: clock }), threads, spawnHelper);
  const plain = await makeStepper(workload, tunedCpuBackend({ wide }), threads, spawnHelper);
  const profile = profiled.executable instanceof CpuExecutable ? profiled.executable.profile : null;
  if (!profile) throw new Error('The cpu backend kept no profile.');
  for (let i = 0; i < 10; i++) {
    profiled.step();
    plain.step();
  }
  let best = { total: Infinity, entries: profile.entries() };
  let plainBest = Infinity;
  let steps = 0;
  for (let round = 0; round < 2 * options.rounds; round++) {
    const begin = clock();
    do {
      profile.reset();
      const before = clock();
      profiled.step();
      const total = clock() - before;
      steps++;
      if (total < best.total) best = { total, entries: profile.entries() };
    } while (clock() < begin + 500 * options.seconds);
    const end = clock() + 500 * options.seconds;
    do {
      const before = clock();
      plain.step();
      plainBest = Math.min(plainBest, clock() - before);
    } while (clock() < end);
  }
  await profiled.executable.dispose();
  await plain.executable.dispose();
  const byInstance = new Map<unknown, ProfileEntry[]>();
  for (const entry of best.entries) {
    if (entry.calls === 0) continue;
    const key = entry.instance ?? entry.kind;
    byInstance.set(key, [...(byInstance.get(key) ?? []), entry]);
  }
  const lines = [...byInstance.values()].map((entries) => lineOf(entries, best.total, profiled.plan));
  return {
    workload: workload.name,
    threads,
    steps,
    milliseconds: best.total,
    plainMilliseconds: plainBest,
    lines,
  };
}

export function printProfile(profile: WorkloadProfile): void {
  const { workload, threads, milliseconds, plainMilliseconds, lines } = profile;
  console.log(
    `\n${workload}, ${threads} thread${threads === 1 ? '' : 's'}: ${milliseconds.toFixed(3)} ms per step (without marks ${plainMilliseconds.toFixed(3)})`,
  );
  console.log('        ms  share  calls  GFLOP/s  op');
  for (const line of lines) {
    const cells = [
      line.milliseconds.toFixed(4).padStart(10),
      `${(100 * line.share).toFixed(1)} %`.padStart(6),
      String(line.calls).padStart(6),
      (line.gflops?.toFixed(1) ?? '').padStart(8),
    ];
    console.log(`${cells.join(' ')}  ${line.op} ${line.node} ${line.phase && `(${line.phase})`}`);
  }
  const sums = new Map<string, number>();
  for (const { op, share } of lines) sums.set(op, (sums.get(op) ?? 0) + share);
  const largest = [...sums].sort((a, b) => b[1] - a[1]).slice(0, 8);
  console.log(`  ${largest.map(([op, share]) => `${op} ${(100 * share).toFixed(0)} %`).join(', ')}`);
}
