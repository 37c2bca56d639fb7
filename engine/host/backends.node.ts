import type { Backend, BackendName } from '../backend.ts';
import { EngineError } from '../errors.ts';

/** Set by the host together with V8's flag (node/revectorize.ts); a thread takes it over when it starts. */
const isWide = process.env['ABLATE_REVECTORIZE'] === 'on';

/**
 * A backend in Node, loaded when asked for: none is a burden on a run that uses another one. Throws EngineError('device') for 'webgpu',
 * which only the entry of a process of its own has (gpuBackend.node.ts).
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
      throw new EngineError(
        'device',
        'A thread of the lab computes on the CPU alone; no graphics adapter is used from it.',
      );
  }
}
