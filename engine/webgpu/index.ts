import type { Backend } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { Plan } from '../plan/plan.ts';
import { bufferUsage, GpuDevice, type AdapterDescription, type GpuLimits, type GpuSource } from './device.ts';
import { GpuExecutable, type PreparedDispatch } from './executable.ts';
import { fusePlan, type Fusion } from './fuse.ts';
import type { GpuTuning } from './kernel.ts';
import { constantsBuffer, lowerPlan, workspaceBuffer, type LoweredPlan } from './lower.ts';
import { placeTensors, type Placement } from './memory.ts';
import type { Program } from './wgsl.ts';
import { defaultTuning, within } from './tuning.ts';

/** What a test or a measurement may choose; the adapter decides otherwise. */
export interface WebGpuOptions {
  readonly tuning?: Partial<GpuTuning>;
  /**
   * Bytes that a data set may take on the device. Of a larger one the images stay on the host and are uploaded ahead of the steps
   * that read them. By default as many as the adapter's largest buffer; none where the device has no memory left for that.
   */
  readonly dataBytes?: number;
  /** Whether what is element by element is computed where its input is written, and small dispatches share one. Default true. */
  readonly fuse?: boolean;
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
  return {
    name: 'webgpu',
    device,
    adapterInfo: async () => (await device()).adapter,
    compile: async (plan) => compile(plan, await device(), options),
  };
}

/** With the data set on the device; where that is too much for its memory, with its images streamed. */
async function compile(plan: Plan, device: GpuDevice, options: WebGpuOptions): Promise<GpuExecutable> {
  const { limits } = device;
  const fusion = fusePlan(plan, limits.maxStorageBuffersPerShaderStage, options.fuse);
  const placement = placeTensors(plan, fusion, limits, options.dataBytes);
  try {
    return await build(plan, fusion, placement, device, options);
  } catch (error) {
    if (!(error instanceof EngineError && error.code === 'memory')) throw error;
    const streamed = placeTensors(plan, fusion, limits, 0);
    if (streamed.streams.length === placement.streams.length) throw error;
    return build(plan, fusion, streamed, device, options);
  }
}

async function build(
  plan: Plan,
  fusion: Fusion,
  placement: Placement,
  device: GpuDevice,
  options: WebGpuOptions,
): Promise<GpuExecutable> {
  const { limits } = device;
  const lowered = lowerPlan(
    plan,
    fusion,
    placement,
    limits,
    within(limits, { ...defaultTuning(limits, device.adapter.isSoftware), ...options.tuning }),
  );
  requireBindings(lowered, limits);
  const pipelines = await pipelinesOf(device, lowered);
  const buffers = await createBuffers(device, placement, lowered);
  try {
    const segments = await device.guarded('Binding the kernels of the plan', () =>
      bind(device, lowered, pipelines, buffers),
    );
    if (lowered.constants.length > 0) {
      device.gpu.queue.writeBuffer(buffers[constantsBuffer(placement)]!, 0, lowered.constants);
    }
    return new GpuExecutable(plan, device, placement, buffers, segments);
  } catch (error) {
    for (const buffer of buffers) buffer.destroy();
    throw error;
  }
}

function requireBindings({ segments, workspaceBytes }: LoweredPlan, limits: GpuLimits): void {
  for (const { label, bindings } of [...segments.values()].flat()) {
    if (bindings.length > limits.maxStorageBuffersPerShaderStage) {
      throw new EngineError(
        'device',
        `Kernel "${label}" binds ${bindings.length} buffers and this GPU allows ${limits.maxStorageBuffersPerShaderStage}; train with backend cpu.`,
      );
    }
  }
  if (workspaceBytes > Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize)) {
    throw new EngineError(
      'memory',
      `The kernels need ${Math.ceil(workspaceBytes / 2 ** 20)} MiB of workspace, more than this GPU can bind; use a smaller batch or model, or backend cpu.`,
    );
  }
}

/** Compiles the texts of all kernels at once; every text one time. */
async function pipelinesOf(device: GpuDevice, { segments }: LoweredPlan): Promise<Map<string, GPUComputePipeline>> {
  const pipelines = new Map<string, GPUComputePipeline>();
  const distinct = new Map<string, Program>();
  for (const dispatch of [...segments.values()].flat()) distinct.set(dispatch.code, dispatch);
  await Promise.all(
    [...distinct.values()].map(async ({ code, label, bindings }) => {
      const accesses = bindings.map(({ access }) => access);
      pipelines.set(code, await device.pipeline(label, code, accesses));
    }),
  );
  return pipelines;
}

async function createBuffers(
  device: GpuDevice,
  placement: Placement,
  lowered: LoweredPlan,
): Promise<readonly GPUBuffer[]> {
  const sizes = [...placement.buffers];
  sizes[workspaceBuffer(placement)] = lowered.workspaceBytes;
  sizes[constantsBuffer(placement)] = lowered.constants.length;
  const usage = bufferUsage.storage | bufferUsage.copySource | bufferUsage.copyTarget;
  const buffers: GPUBuffer[] = [];
  try {
    await device.guarded('Reserving memory for the plan', () => {
      for (const [i, size] of sizes.entries()) {
        buffers.push(device.gpu.createBuffer({ label: `buffer ${i}`, size: Math.max(size, 256), usage }));
      }
    });
    return buffers;
  } catch (error) {
    for (const buffer of buffers) buffer.destroy();
    throw error;
  }
}

function bind(
  device: GpuDevice,
  { segments }: LoweredPlan,
  pipelines: ReadonlyMap<string, GPUComputePipeline>,
  buffers: readonly GPUBuffer[],
): ReadonlyMap<string, readonly PreparedDispatch[]> {
  const prepare = ({ label, code, bindings, workgroups }: Program): PreparedDispatch => ({
    label,
    pipeline: pipelines.get(code)!,
    group: device.gpu.createBindGroup({
      label,
      layout: device.layout(bindings.map(({ access }) => access)),
      entries: bindings.map(({ view: { buffer, offset, bytes } }, binding) => ({
        binding,
        resource: { buffer: buffers[buffer]!, offset, size: bytes },
      })),
    }),
    workgroups,
  });
  return new Map([...segments].map(([name, dispatches]) => [name, dispatches.map(prepare)]));
}
