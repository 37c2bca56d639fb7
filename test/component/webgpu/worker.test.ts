import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { webGpu } from '../../../engine/host/backends.web.ts';
import { TrainingRun } from '../../../engine/train/trainingRun.ts';
import { webgpuBackend } from '../../../engine/webgpu/index.ts';
import type { ImageFile, TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';

const missing: string | undefined = await webgpuBackend(webGpu)
  .device()
  .then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

const imageShape = [1, 6, 5] as const;
const size = 30;

/** Images of three kinds: the brightest row tells which. */
function stripes(count: number): ImageFile {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 3);
  const pixels = Uint8Array.from({ length: count * size }, (_, i) => {
    const row = Math.floor((i % size) / imageShape[2]);
    const noise = (Math.imul(i + 1, 0x9e3779b1) >>> 24) >> 1;
    return noise + (row % 3 === labels[Math.floor(i / size)] ? 100 : 0);
  });
  return { pixels, labels, count };
}

const job: TrainingJob = {
  graph: {
    nodes: [
      { id: 'image', layer: 'input' },
      { id: 'conv', layer: 'conv2d', props: { filters: 5, kernel: [3, 3], padding: 'same' } },
      { id: 'norm', layer: 'batchNorm' },
      { id: 'relu', layer: 'relu' },
      { id: 'drop', layer: 'dropout', props: { p: 0.3 } },
      { id: 'pool', layer: 'globalAvgPool2d' },
      { id: 'out', layer: 'dense', props: { units: 3 } },
    ],
  },
  data: {
    train: stripes(60),
    test: stripes(12),
    imageShape,
    classes: 3,
    validation: 12,
    trainImages: null,
    preprocessing: 'standardise',
  },
  batchSize: 8,
  length: { steps: 10 },
  loss: { kind: 'crossEntropy', labelSmoothing: 0 },
  optimizer: { kind: 'sgd', learningRate: 0.2, momentum: 0.9, dampening: 0, nesterov: false, weightDecay: 0 },
  schedule: { kind: 'constant' },
  earlyStopping: null,
  evaluateEvery: { steps: 10 },
  seed: 3,
  backend: 'cpu',
  threads: 1,
  checkpointSeconds: 3600,
  resumeFrom: null,
};

const losses = (events: readonly TrainingEvent[]): number[] =>
  events.flatMap((event) => (event.kind === 'progress' ? [...event.loss] : []));

/** Trains in a Web Worker, which a message port commands. */
function trainInWorker(given: TrainingJob): Promise<TrainingEvent[]> {
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
  port1.postMessage({ kind: 'start', job: given });
  return ended.finally(() => worker.terminate());
}

async function trainHere(given: TrainingJob): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  const run = await TrainingRun.create(given, cpuBackend, {
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
    const onGpu = await trainInWorker({ ...job, backend: 'webgpu' });
    expect(onGpu.find(({ kind }) => kind === 'ready')).toMatchObject({ backend: 'webgpu' });
    const expected = losses(await trainHere(job));
    const found = losses(onGpu);
    expect(found).toHaveLength(10);
    found.forEach((loss, step) => expect(Math.abs(loss - expected[step]!), `step ${step}`).toBeLessThan(2e-4));
  }, 60_000);
});
