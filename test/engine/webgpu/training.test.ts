import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import type { TrainingEvent } from '../../../engine/worker/protocol.ts';
import { all, cnn, curve, only, smallJob } from '../train/jobs.ts';
import { train } from '../train/drive.ts';
import { gpuBackend, missingGpu } from './device.ts';

/** Convolutions, batch norm, dropout, a residual sum: 24 steps with momentum, evaluated on the way. */
const job = smallJob({ graph: cnn, length: { steps: 24 }, evaluateEvery: { steps: 12 } });

/** One for all tests here, so that kernels are compiled once. */
const gpu = gpuBackend();
const losses = (events: readonly TrainingEvent[]): number[] => curve(events, 'loss');
const lastCheckpoint = (events: readonly TrainingEvent[]): Uint8Array =>
  all(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;

describe('a run on the GPU', () => {
  it('has the curves of the same run on the CPU', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const onCpu = await train(job, cpuBackend);
    const onGpu = await train(job, gpu);
    const [expected, found] = [losses(onCpu.events), losses(onGpu.events)];
    expect(found).toHaveLength(24);
    // float32 sums in other orders; through 24 steps of momentum the difference grows, and it stays far below a step's change
    found.forEach((loss, step) => expect(Math.abs(loss - expected[step]!), `step ${step}`).toBeLessThan(2e-4));
    const [a, b] = [onCpu, onGpu].map(({ events }) => all(events, 'evaluation').find(({ split }) => split === 'test')!);
    expect(Math.abs(a!.loss - b!.loss)).toBeLessThan(1e-3);
    expect(only(onGpu.events, 'ready').backend).toBe('webgpu');
  }, 90_000);

  it('whitens images once before its steps, and goes on from its checkpoint to the same bits', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const whitened = smallJob({ length: { epochs: 3 } }, { preprocessing: 'zcaWhitening' });
    expect(prepareTraining(whitened).stages[0]!.ahead).not.toBeNull();
    const whole = await train(whitened, gpu);
    const expected = losses((await train(whitened, cpuBackend)).events);
    losses(whole.events).forEach((loss, step) => expect(Math.abs(loss - expected[step]!)).toBeLessThan(2e-4));
    const begun = await train(whitened, gpu, { stopAt: 11 });
    const rest = await train({ ...whitened, resumeFrom: lastCheckpoint(begun.events) }, gpu);
    expect(rest.hash).toBe(whole.hash);
  }, 90_000);

  it('goes on from a checkpoint of the other backend, both ways', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const whole = losses((await train(job, cpuBackend)).events);
    for (const [first, second] of [[cpuBackend, gpu] as const, [gpu, cpuBackend] as const]) {
      const begun = await train(job, first, { stopAt: 12 });
      const rest = await train({ ...job, resumeFrom: lastCheckpoint(begun.events) }, second);
      const steps = losses(rest.events);
      expect(steps).toHaveLength(12);
      steps.forEach((loss, i) => expect(Math.abs(loss - whole[12 + i]!)).toBeLessThan(2e-4));
    }
  }, 90_000);
});
