import { flushCompileCache } from 'node:module';
import type { FormMemory } from '../webgpu/autotune.ts';
import { adapterOf } from '../webgpu/device.ts';
import type { WebGpuBackend } from '../webgpu/index.ts';
import type { GraphicsAdapter } from '../worker/backendChoice.ts';
import { nodeGpu } from './gpu.node.ts';
import { isGpuWorthAsking, offerSoftwareGpu } from './vulkan.node.ts';

let webgpu: Promise<WebGpuBackend> | undefined;

async function load(software: boolean, memory: FormMemory | undefined): Promise<WebGpuBackend> {
  const { webgpuBackend } = await import('../webgpu/index.ts');
  // what Node keeps of the sources it writes when a thread ends by itself, and this one is ended with its process
  flushCompileCache();
  if (software) offerSoftwareGpu();
  const backend = webgpuBackend(nodeGpu, {
    tuner: { clock: () => performance.now() },
    ...(memory && { memory }),
  });
  await backend.device();
  return backend;
}

function shared(software: boolean, memory: FormMemory | undefined): Promise<WebGpuBackend> {
  webgpu ??= load(software, memory).catch((error: unknown) => {
    webgpu = undefined;
    throw error;
  });
  return webgpu;
}

/**
 * The backend 'webgpu' through Dawn; one, and so one device, per thread. Throws EngineError('device') where there is no graphics
 * adapter. `memory`: where its measurements are kept; the first caller's counts.
 */
export const nodeGpuBackend = (memory?: FormMemory): Promise<WebGpuBackend> =>
  // whoever gets here has asked for the GPU by name, or `auto` has found one that is no software
  shared(true, memory);

/**
 * The adapter that backend 'webgpu' uses; null where there is none. Only with `software` is one set up that computes on the
 * processor.
 */
export async function nodeAdapter(software = false, memory?: FormMemory): Promise<GraphicsAdapter | null> {
  if (!software && !isGpuWorthAsking()) return null;
  return adapterOf(() => shared(software, memory));
}
