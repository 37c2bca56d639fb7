/** The webgpu backend in Node, through Dawn, as a contestant: node bench/gpu/ablate.ts [f16] */
import { nodeGpu, readExactClock } from '../../engine/host/gpu.node.ts';
import { offerSoftwareGpu } from '../../engine/host/vulkan.node.ts';
import { serve } from '../children/serve.ts';
import { gpuServer } from '../networks/ablate.ts';

offerSoftwareGpu();
readExactClock();
await serve(await gpuServer(nodeGpu, process.argv[2] === 'f16' ? 'f16' : 'f32'));
