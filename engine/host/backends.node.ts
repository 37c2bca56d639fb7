import type { Backend, BackendName } from '../backend.ts';
import type { FormMemory } from '../webgpu/autotune.ts';
import { adapterOf } from '../webgpu/device.ts';
import type { WebGpuBackend } from '../webgpu/index.ts';
import type { GraphicsAdapter } from '../worker/backendChoice.ts';
import { nodeGpu } from './gpu.node.ts';
import { isGpuWorthAsking, offerSoftwareGpu } from './vulkan.node.ts';

/** Set by the host together with V8's flag (node/revectorize.ts); a thread takes it over when it starts. */
const isWide = process.env['ABLATE_REVECTORIZE'] === 'on';

let webgpu: Promise<WebGpuBackend> | undefined;

/** One backend, and so one device, per thread. */
async function loadWebGpu(software: boolean, memory: FormMemory | undefined): Promise<WebGpuBackend> {
  const { webgpuBackend } = await import('../webgpu/index.ts');
  if (software) offerSoftwareGpu();
  const backend = webgpuBackend(nodeGpu, {
    tuner: { clock: () => performance.now() },
    ...(memory && { memory }),
  });
  await backend.device();
  return backend;
}

/**
 * A backend in Node, loaded when asked for: none is a burden on a run that uses another one. Throws EngineError('device')
 * where there is no graphics adapter for 'webgpu'. `memory`: where that one's measurements are kept; the first caller's counts.
 */
export async function loadBackend(name: BackendName, memory?: FormMemory): Promise<Backend> {
  switch (name) {
    case 'reference':
      return (await import('../reference/index.ts')).referenceBackend;
    case 'cpu': {
      const { cpuBackend, wideCpuBackend } = await import('../cpu/index.ts');
      return isWide ? wideCpuBackend : cpuBackend;
    }
    case 'webgpu':
      // whoever gets here has asked for the GPU by name, or `auto` has found one that is no software
      return sharedWebGpu(true, memory);
  }
}

function sharedWebGpu(software: boolean, memory: FormMemory | undefined): Promise<WebGpuBackend> {
  webgpu ??= loadWebGpu(software, memory).catch((error: unknown) => {
    webgpu = undefined;
    throw error;
  });
  return webgpu;
}

/**
 * The adapter that backend 'webgpu' uses; null where there is none. Only with `software` is one set up that computes on the
 * processor.
 */
export async function nodeAdapter(software = false, memory?: FormMemory): Promise<GraphicsAdapter | null> {
  if (!software && !isGpuWorthAsking()) return null;
  return adapterOf(() => sharedWebGpu(software, memory));
}
