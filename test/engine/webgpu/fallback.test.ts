import { expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, curve, mlp, only, smallJob } from '../train/jobs.ts';
import { train } from '../train/drive.ts';
import { gpuBackend, missingGpu } from './device.ts';
import { goOnOnCpu, serve } from './trouble.ts';

/** Evaluates often, so that a best checkpoint is made early. */
const job: TrainingJob = {
  ...smallJob({ graph: mlp, length: { steps: 30 }, evaluateEvery: { steps: 10 } }),
  backend: 'webgpu',
};

it('a run whose GPU is lost goes on from its last checkpoint on the CPU, and ends as it would have', async ({
  skip,
}) => {
  skip(missingGpu !== undefined, missingGpu);
  const gpu = gpuBackend();
  let killed = false;
  const first = await serve(job, gpu, ({ kind }) => {
    if (killed || kind !== 'checkpoint') return;
    killed = true;
    void gpu.device().then((device) => device.destroy());
  });
  const { error } = only(first, 'failed');
  expect(error.code).toBe('device');
  expect(error.message).toContain('lost');
  expect(all(first, 'checkpoint').at(-1)!.step).toBe(10);
  expect(all(first, 'backend').map(({ choice }) => choice.backend)).toEqual(['webgpu']);

  const rest = await goOnOnCpu(job, first);
  expect(only(rest, 'backend').choice).toMatchObject({
    asked: 'webgpu',
    backend: 'cpu',
    reason: expect.stringMatching(
      /^The GPU failed after step \d+: .*goes on from its last checkpoint on the CPU\.$/,
    ) as string,
  });
  expect(only(rest, 'ready').step).toBe(10);
  expect(only(rest, 'finished').step).toBe(30);
  const whole = curve((await train({ ...job, backend: 'cpu' }, cpuBackend)).events, 'loss');
  curve(rest, 'loss').forEach((loss, i) => expect(Math.abs(loss - whole[10 + i]!)).toBeLessThan(2e-4));
}, 60_000);
