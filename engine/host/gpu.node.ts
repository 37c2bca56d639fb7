import type { GpuSource } from '../webgpu/device.ts';
import { isGpuWorthAsking, isSoftwareOffered, replaceUselessDrivers } from './vulkan.node.ts';

/** Dawn of this thread, and whether it is known to have an adapter. */
const keeper = globalThis as { __ablateGpu?: GPU; __ablateGpuHasAdapter?: boolean };
let asking: Promise<GPU | undefined> | undefined;
/** Dawn hides the half precision of NVIDIA's cards under Vulkan unless asked; docs/webgpu.md says what was tested with it. */
const flags: string[] = ['enable-dawn-features=vulkan_enable_f16_on_nvidia'];

/** Lets programs read the GPU's clock without rounding to 0.1 ms; for measurements, before the GPU is first asked for. */
export const readExactClock = (): void => void flags.push('disable-dawn-features=timestamp_quantization');

/**
 * Dawn through the package `webgpu`, loaded when a GPU is first asked for. Undefined where it has no build for this system, or
 * the system has nothing that Dawn could drive.
 * The object must outlive every device made from it, or the process crashes at the device's next use; a bundler may drop a
 * variable that nothing reads, so it hangs on globalThis.
 */
export const nodeGpu: GpuSource = () => {
  asking ??= ask().finally(() => {
    asking = undefined;
  });
  return asking;
};

async function ask(): Promise<GPU | undefined> {
  if (keeper.__ablateGpu === undefined && !isGpuWorthAsking()) return undefined;
  try {
    const { create } = await import('webgpu');
    keeper.__ablateGpu ??= create(flags);
    if (keeper.__ablateGpuHasAdapter === true || !isSoftwareOffered()) return keeper.__ablateGpu;
    keeper.__ablateGpuHasAdapter = await hasAdapter(keeper.__ablateGpu);
    // without an adapter nobody has made a device from it, so it may go
    if (!keeper.__ablateGpuHasAdapter && replaceUselessDrivers()) keeper.__ablateGpu = create(flags);
  } catch {
    return undefined;
  }
  return keeper.__ablateGpu;
}

const hasAdapter = async (gpu: GPU): Promise<boolean> =>
  ((await gpu.requestAdapter()) ?? (await gpu.requestAdapter({ forceFallbackAdapter: true }))) !== null;
