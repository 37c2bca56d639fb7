import type { Backend, BackendName } from '../backend.ts';
import { adapterOf } from '../webgpu/device.ts';
import type { WebGpuBackend } from '../webgpu/index.ts';
import type { GraphicsAdapter } from '../worker/backendChoice.ts';
import { nodeGpu } from './gpu.node.ts';
import { formFile } from './kernelForms.node.ts';
import { isGpuWorthAsking, offerSoftwareGpu } from './vulkan.node.ts';

/** Where the forms of kernels that were measured are kept: named by the host (node/compose.ts), for the threads that it starts. */
const formsVariable = 'ABLATE_KERNEL_FORMS';
/** Set by the host together with V8's flag (node/revectorize.ts); a thread takes it over when it starts. */
const isWide = process.env['ABLATE_REVECTORIZE'] === 'on';

let webgpu: Promise<WebGpuBackend> | undefined;

/** One backend, and so one device, per thread. */
async function loadWebGpu(software: boolean): Promise<WebGpuBackend> {
  const { webgpuBackend } = await import('../webgpu/index.ts');
  if (software) offerSoftwareGpu();
  const file = process.env[formsVariable];
  const backend = webgpuBackend(nodeGpu, {
    tuner: { clock: () => performance.now() },
    ...(file && { memory: formFile(file) }),
  });
  await backend.device();
  return backend;
}

/**
 * A backend in Node, loaded when asked for: none is a burden on a run that uses another one. Throws EngineError('device')
 * where there is no graphics adapter for 'webgpu'.
 */
export async function loadBackend(name: BackendName): Promise<Backend> {
  switch (name) {
    case 'reference':
      return (await import('../reference/index.ts')).referenceBackend;
    case 'cpu': {
      const { cpuBackend, wideCpuBackend } = await import('../cpu/index.ts');
      return isWide ? wideCpuBackend : cpuBackend;
    }
    case 'webgpu':
      // whoever gets here has asked for the GPU by name, or `auto` has found one that is no software
      return sharedWebGpu(true);
  }
}

function sharedWebGpu(software: boolean): Promise<WebGpuBackend> {
  webgpu ??= loadWebGpu(software).catch((error: unknown) => {
    webgpu = undefined;
    throw error;
  });
  return webgpu;
}

/**
 * The adapter that backend 'webgpu' uses; null where there is none. Only with `software` is one set up that computes on the
 * processor.
 */
export async function nodeAdapter(software = false): Promise<GraphicsAdapter | null> {
  if (!software && !isGpuWorthAsking()) return null;
  return adapterOf(() => sharedWebGpu(software));
}
