import { globals } from 'webgpu';
import { nodeGpu } from '../../engine/host/gpu.node.ts';
import { offerSoftwareGpu } from '../../engine/host/vulkan.node.ts';

/** Gives this Node process what a page has: `navigator.gpu` (Dawn) and the constants, for libraries that look there. */
export async function provideNavigatorGpu(): Promise<void> {
  offerSoftwareGpu();
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis.navigator, 'gpu', { value: await nodeGpu(), configurable: true });
}
