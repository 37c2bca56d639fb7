import type { TensorId } from './ops/op.ts';
import type { Plan } from './plan/plan.ts';
import type { TensorValues } from './tensor.ts';
import type { AdapterDescription } from './webgpu/device.ts';

export type BackendName = 'reference' | 'cpu' | 'webgpu';

/**
 * A helper thread, seen from the thread that steers it. The engine never starts threads itself: the host does
 * (worker_threads in Node, Worker in a page), so engine files stay free of host APIs.
 */
export interface HelperThread {
  /** Resolves when the thread has ended. */
  terminate(): Promise<void>;
}
/** Starts a thread that runs `engine/cpu/helper` with `data` (structured clone; shared memory and modules pass through). */
export type SpawnHelper = (data: unknown, onError: (error: Error) => void) => HelperThread;

/**
 * How convolutions may be computed. 'exact': every sum of products as it stands. 'fast': 3x3 convolutions by way of Winograd's
 * transforms where that saves time, with somewhat larger rounding errors (docs/precision.md). Decides the bits of a result.
 */
export const precisions = ['fast', 'exact'] as const;
export type Precision = (typeof precisions)[number];
export const defaultPrecision: Precision = 'fast';

/**
 * How the values that a forward pass leaves for the way back lie in memory. 'f16': in half precision, where the graphics adapter has
 * it (shader-f16); all arithmetic, parameters and gradients stay float32 (engine/webgpu/half.ts). Decides the bits of a result.
 */
export const storages = ['f32', 'f16'] as const;
export type Storage = (typeof storages)[number];
export const defaultStorage: Storage = 'f32';
/** Why 'f16' cannot be had of an adapter, and what to do. */
export const noHalvesWords = (adapter: string): string =>
  `${adapter} has no half precision (the WebGPU feature shader-f16), which backend.storage=f16 asks for; train with backend.storage=f32.`;
/** The least magnitude that half precision takes for infinite: half way from its largest value, 65504, to the next power of two. */
export const leastInfiniteHalf = 65_520;

export interface CompileOptions {
  /** Default 'fast'. A backend that knows one way only takes it for both. */
  readonly precision?: Precision;
  /**
   * Default 'f32'. Of the webgpu backend alone, which throws EngineError('storage') where its adapter lacks 'f16'; the others have
   * only float32, and who runs a job there says so (engine/worker/storage.ts).
   */
  readonly storage?: Storage;
  /** Threads of the cpu backend, this one included. Results do not depend on it. Default 1. */
  readonly threads?: number;
  /** Needed when threads > 1. */
  readonly spawn?: SpawnHelper;
  /** Forms of kernels that were chosen before (`Executable.forms`), for the same bits. Others are chosen anew. */
  readonly forms?: Readonly<Record<string, string>>;
  /** Bytes of memory that the plan may take, as far as the host knows; a plan that needs more is refused. */
  readonly memoryLimit?: number;
}

/**
 * A compiled plan with its memory. `write` and `read` take logical row-major values of exactly the tensor's size.
 * All memory is zero at first. After the first run of a segment, `run` allocates nothing.
 */
export interface Executable {
  readonly plan: Plan;
  /** Bytes of memory reserved for tensors and workspace. */
  readonly bytes: number;
  readonly threads: number;
  /** True where `run` returns before the work is done: who runs many segments reads something now and then, or the queue grows. */
  readonly queued?: boolean;
  /** Tensors that it keeps in half precision, where there are any. */
  readonly halves?: ReadonlySet<TensorId>;
  /** The graphics adapter that it runs on, where it runs on one. */
  readonly adapter?: AdapterDescription;
  /**
   * By the class of an op: the form of its kernel, where a backend has measured which one is the fastest. Decides the bits of a
   * result, so a checkpoint keeps it.
   */
  readonly forms?: Readonly<Record<string, string>>;
  /** How the backend's kernels were made, where there is more than one way. */
  readonly variant?: Variant;
  /** A data tensor's values may be kept as they are: they must not change as long as the executable is used. */
  write(tensor: TensorId, values: TensorValues): void;
  /** Reads into `into`. A device backend answers with a promise. */
  read(tensor: TensorId, into: TensorValues): void | Promise<void>;
  /**
   * Tells a backend that holds only part of a data set's images which ones the next runs read, in their order, so that it brings
   * them near meanwhile. Left out where all data is. Changes no result.
   */
  lookAhead?(pixels: TensorId, images: Int32Array): void;
  /** Runs a segment whole. On a device it is queued; `read` waits for it. */
  run(segment: string): void;
  dispose(): Promise<void>;
}

/** Of the cpu backend: for vectors of 128 bits, or for V8's joined ones of 256 (the host has set V8's flag). Same bits. */
export type Variant = 'stock' | 'revectorize';

export interface Backend {
  readonly name: BackendName;
  /** Throws EngineError with every reason if the plan cannot run here (memory, unsupported attributes). */
  compile(plan: Plan, options?: CompileOptions): Promise<Executable>;
}
