import type { Backend, BackendName } from '../backend.ts';
import { adapterOf, type GpuSource } from '../webgpu/device.ts';
import type { WebGpuBackend } from '../webgpu/index.ts';
import type { GraphicsAdapter } from '../worker/backendChoice.ts';

/** The browser's own WebGPU; undefined where it has none, or not here (an insecure page). */
export const webGpu: GpuSource = () => (navigator as { readonly gpu?: GPU }).gpu;

let webgpu: Promise<WebGpuBackend> | undefined;

/** One backend, and so one device, per thread. */
async function loadWebGpu(): Promise<WebGpuBackend> {
  const { webgpuBackend } = await import('../webgpu/index.ts');
  const backend = webgpuBackend(webGpu, { tuner: { clock: () => performance.now() } });
  await backend.device();
  return backend;
}

function sharedWebGpu(): Promise<WebGpuBackend> {
  webgpu ??= loadWebGpu().catch((error: unknown) => {
    webgpu = undefined;
    throw error;
  });
  return webgpu;
}

/**
 * A backend in a page or its worker, loaded when asked for. Throws EngineError('device') where there is no graphics adapter for
 * 'webgpu'.
 */
export async function loadBackend(name: BackendName): Promise<Backend> {
  switch (name) {
    case 'reference':
      return (await import('../reference/index.ts')).referenceBackend;
    case 'cpu':
      return (await import('../cpu/index.ts')).cpuBackend;
    case 'webgpu':
      return sharedWebGpu();
  }
}

/** The adapter that backend 'webgpu' uses, in software or not; null where there is none. */
export async function webAdapter(): Promise<GraphicsAdapter | null> {
  return adapterOf(sharedWebGpu);
}
