import type { Backend, BackendName } from '../backend.ts';
import type { GpuSource } from '../webgpu/device.ts';

/** The browser's own WebGPU; undefined where it has none, or not here (an insecure page). */
export const webGpu: GpuSource = () => (navigator as { readonly gpu?: GPU }).gpu;

let webgpu: Promise<Backend> | undefined;

/** One backend, and so one device, per thread. */
async function loadWebGpu(): Promise<Backend> {
  const { webgpuBackend } = await import('../webgpu/index.ts');
  const backend = webgpuBackend(webGpu);
  await backend.device();
  return backend;
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
      webgpu ??= loadWebGpu().catch((error: unknown) => {
        webgpu = undefined;
        throw error;
      });
      return webgpu;
  }
}
