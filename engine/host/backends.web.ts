import type { Backend, BackendName } from '../backend.ts';
import type { FormMemory } from '../webgpu/autotune.ts';
import { adapterOf, type GpuSource } from '../webgpu/device.ts';
import type { WebGpuBackend } from '../webgpu/index.ts';
import type { GraphicsAdapter } from '../worker/backendChoice.ts';

/** The browser's own WebGPU; undefined where it has none, or not here (an insecure page). */
export const webGpu: GpuSource = () => (navigator as { readonly gpu?: GPU }).gpu;

let webgpu: Promise<WebGpuBackend> | undefined;

/** One backend, and so one device, per thread. */
async function loadWebGpu(memory: FormMemory | undefined): Promise<WebGpuBackend> {
  const { webgpuBackend } = await import('../webgpu/index.ts');
  const backend = webgpuBackend(webGpu, { tuner: { clock: () => performance.now() }, ...(memory && { memory }) });
  await backend.device();
  return backend;
}

function sharedWebGpu(memory: FormMemory | undefined): Promise<WebGpuBackend> {
  webgpu ??= loadWebGpu(memory).catch((error: unknown) => {
    webgpu = undefined;
    throw error;
  });
  return webgpu;
}

/**
 * A backend in a page or its worker, loaded when asked for. Throws EngineError('device') where there is no graphics adapter for
 * 'webgpu'. `memory`: where that one's measurements are kept; the first caller's counts.
 */
export async function loadBackend(name: BackendName, memory?: FormMemory): Promise<Backend> {
  switch (name) {
    case 'reference':
      return (await import('../reference/index.ts')).referenceBackend;
    case 'cpu':
      return (await import('../cpu/index.ts')).cpuBackend;
    case 'webgpu':
      return sharedWebGpu(memory);
  }
}

/** The adapter that backend 'webgpu' uses, in software or not; null where there is none. */
export async function webAdapter(memory?: FormMemory): Promise<GraphicsAdapter | null> {
  return adapterOf(() => sharedWebGpu(memory));
}
