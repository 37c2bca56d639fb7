import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import { runRecalibrate } from '../../../engine/worker/jobs/recalibrate.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, cnn, mlp, only, smallJob, tickingClock } from './jobs.ts';
import { train } from './drive.ts';

const job = (changes: Partial<TrainingJob> = {}): TrainingJob =>
  smallJob({ graph: cnn, length: { steps: 12 }, evaluateEvery: { steps: 6 }, ...changes });

/** Running statistics that have hardly moved from 0 and 1. */
const sluggish: TrainingJob['graph'] = {
  nodes: cnn.nodes.map((node) => (node.layer === 'batchNorm' ? { ...node, props: { momentum: 0.001 } } : node)),
};

function measure(training: TrainingJob, backend: Backend, batches = 4) {
  return runRecalibrate(
    { training, batches },
    {
      backend: () => Promise.resolve(backend),
      clock: tickingClock(),
      progress: () => undefined,
      turn: () => Promise.resolve(),
      cancelled: false,
    },
  );
}

type Measured = Awaited<ReturnType<typeof measure>>;

describe.each([referenceBackend, cpuBackend])('recalibration on $name', (backend) => {
  it('brings statistics that lag behind up to date, and with them the evaluation', async () => {
    const { events } = await train(job({ graph: sluggish }), backend);
    const resumeFrom = all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;
    const found = await measure(job({ graph: sluggish, resumeFrom }), backend);
    expect(found.layers).toHaveLength(1);
    expect(found.layers[0]!.gap).toBeGreaterThan(1.2);
    expect(found.after.test.loss).toBeLessThan(found.before.test.loss);
    expect(found.before.test).toMatchObject({
      loss: only(
        events.filter((e) => e.kind !== 'evaluation' || e.split === 'test'),
        'evaluation',
      ).loss,
      images: 31,
    });
    expect(found.images).toBe(32);
    // taken over the same batches again, they agree with themselves
    expect(await measure(job({ graph: sluggish, resumeFrom }), backend)).toEqual(found);
  });

  it('ends when it is cancelled, while it measures and while it takes statistics', async () => {
    const { events } = await train(job({ graph: sluggish }), backend);
    const resumeFrom = all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;
    for (const [during, seen] of [
      ['measuring', ['measuring']],
      ['recalibrating', ['measuring', 'recalibrating']],
    ] as const) {
      const told: string[] = [];
      const cancelled = runRecalibrate(
        { training: job({ graph: sluggish, resumeFrom }), batches: 5 },
        {
          backend: () => Promise.resolve(backend),
          clock: tickingClock(),
          progress: (_done, what) => told.push(what!),
          turn: () => Promise.resolve(),
          get cancelled() {
            return told.at(-1) === during;
          },
        },
      );
      await expect(cancelled).rejects.toThrow('cancelled');
      expect([...new Set(told)]).toEqual(seen);
      expect(told.filter((what) => what === during)).toHaveLength(1);
    }
  });

  it('sees images that are not mixed', async () => {
    // a rate so small that the weights stay
    const optimizer = { ...job().optimizer, learningRate: 1e-30, weightDecay: 0 };
    const none = { shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 };
    const found = [0, 1].map(async (mixup) => {
      const training = smallJob({ graph: cnn, length: { steps: 6 }, optimizer }, { augmentation: { ...none, mixup } });
      const { events } = await train(training, backend);
      const resumeFrom = all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;
      return measure({ ...training, resumeFrom }, backend);
    });
    const [plain, mixed] = (await Promise.all(found)) as [Measured, Measured];
    expect(mixed.before.test.loss).not.toBe(plain.before.test.loss);
    expect(mixed.after.test.loss).toBe(plain.after.test.loss);
  });

  it('is part of the result at the end of a run, also of a resumed one', async () => {
    const plain = await train(job(), backend);
    const spec = job({ recalibrateBatchNorm: 3 });
    const whole = await train(spec, backend);
    expect(whole.hash).not.toBe(plain.hash);
    const tests = [plain, whole].map(({ events }) => all(events, 'evaluation').find(({ split }) => split === 'test')!);
    expect(tests[0]!.loss).not.toBe(tests[1]!.loss);
    const stopped = await train(spec, backend, { stopAt: 5 });
    const resumeFrom = all(stopped.events, 'checkpoint').at(-1)!.bytes;
    expect((await train({ ...spec, resumeFrom }, backend)).hash).toBe(whole.hash);
    // the checkpoint before it holds the statistics of the training
    const last = (events: typeof plain.events) => all(events, 'checkpoint').findLast(({ role }) => role === 'last')!;
    expect(decodeCheckpoint(last(whole.events).bytes).tensors).toEqual(
      decodeCheckpoint(last(plain.events).bytes).tensors,
    );
  });

  it('changes nothing of a network without batch norm', async () => {
    const plain = await train(job({ graph: mlp }), backend);
    expect((await train(job({ graph: mlp, recalibrateBatchNorm: 3 }), backend)).hash).toBe(plain.hash);
  });
});
