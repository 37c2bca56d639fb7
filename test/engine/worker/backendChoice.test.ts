import { describe, expect, it } from 'vitest';
import type { Backend, BackendName } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { EngineError } from '../../../engine/errors.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { chooseBackend, type ChoosingHost, type GraphicsAdapter } from '../../../engine/worker/backendChoice.ts';
import { smallJob } from '../train/jobs.ts';

/** A GPU that is the reference backend under another name: slower than the CPU; or the other way round. */
function host(adapter: GraphicsAdapter | null, gpu: Backend, cpu: Backend = cpuBackend): ChoosingHost {
  const backends: Record<BackendName, Backend> = { cpu, webgpu: gpu, reference: referenceBackend };
  return {
    backend: (name) => Promise.resolve(backends[name]),
    adapter: () => Promise.resolve(adapter),
    clock: () => performance.now(),
    turn: () => Promise.resolve(),
  };
}

const card: GraphicsAdapter = { name: 'Some GPU', software: false };
const job = (backend: 'auto' | BackendName) => smallJob({ backend });

describe('the choice of a backend', () => {
  it('follows the spec where it names one', async () => {
    for (const backend of ['cpu', 'reference', 'webgpu'] as const) {
      expect(await chooseBackend(job(backend), host(card, referenceBackend))).toMatchObject({
        asked: backend,
        backend,
        measured: [],
      });
    }
  });

  it('takes the faster one, by measuring this network on both', async () => {
    const slowGpu = await chooseBackend(job('auto'), host(card, referenceBackend));
    expect(slowGpu).toMatchObject({ asked: 'auto', backend: 'cpu', adapter: 'Some GPU' });
    const fastGpu = await chooseBackend(job('auto'), host(card, cpuBackend, referenceBackend));
    expect(fastGpu).toMatchObject({ asked: 'auto', backend: 'webgpu', adapter: 'Some GPU' });
    for (const { measured } of [slowGpu, fastGpu]) {
      expect(measured.map(({ backend }) => backend)).toEqual(['cpu', 'webgpu']);
      for (const { millisecondsPerStep } of measured) expect(millisecondsPerStep).toBeGreaterThan(0);
    }
  });

  it('never takes a software adapter by itself, and nothing where there is none', async () => {
    const software = await chooseBackend(
      job('auto'),
      host({ name: 'SwiftShader', software: true }, cpuBackend, referenceBackend),
    );
    expect(software).toMatchObject({ backend: 'cpu', measured: [] });
    expect(software.reason).toContain('SwiftShader');
    expect(await chooseBackend(job('auto'), host(null, cpuBackend))).toMatchObject({ backend: 'cpu', adapter: null });
    const { adapter: _adapter, ...without } = host(null, cpuBackend);
    expect(await chooseBackend(job('auto'), without)).toMatchObject({ backend: 'cpu' });
  });

  it('stays on the CPU where the GPU cannot run the network, and says why', async () => {
    const broken: Backend = {
      name: 'webgpu',
      compile: () => Promise.reject(new EngineError('memory', 'the GPU has not enough memory')),
    };
    const choice = await chooseBackend(job('auto'), host(card, broken));
    expect(choice).toMatchObject({ backend: 'cpu', adapter: 'Some GPU' });
    expect(choice.reason).toContain('not enough memory');
  });
});
