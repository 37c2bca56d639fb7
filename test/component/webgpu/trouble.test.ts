import { webGpu } from '../../../engine/host/backends.web.ts';
import { webgpuBackend } from '../../../engine/webgpu/index.ts';
import { troubleOn } from '../../engine/webgpu/trouble.ts';

const missing: string | undefined = await webgpuBackend(webGpu)
  .device()
  .then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

troubleOn('a page', webGpu, missing);
