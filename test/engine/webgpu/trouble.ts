// What goes wrong with GPUs, on the host that this file is run on: Node with Dawn (trouble.test.ts) and a page of Chromium
// (test/component/webgpu/trouble.test.ts). Nothing here is of one host.
import { afterEach, describe, expect, it } from 'vitest';
import type { Backend, BackendName } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { EngineError } from '../../../engine/errors.ts';
import { TrainingRun } from '../../../engine/train/trainingRun.ts';
import { bufferUsage, type GpuDevice, type GpuSource } from '../../../engine/webgpu/device.ts';
import { webgpuBackend, type WebGpuBackend } from '../../../engine/webgpu/index.ts';
import { onCpu } from '../../../engine/worker/fallback.ts';
import type { TrainingCommand, TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { serveTraining } from '../../../engine/worker/session.ts';
import { all, cnn, curve, mlp, only, smallJob } from '../train/jobs.ts';
import { limitedGpu } from './limitedGpu.ts';
import { watchedGpu } from './watchedGpu.ts';

const job: TrainingJob = {
  ...smallJob({ graph: mlp, length: { steps: 20 }, evaluateEvery: { steps: 10 } }),
  backend: 'webgpu',
};

/** A session in this thread; `react` hears every event. */
export function serve(
  given: TrainingJob,
  webgpu: Backend,
  react: (event: TrainingEvent) => void = () => undefined,
): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  return new Promise((resolve) => {
    serveTraining(
      {
        post: (event) => {
          events.push(event);
          react(event);
        },
        on: (listener: (command: TrainingCommand) => void) => setTimeout(() => listener({ kind: 'start', job: given })),
        close: () => resolve(events),
      },
      {
        backend: (name: BackendName) => Promise.resolve(name === 'webgpu' ? webgpu : cpuBackend),
        clock: () => performance.now(),
        turn: () => new Promise((next) => setTimeout(next)),
      },
    );
  });
}

/** What whoever chose the GPU does once it has failed (node/trainer.ts): the run goes on on the CPU from the last checkpoint. */
export function goOnOnCpu(given: TrainingJob, events: readonly TrainingEvent[]): Promise<TrainingEvent[]> {
  const { step, error } = only(events, 'failed');
  expect(['device', 'memory']).toContain(error.code);
  const last = all(events, 'checkpoint').at(-1)?.bytes ?? null;
  const { choice, job: rest } = onCpu(given, only(events, 'backend').choice, error, step, last);
  return serve({ ...rest, choice }, cpuBackend);
}

/** The same, up to its end. */
async function serveToTheEnd(...args: Parameters<typeof serve>): Promise<TrainingEvent[]> {
  const events = await serve(...args);
  return events.at(-1)!.kind === 'failed' ? [...events, ...(await goOnOnCpu(args[0], events))] : events;
}

const backendsOf = (events: readonly TrainingEvent[]): string[] =>
  all(events, 'backend').map(({ choice }) => choice.backend);
const reasonOf = (events: readonly TrainingEvent[]): string => all(events, 'backend').at(-1)!.choice.reason;

/** A use of a buffer that no device allows, with nobody to catch the error. */
function misuse({ gpu }: GpuDevice): void {
  const buffer = gpu.createBuffer({ label: 'of a test', size: 16, usage: bufferUsage.copySource });
  gpu.queue.writeBuffer(buffer, 0, new Uint8Array(16));
}

export function troubleOn(host: string, source: GpuSource, missing: string | undefined): void {
  describe(`WebGPU in ${host}`, () => {
    const watched = watchedGpu(source);
    const backend = (): WebGpuBackend => webgpuBackend(watched.source);
    afterEach(() => watched.check());

    it('a device that is lost: the run goes on from its checkpoint on the CPU', async ({ skip }) => {
      skip(missing !== undefined, missing);
      const gpu = backend();
      let lost = false;
      const events = await serveToTheEnd(job, gpu, ({ kind }) => {
        if (kind !== 'checkpoint' || lost) return;
        lost = true;
        void gpu.device().then((device) => device.destroy());
      });
      expect(backendsOf(events)).toEqual(['webgpu', 'cpu']);
      expect(reasonOf(events)).toMatch(/lost.*goes on from its last checkpoint on the CPU\.$/);
      expect(only(events, 'finished').step).toBe(20);
      // the next run asks for a device anew
      expect(backendsOf(await serve(job, gpu))).toEqual(['webgpu']);
    }, 120_000);

    it('too little memory: the run says what to do, and begins on the CPU', async ({ skip }) => {
      skip(missing !== undefined, missing);
      const poor = webgpuBackend(limitedGpu(watched.source, {}, { lacks: () => true }));
      const events = await serveToTheEnd(job, poor);
      expect(backendsOf(events)).toEqual(['webgpu', 'cpu']);
      expect(reasonOf(events)).toMatch(/not enough memory.*begins anew on the CPU/);
      expect(only(events, 'finished').step).toBe(20);
      const { error } = only(events, 'failed');
      expect(error.code).toBe('memory');
      expect(error.message).toContain('use a smaller batch or model, or backend cpu');
    }, 120_000);

    it('an adapter of small limits trains as one without them', async ({ skip }) => {
      skip(missing !== undefined, missing);
      const given: TrainingJob = {
        ...smallJob({ graph: cnn, length: { steps: 4 } }),
        backend: 'webgpu',
      };
      const losses = async (limits: Parameters<typeof limitedGpu>[1]): Promise<number[]> => {
        const events = await serve(given, webgpuBackend(limitedGpu(watched.source, limits)));
        expect(only(events, 'finished').step).toBe(4);
        return curve(events, 'loss');
      };
      const small = { maxStorageBuffersPerShaderStage: 8, maxComputeWorkgroupsPerDimension: 64, maxBufferSize: 32_768 };
      expect(await losses(small)).toEqual(await losses({}));
    }, 120_000);

    it('an adapter that gives no device', async ({ skip }) => {
      skip(missing !== undefined, missing);
      const refusing: GpuSource = async () => {
        const gpu = (await source())!;
        const adapter = (await gpu.requestAdapter())!;
        const { info, limits, features } = adapter;
        const requestDevice = () => Promise.reject(new Error('out of devices'));
        return { requestAdapter: () => Promise.resolve({ info, limits, features, requestDevice }) } as unknown as GPU;
      };
      const events = await serveToTheEnd(job, webgpuBackend(refusing));
      expect(backendsOf(events)).toEqual(['webgpu', 'cpu']);
      expect(reasonOf(events)).toContain('gave no device (Error: out of devices)');
      expect(only(events, 'finished').step).toBe(20);
    }, 60_000);

    it('a kernel that does not compile is named with its line, and harms nothing else', async ({ skip }) => {
      skip(missing !== undefined, missing);
      const gpu = backend();
      const device = await gpu.device();
      const faulty = device.pipeline('matmul of a test', '@compute @workgroup_size(1)\nfn main() { let x = ; }', []);
      await expect(faulty).rejects.toThrow(EngineError);
      await expect(faulty).rejects.toThrow(
        /^Kernel "matmul of a test" does not compile on .*: line 2: .*backend cpu\.$/,
      );
      expect(device.failure).toBeNull();
      const events = await serve(job, gpu);
      expect(backendsOf(events)).toEqual(['webgpu']);
      expect(only(events, 'finished').step).toBe(20);
    }, 120_000);

    it('an adapter that is there for the first run only', async ({ skip }) => {
      skip(missing !== undefined, missing);
      let gone = false;
      const vanishing = webgpuBackend(async () => {
        const gpu = (await watched.source())!;
        return gone ? ({ requestAdapter: () => Promise.resolve(null) } as unknown as GPU) : gpu;
      });
      expect(backendsOf(await serve(job, vanishing))).toEqual(['webgpu']);
      gone = true;
      (await vanishing.device()).destroy();
      await new Promise((resolve) => setTimeout(resolve, 50));
      const events = await serveToTheEnd(job, vanishing);
      expect(backendsOf(events)).toEqual(['webgpu', 'cpu']);
      expect(reasonOf(events)).toContain('found no graphics adapter');
      expect(only(events, 'finished').step).toBe(20);
    }, 120_000);

    it('an error of validation that nobody waits for ends the run, and makes a test fail', async ({ skip }) => {
      skip(missing !== undefined, missing);
      const gpu = backend();
      const events: TrainingEvent[] = [];
      const run = await TrainingRun.create(job, gpu, {
        clock: () => performance.now(),
        emit: (event) => events.push(event),
      });
      misuse(await gpu.device());
      const whole = async (): Promise<void> => {
        while (!run.finished) await run.advance(15);
      };
      await expect(whole()).rejects.toThrow(/WebGPU reported an error: .*of a test/s);
      await run.dispose();
      // what afterEach does in this file and test/engine/webgpu/device.ts in the others
      expect(() => watched.check()).toThrow(/what nobody caught: .*of a test/s);
      expect(() => watched.check()).not.toThrow();
    }, 60_000);
  });
}
