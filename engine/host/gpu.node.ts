import type { GpuSource } from '../webgpu/device.ts';
import { isGpuWorthAsking } from './vulkan.node.ts';

/**
 * Dawn through the package `webgpu`, loaded when a GPU is first asked for. Undefined where it has no build for this system, or
 * the system has nothing that Dawn could drive.
 * The object must outlive every device made from it, or the process crashes at the device's next use; a bundler may drop a
 * variable that nothing reads, so it hangs on globalThis.
 */
export const nodeGpu: GpuSource = async () => {
  const keeper = globalThis as { __ablateGpu?: GPU };
  if (keeper.__ablateGpu === undefined) {
    if (!isGpuWorthAsking()) return undefined;
    try {
      const { create } = await import('webgpu');
      keeper.__ablateGpu = create([]);
    } catch {
      return undefined;
    }
  }
  return keeper.__ablateGpu;
};
