import { afterEach } from 'vitest';
import { nodeGpu } from '../../../engine/host/gpu.node.ts';
import { offerSoftwareGpu } from '../../../engine/host/vulkan.node.ts';
import { webgpuBackend, type WebGpuBackend, type WebGpuOptions } from '../../../engine/webgpu/index.ts';
import { watchedGpu } from './watchedGpu.ts';

// where the machine has no graphics driver, the software adapter that comes with Chromium does
offerSoftwareGpu();

/** Why there is nothing to test here; undefined where there is an adapter, be it one in software. */
export const missingGpu: string | undefined = await webgpuBackend(nodeGpu)
  .device()
  .then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

/** Why nothing can be tested in half precision, where there is an adapter; undefined where it has it. */
export const missingHalves: string | undefined =
  missingGpu === undefined && !(await webgpuBackend(nodeGpu).device()).gpu.features.has('shader-f16')
    ? 'the adapter has no half precision (shader-f16)'
    : undefined;

const watched = watchedGpu(nodeGpu);
// of every file that takes its backend from here: an error of validation fails the test in which it is reported
afterEach(() => watched.check());

/** A backend with a device of its own. */
export const gpuBackend = (options: WebGpuOptions = {}): WebGpuBackend => webgpuBackend(watched.source, options);
