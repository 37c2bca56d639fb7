import { nodeGpu } from '../../../engine/host/gpu.node.ts';
import { missingGpu } from './device.ts';
import { troubleOn } from './trouble.ts';

troubleOn('Node', nodeGpu, missingGpu);
