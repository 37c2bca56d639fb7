import { EngineError } from '../errors.ts';
import type { OpInstance, Plan } from '../plan/plan.ts';
import { bufferUsage, type GpuDevice, type GpuLimits } from './device.ts';
import { GpuExecutable, type PreparedDispatch } from './executable.ts';
import type { Fusion } from './fuse.ts';
import type { GpuTuning } from './kernel.ts';
import { constantsBuffer, lowerPlan, workspaceBuffer, type LoweredPlan } from './lower.ts';
import type { Placement } from './memory.ts';
import type { Program } from './wgsl.ts';

/** What a plan becomes an executable by, beside the device. */
export interface BuildOptions {
  readonly fusion: Fusion;
  readonly placement: Placement;
  readonly tuningOf: (op: OpInstance) => GpuTuning;
  /** Told by the executable. */
  readonly forms: Readonly<Record<string, string>>;
}

/** Kernels, memory and bindings of a plan. */
export async function build(plan: Plan, device: GpuDevice, options: BuildOptions): Promise<GpuExecutable> {
  const { limits } = device;
  const { fusion, placement, tuningOf, forms } = options;
  const lowered = lowerPlan(plan, fusion, placement, limits, tuningOf);
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
    return new GpuExecutable(plan, device, placement, buffers, segments, forms);
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
