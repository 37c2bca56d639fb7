import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { webGpu } from '../../../engine/host/backends.web.ts';
import { TrainingRun } from '../../../engine/train/trainingRun.ts';
import { webgpuBackend } from '../../../engine/webgpu/index.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { cnn, curve, only, smallJob } from '../../engine/train/jobs.ts';

const missing: string | undefined = await webgpuBackend(webGpu)
  .device()
  .then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

/** Trains in a Web Worker, as in the desktop app's hidden window. */
function trainInWorker(job: TrainingJob): Promise<TrainingEvent[]> {
  const worker = new Worker(new URL('../../../engine/worker/entry.web.ts', import.meta.url), { type: 'module' });
  const { port1, port2 } = new MessageChannel();
  const events: TrainingEvent[] = [];
  const ended = new Promise<TrainingEvent[]>((resolve, reject) => {
    worker.onerror = (error) => reject(new Error(error.message));
    port1.onmessage = ({ data }: MessageEvent<TrainingEvent>) => {
      events.push(data);
      if (data.kind === 'failed') reject(new Error(data.error.message));
      if (data.kind === 'finished') resolve(events);
    };
  });
  worker.postMessage({ port: port2 }, [port2]);
  port1.postMessage({ kind: 'start', job });
  return ended.finally(() => worker.terminate());
}

async function trainHere(job: TrainingJob): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  const run = await TrainingRun.create(job, cpuBackend, {
    clock: () => performance.now(),
    emit: (event) => events.push(event),
  });
  while (!run.finished) await run.advance(15);
  await run.dispose();
  return events;
}

describe('a Web Worker with navigator.gpu', () => {
  it('trains with the curve of the CPU', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const job = smallJob({ graph: cnn, length: { steps: 10 }, evaluateEvery: { steps: 10 } });
    const onGpu = await trainInWorker({ ...job, backend: 'webgpu' });
    expect(only(onGpu, 'ready').backend).toBe('webgpu');
    const expected = curve(await trainHere(job), 'loss');
    const found = curve(onGpu, 'loss');
    expect(found).toHaveLength(10);
    found.forEach((loss, step) => expect(Math.abs(loss - expected[step]!), `step ${step}`).toBeLessThan(2e-4));
  }, 60_000);
});
