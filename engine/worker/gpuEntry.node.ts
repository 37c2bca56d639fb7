import { loadBackend } from '../host/backends.node.ts';
import { nodeAdapter, nodeGpuBackend } from '../host/gpuBackend.node.ts';
import { SharedForms } from './sharedForms.ts';
import { serveThread } from './thread.node.ts';

/**
 * Entry of a thread that trains and does jobs on the GPU, through Dawn: native code, which may crash. So it belongs into a process in
 * which nothing else is (node/gpu). Runs from TypeScript as it is, and bundled as an input of its own.
 */
const forms = new SharedForms();

serveThread({
  backend: (name) => (name === 'webgpu' ? nodeGpuBackend(forms) : loadBackend(name)),
  adapter: (software) => nodeAdapter(software, forms),
  forms,
});
