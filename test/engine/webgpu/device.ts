import { nodeGpu } from '../../../engine/host/gpu.node.ts';
import { offerSoftwareGpu } from '../../../engine/host/vulkan.node.ts';
import { webgpuBackend, type WebGpuBackend, type WebGpuOptions } from '../../../engine/webgpu/index.ts';

// where the machine has no graphics driver, the software adapter that comes with Chromium does
offerSoftwareGpu();

/** Why there is nothing to test here; undefined where there is an adapter, be it one in software. */
export const missingGpu: string | undefined = await webgpuBackend(nodeGpu)
  .device()
  .then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

/** A backend with a device of its own. */
export const gpuBackend = (options: WebGpuOptions = {}): WebGpuBackend => webgpuBackend(nodeGpu, options);
