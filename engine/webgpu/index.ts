import { noHalvesWords, type Backend, type CompileOptions } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { OpInstance, Plan } from '../plan/plan.ts';
import { chooseForms, measureOnDevice, type FormMemory, type Tuner } from './autotune.ts';
import { build } from './build.ts';
import { adapterName, GpuDevice, type AdapterDescription, type GpuSource } from './device.ts';
import type { GpuExecutable } from './executable.ts';
import { classOf, withForm } from './forms.ts';
import { fusePlan } from './fuse.ts';
import { halfTensors } from './half.ts';
import type { GpuTuning } from './kernel.ts';
import { placeTensors } from './memory.ts';
import { subgroupSizeOf } from './subgroups.ts';
import { defaultTuning, within } from './tuning.ts';

/** What the host, a test or a measurement may choose; the adapter decides otherwise. */
export interface WebGpuOptions {
  readonly tuning?: Partial<GpuTuning>;
  /**
   * Bytes that a data set may take on the device. Of a larger one the images stay on the host and are uploaded ahead of the steps
   * that read them. By default as many as the adapter's largest buffer; none where the device has no memory left for that.
   */
  readonly dataBytes?: number;
  /** Whether what is element by element is computed where its input is written, and small dispatches share one. Default true. */
  readonly fuse?: boolean;
  /** Whether sums go through subgroups where the adapter has them. Default: not on one that computes on the processor. */
  readonly subgroups?: boolean;
  /** Measures which form of a product is the fastest on a GPU. Left out: all take their usual one. */
  readonly tuner?: Tuner;
  /** Remembers what was measured. Left out: as long as this backend. */
  readonly memory?: FormMemory;
}

export interface WebGpuBackend extends Backend {
  /** The device that plans are compiled for, requested on first use and again after a loss. Throws EngineError('device'). */
  device(): Promise<GpuDevice>;
  /** What that device's adapter says of itself. */
  adapterInfo(): Promise<AdapterDescription>;
}

/** WGSL kernels, generated for the plan's shapes, on the GPU that `source` gives access to. */
export function webgpuBackend(source: GpuSource, options: WebGpuOptions = {}): WebGpuBackend {
  let requested: Promise<GpuDevice> | undefined;
  const device = async (): Promise<GpuDevice> => {
    const known = await requested?.catch(() => undefined);
    if (known && !known.failure) return known;
    requested = GpuDevice.request(source);
    return requested;
  };
  const own = { ...options, memory: options.memory ?? processMemory() };
  return {
    name: 'webgpu',
    device,
    adapterInfo: async () => (await device()).adapter,
    compile: async (plan, wish = {}) => compile(plan, await device(), own, wish),
  };
}

/** Remembers for as long as there is the backend. */
function processMemory(): FormMemory {
  const known = new Map<string, Readonly<Record<string, string>>>();
  return {
    read: (adapter) => Promise.resolve(known.get(adapter) ?? {}),
    write: (adapter, forms) => Promise.resolve(void known.set(adapter, { ...known.get(adapter), ...forms })),
  };
}

/** With the data set on the device; where that is too much for its memory, with its images streamed. */
async function compile(
  plan: Plan,
  device: GpuDevice,
  options: WebGpuOptions & { readonly memory: FormMemory },
  wish: CompileOptions,
): Promise<GpuExecutable> {
  const { limits } = device;
  const { tuner } = options;
  const fast = wish.precision !== 'exact';
  const { isSoftware } = device.adapter;
  const subgroup = (options.subgroups ?? !isSoftware) ? await subgroupSizeOf(device) : 0;
  const halves = wish.storage === 'f16' ? halfTensors(plan) : new Set<TensorId>();
  if (wish.storage === 'f16') requireHalves(device);
  const usual: GpuTuning = { ...defaultTuning(limits, isSoftware), subgroup, ...options.tuning };
  const forms = await chooseForms(plan, device, {
    fast,
    halves,
    given: wish.forms ?? {},
    memory: options.memory,
    tuner:
      tuner &&
      (tuner.measure ? { ...tuner, measure: tuner.measure } : { ...tuner, ...measureOnDevice(device, usual, halves) }),
  });
  const tuningOf = (op: OpInstance): GpuTuning => {
    const key = classOf(plan, op, fast, halves);
    return within(limits, withForm(usual, key === undefined ? undefined : forms[key]));
  };
  const fusion = fusePlan(plan, limits.maxStorageBuffersPerShaderStage, { fuses: options.fuse ?? true, halves });
  const placement = placeTensors(plan, fusion, limits, options.dataBytes);
  try {
    return await build(plan, device, { fusion, placement, tuningOf, forms });
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'memory')) throw error;
    const streamed = placeTensors(plan, fusion, limits, 0);
    if (streamed.streams.length === placement.streams.length) throw error;
    return build(plan, device, { fusion, placement: streamed, tuningOf, forms });
  }
}

/** Never silently f32: who asked for half precision gets it, or is told what to do. */
function requireHalves({ gpu, adapter }: GpuDevice): void {
  if (gpu.features.has('shader-f16')) return;
  throw new EngineError('storage', noHalvesWords(adapterName(adapter)));
}
