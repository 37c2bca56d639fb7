import { describe, expect, it } from 'vitest';
import type { Backend, BackendName } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { EngineError } from '../../../engine/errors.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import {
  chooseBackend,
  measuredFor,
  type ChoosingHost,
  type GraphicsAdapter,
} from '../../../engine/worker/backendChoice.ts';
import { onCpu } from '../../../engine/worker/fallback.ts';
import { runTiming } from '../../../engine/worker/jobs/timing.ts';
import { smallJob } from '../train/jobs.ts';
import { context } from './jobs/context.ts';

/** A GPU that is the reference backend under another name: slower than the CPU; or the other way round. */
function host(adapter: GraphicsAdapter | null, gpu: Backend, cpu: Backend = cpuBackend): ChoosingHost {
  const backends: Record<BackendName, Backend> = { cpu, webgpu: gpu, reference: referenceBackend };
  return {
    adapter: () => Promise.resolve(adapter),
    measure: async (given, name) => {
      const training = { ...given, backend: name };
      const here = context({ backend: (each) => Promise.resolve(backends[each]) });
      return (await runTiming({ training, milliseconds: measuredFor }, here)).millisecondsPerStep;
    },
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

  it('takes a software adapter for somebody who asks for the GPU by name, and says what that means', async () => {
    const asked: (boolean | undefined)[] = [];
    const only = (software: boolean): ChoosingHost => ({
      ...host(card, cpuBackend),
      adapter: (wanted) => {
        asked.push(wanted);
        return Promise.resolve({ name: 'SwiftShader', software });
      },
    });
    const choice = await chooseBackend(job('webgpu'), only(true));
    expect(choice).toMatchObject({ asked: 'webgpu', backend: 'webgpu', adapter: 'SwiftShader', measured: [] });
    expect(choice.reason).toBe(
      'The spec asks for it. No graphics card was found: SwiftShader computes on the processor, slower than backend=cpu.',
    );
    expect((await chooseBackend(job('webgpu'), only(false))).reason).toBe('The spec asks for it.');
    await chooseBackend(job('auto'), only(true));
    // only the wish by name lets the host set one up
    expect(asked).toEqual([true, true, undefined]);
  });

  it('says how values are stored: in halves on the GPU that has them, and that a CPU keeps float32', async () => {
    const halves = (backend: 'auto' | BackendName) => smallJob({ backend, storage: 'f16' });
    const onGpu = await chooseBackend(halves('webgpu'), host(card, cpuBackend));
    expect(onGpu).toMatchObject({ backend: 'webgpu', storage: 'f16', reason: 'The spec asks for it.' });
    expect(await chooseBackend(job('webgpu'), host(card, cpuBackend))).not.toHaveProperty('storage');
    expect(await chooseBackend(halves('auto'), host(card, cpuBackend, referenceBackend))).toHaveProperty(
      'storage',
      'f16',
    );
    const words =
      'Half precision storage (backend.storage=f16) is for graphics cards that have it: this run keeps float32.';
    const lacking: Backend = {
      name: 'webgpu',
      compile: () => Promise.reject(new EngineError('storage', 'Some GPU has no half precision')),
    };
    for (const there of [host(null, cpuBackend), host(card, lacking), host(card, referenceBackend)]) {
      const choice = await chooseBackend(halves('auto'), there);
      expect(choice).toMatchObject({ backend: 'cpu', storage: 'f32' });
      expect(choice.reason.endsWith(words)).toBe(true);
    }
    const bare = host({ ...card, halves: false }, cpuBackend, referenceBackend);
    await expect(chooseBackend(halves('webgpu'), bare)).rejects.toThrow(
      /^Some GPU has no half precision .* train with backend\.storage=f32\.$/,
    );
    expect(await chooseBackend(job('webgpu'), bare)).toMatchObject({ backend: 'webgpu' });
    expect(await chooseBackend(halves('auto'), bare)).toMatchObject({
      ...{ backend: 'cpu', adapter: 'Some GPU', measured: [] },
      reason: `Some GPU has no half precision. ${words}`,
    });
    const lost = onCpu(halves('webgpu'), onGpu, new EngineError('device', 'It is lost.'), 7, null);
    expect(lost.choice).toMatchObject({ backend: 'cpu', storage: 'f32' });
    expect(lost.choice.reason).toBe(
      `The GPU failed after step 7: It is lost. The run begins anew on the CPU. ${words}`,
    );
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
