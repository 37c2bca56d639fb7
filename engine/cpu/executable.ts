import type { Executable, HelperThread, Variant } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { Plan } from '../plan/plan.ts';
import { formatShape, sizeOf, type TensorValues } from '../tensor.ts';
import type { CompiledPlan } from './compile.ts';
import { makeTransfer, type Transfer } from './layout.ts';
import type { Profile } from './profile.ts';
import { syncWord } from './sync.ts';

interface Resident {
  readonly heap: TensorValues;
  readonly size: number;
  readonly transfer: Transfer;
}

interface Entry {
  readonly run: (scratch: number, isHelper: number) => number;
  readonly shared: boolean;
  readonly index: number;
}

/** Marks the run as failed for all threads and wakes those that sleep. */
export function abortThreads(memory: WebAssembly.Memory): void {
  if (!(memory.buffer instanceof SharedArrayBuffer)) return;
  const words = new Int32Array(memory.buffer);
  Atomics.store(words, syncWord.abort / 4, 1);
  Atomics.notify(words, syncWord.barrierTurn / 4);
  Atomics.notify(words, syncWord.command / 4);
}

/** A compiled plan in WebAssembly memory; see `Executable`. */
export class CpuExecutable implements Executable {
  readonly plan: Plan;
  readonly bytes: number;
  readonly threads: number;
  readonly variant: Variant;
  /** Of a plan that was compiled with a clock (CpuTuning.profile). */
  readonly profile: Profile | null;
  readonly #memory: WebAssembly.Memory;
  readonly #residents: readonly Resident[];
  readonly #entries = new Map<string, Entry>();
  readonly #command: ((segment: number) => void) | undefined;
  readonly #scratch: number;
  #helpers: readonly HelperThread[] = [];
  #failure: EngineError | null = null;
  #disposed = false;

  constructor(
    plan: Plan,
    compiled: CompiledPlan,
    memory: WebAssembly.Memory,
    instance: WebAssembly.Instance,
    profile: Profile | null,
  ) {
    this.plan = plan;
    this.profile = profile;
    this.bytes = memory.buffer.byteLength;
    this.threads = compiled.scratch.length;
    this.variant = compiled.wide ? 'revectorize' : 'stock';
    this.#memory = memory;
    this.#scratch = compiled.scratch[0]!;
    this.#residents = compiled.tensors.map(({ shape, layout, buffer, spec }) => {
      // Rows in a thread's own memory are never all there at once, so there is nothing for the host to see.
      const length = buffer.place === 'shared' ? layout.size : 0;
      const heap =
        spec.dtype === 'f32'
          ? new Float32Array(memory.buffer, buffer.address, length)
          : spec.dtype === 'i32'
            ? new Int32Array(memory.buffer, buffer.address, length)
            : new Uint8Array(memory.buffer, buffer.address, length);
      return { heap, size: sizeOf(shape), transfer: makeTransfer(shape, layout) };
    });
    compiled.segments.forEach((segment, index) => {
      const run = instance.exports[segment.exportName] as Entry['run'];
      this.#entries.set(segment.name, { run, shared: segment.shared, index });
    });
    this.#command = instance.exports.command as ((segment: number) => void) | undefined;
  }

  /** The threads that `run` commands; they must be ready. */
  adopt(helpers: readonly HelperThread[]): void {
    this.#helpers = helpers;
  }

  /** Called when a helper has died: every later call tells so. */
  fail(reason: string): void {
    if (this.#disposed) return;
    this.#failure ??= new EngineError(
      'threads',
      `A helper thread of the cpu backend ended (${reason}); the values of this executable are lost: compile the plan again and continue from a checkpoint.`,
    );
    abortThreads(this.#memory);
  }

  #resident(tensor: TensorId, values: TensorValues): Resident {
    if (this.#disposed) throw new EngineError('plan', 'This executable was disposed of; compile the plan again.');
    const resident = this.#residents[tensor];
    if (!resident) throw new EngineError('plan', `The plan has no tensor ${tensor}.`);
    if (values.length !== resident.size || values.constructor !== resident.heap.constructor) {
      const { name, shape, dtype } = this.plan.tensors[tensor]!;
      throw new EngineError(
        'data',
        `Tensor "${name}" is ${dtype} ${formatShape(shape)} (${resident.size} values), but a ${values.constructor.name} of ${values.length} was given.`,
      );
    }
    return resident;
  }

  write(tensor: TensorId, values: TensorValues): void {
    const { heap, transfer } = this.#resident(tensor, values);
    transfer.write(heap, values);
  }

  read(tensor: TensorId, into: TensorValues): void {
    const { heap, transfer } = this.#resident(tensor, into);
    transfer.read(heap, into);
  }

  run(segment: string): void {
    if (this.#failure) throw this.#failure;
    if (this.#disposed) throw new EngineError('plan', 'This executable was disposed of; compile the plan again.');
    const entry = this.#entries.get(segment);
    if (!entry) {
      throw new EngineError(
        'plan',
        `The plan has no segment "${segment}"; it has ${[...this.#entries.keys()].join(', ')}.`,
      );
    }
    if (entry.shared) this.#command!(entry.index);
    if (entry.run(this.#scratch, 0) !== 0) {
      this.fail('it stopped answering');
      throw this.#failure!;
    }
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#command?.(-1);
    await Promise.all(this.#helpers.map((helper) => helper.terminate()));
  }
}
