import { describe, expect, it } from 'vitest';
import type { Backend, BackendName } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { EngineError } from '../../../engine/errors.ts';
import type { WebGpuBackend } from '../../../engine/webgpu/index.ts';
import type { TrainingCommand, TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { serveTraining } from '../../../engine/worker/session.ts';
import { all, curve, mlp, only, smallJob } from '../train/jobs.ts';
import { train } from '../train/drive.ts';
import { gpuBackend, missingGpu } from './device.ts';

/** Evaluates often, so that a best checkpoint is made early. */
const job: TrainingJob = {
  ...smallJob({ graph: mlp, length: { steps: 30 }, evaluateEvery: { steps: 10 } }),
  backend: 'webgpu',
};

/** A session in this thread on `webgpu`; `react` hears every event. */
function serve(given: TrainingJob, webgpu: Backend, react: (event: TrainingEvent) => void = () => undefined) {
  const events: TrainingEvent[] = [];
  let send: (command: TrainingCommand) => void = () => undefined;
  const closed = new Promise<TrainingEvent[]>((resolve) => {
    serveTraining(
      {
        post: (event) => {
          events.push(event);
          react(event);
        },
        on: (listener) => (send = listener),
        close: () => resolve(events),
      },
      {
        backend: (name: BackendName) => Promise.resolve(name === 'webgpu' ? webgpu : cpuBackend),
        clock: () => performance.now(),
        turn: () => new Promise((resolve) => setImmediate(resolve)),
      },
    );
  });
  send({ kind: 'start', job: given });
  return closed;
}

/** Kills the device right after the first evaluation, in the middle of the run. */
function killer(backend: WebGpuBackend): (event: TrainingEvent) => void {
  let killed = false;
  return (event) => {
    if (killed || event.kind !== 'checkpoint') return;
    killed = true;
    void backend.device().then((device) => device.destroy());
  };
}

describe('a run whose GPU is lost', () => {
  it('goes on from its last checkpoint on the CPU, says so, and ends as it would have', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const gpu = gpuBackend();
    const events = await serve(job, gpu, killer(gpu));
    expect(all(events, 'backend').map(({ choice }) => choice.backend)).toEqual(['webgpu', 'cpu']);
    const [, second] = all(events, 'backend');
    expect(second!.choice.reason).toMatch(
      /^The GPU failed after step \d+: .*goes on from its last checkpoint on the CPU\.$/,
    );
    const [first, again] = all(events, 'ready');
    expect([first!.step, again!.step]).toEqual([0, 10]);
    expect(only(events, 'finished').step).toBe(30);
    const rest = curve(events.slice(events.indexOf(again!)), 'loss');
    const whole = curve((await train({ ...job, backend: 'cpu' }, cpuBackend)).events, 'loss');
    rest.forEach((loss, i) => expect(Math.abs(loss - whole[10 + i]!)).toBeLessThan(2e-4));
  }, 60_000);

  it('fails with words, and can be resumed, where the job forbids the CPU', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const gpu = gpuBackend();
    const events = await serve({ ...job, fallback: false }, gpu, killer(gpu));
    const { error } = only(events, 'failed');
    expect(error.code).toBe('device');
    expect(error.message).toContain('lost');
    expect(all(events, 'checkpoint').at(-1)!.step).toBe(10);
    expect(all(events, 'backend')).toHaveLength(1);
  }, 60_000);

  it('begins on the CPU where the GPU cannot run the plan', async () => {
    const unable: Backend = {
      name: 'webgpu',
      compile: () => Promise.reject(new EngineError('memory', 'The GPU has not enough memory.')),
    };
    const events = await serve(job, unable);
    const choices = all(events, 'backend').map(({ choice }) => choice);
    expect(choices.map(({ backend }) => backend)).toEqual(['webgpu', 'cpu']);
    expect(choices[1]!.reason).toBe(
      'The GPU failed before the first step: The GPU has not enough memory. The run begins anew on the CPU.',
    );
    expect(only(events, 'finished').resultHash).toBe((await train({ ...job, backend: 'cpu' }, cpuBackend)).hash);
  });
});
