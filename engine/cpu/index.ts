import type { Backend, CompileOptions, Executable, HelperThread } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import { compilePlan, type CompiledPlan, type CpuTuning } from './compile.ts';
import { CpuExecutable } from './executable.ts';
import { detectFeatures } from './features.ts';
import type { HelperData } from './helper.ts';
import { Profile } from './profile.ts';
import { syncWord } from './sync.ts';

const mostThreads = 64;
const startLimitMs = 30_000;

function reserve(pages: number, shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory(shared ? { initial: pages, maximum: pages, shared } : { initial: pages });
  } catch (cause) {
    throw new EngineError(
      'memory',
      `The cpu backend could not reserve ${Math.ceil(pages / 16)} MiB (${String(cause)}); use a smaller batch or model, or close other programs.`,
    );
  }
}

/** Starts the helpers and waits until each has reached its loop. */
async function startHelpers(
  executable: CpuExecutable,
  compiled: CompiledPlan,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
  spawn: NonNullable<CompileOptions['spawn']>,
): Promise<void> {
  const helpers: HelperThread[] = [];
  let reportFailure: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => {
    reportFailure = reject;
  });
  failed.catch(() => undefined);
  for (const scratch of compiled.scratch.slice(1)) {
    const data: HelperData = { module, memory, scratch };
    helpers.push(
      spawn(data, (error) => {
        executable.fail(error.message);
        reportFailure(error);
      }),
    );
  }
  executable.adopt(helpers);
  const words = new Int32Array(memory.buffer);
  const ready = async (): Promise<void> => {
    const deadline = Date.now() + startLimitMs;
    for (;;) {
      const count = Atomics.load(words, syncWord.ready / 4);
      if (count >= helpers.length) return;
      if (Date.now() > deadline)
        throw new Error(`${helpers.length - count} did not start within ${startLimitMs / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  try {
    await Promise.race([ready(), failed]);
  } catch (cause) {
    await executable.dispose();
    throw new EngineError(
      'threads',
      `The cpu backend could not start its ${helpers.length} helper threads (${String(cause)}); run with threads: 1.`,
    );
  }
}

async function compile(plan: Plan, options: CompileOptions, tuning: Partial<CpuTuning>): Promise<Executable> {
  const { relaxed } = detectFeatures();
  const threads = Math.min(Math.max(Math.floor(options.threads ?? 1), 1), mostThreads);
  if (threads > 1 && !options.spawn) {
    throw new EngineError(
      'threads',
      `The cpu backend was asked for ${threads} threads but not told how to start them.`,
    );
  }
  if (threads > 1 && typeof SharedArrayBuffer === 'undefined') {
    throw new EngineError('threads', 'Threads need shared memory, which this page may not use; run with threads: 1.');
  }
  const choices = { relaxed, ...(options.precision && { precision: options.precision }), ...tuning };
  const compiled = compilePlan(plan, threads, choices, options.memoryLimit);
  const memory = reserve(compiled.pages, threads > 1);
  const module = await WebAssembly.compile(compiled.binary);
  const profile = tuning.profile ? new Profile(compiled.marks, tuning.profile) : null;
  const instance = new WebAssembly.Instance(module, { engine: { memory, ...(profile && { mark: profile.mark }) } });
  const executable = new CpuExecutable(plan, compiled, memory, instance, profile);
  if (threads > 1) await startHelpers(executable, compiled, module, memory, options.spawn!);
  return executable;
}

/** The backend with choices of its own instead of the detected ones. */
export function tunedCpuBackend(tuning: Partial<CpuTuning>): Backend {
  return { name: 'cpu', compile: (plan, options = {}) => compile(plan, options, tuning) };
}

/** For a host that has told V8 to join vectors (`--experimental-wasm-revectorize`). */
export const wideCpuBackend: Backend = tunedCpuBackend({ wide: true });

/** WebAssembly SIMD on the CPU, emitted for the plan at run time, on one or more threads with bit-identical results. */
export const cpuBackend: Backend = tunedCpuBackend({});
