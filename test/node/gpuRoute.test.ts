// Runs and jobs where the GPU is behind a host of its own, as in the desktop app.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { referenceBackend } from '../../engine/reference/index.ts';
import { EngineError } from '../../engine/errors.ts';
import type { TrainingEvent } from '../../engine/index.ts';
import { specSchema } from '../../lab/contract/spec.ts';
import type { Jobs, TrainingHandle, TrainRequest } from '../../lab/ports.ts';
import type { EngineHost } from '../../node/engineWorker.ts';
import { createJobs } from '../../node/jobs.ts';
import { createTrainer } from '../../node/trainer.ts';
import { playGpu } from './gpuHost.ts';
import { images, rowsSpec } from './rows.ts';

vi.setConfig({ testTimeout: 90_000 });

const entry = new URL('../../engine/worker/entry.node.ts', import.meta.url);
const datasets = { images: () => Promise.resolve(images()) };
/** `evaluateEvery`: steps; as checkpoints are made between steps and evaluations, this many of them at most lie between two. */
const specOf = (kind: string, steps = 60, fallback = true, evaluateEvery = 50) => {
  const { training, ...rest } = rowsSpec(steps);
  const often = { ...training, evaluateEvery: { steps: evaluateEvery } };
  return specSchema.parse({ ...rest, training: often, backend: { kind, fallback, threads: 1 } });
};

function train(
  gpu: ReturnType<typeof playGpu> | undefined,
  request: Partial<TrainRequest>,
  react: (event: TrainingEvent, handle: TrainingHandle) => void = () => undefined,
): Promise<TrainingEvent[]> {
  // often, so that there is a checkpoint when something happens
  const trainer = createTrainer({ datasets, entry, checkpointSeconds: 0, gpu });
  const events: TrainingEvent[] = [];
  return new Promise((resolve) => {
    const handle = trainer.start(
      { runId: 'r1', spec: specOf('webgpu'), threads: 1, resumeFrom: null, ...request },
      (event) => {
        events.push(event);
        react(event, handle);
        if (event.kind === 'finished' || event.kind === 'failed') resolve(events);
      },
    );
  });
}

const of = <K extends TrainingEvent['kind']>(events: readonly TrainingEvent[], kind: K) =>
  events.filter((event): event is Extract<TrainingEvent, { kind: K }> => event.kind === kind);
const choices = (events: readonly TrainingEvent[]) => of(events, 'backend').map(({ choice }) => choice);

describe('a run, where the GPU has a host of its own', () => {
  it('is trained there when it asks for the GPU, and in a thread when it does not', async () => {
    const gpu = playGpu({});
    const onGpu = await train(gpu, {});
    expect(choices(onGpu)).toMatchObject([{ asked: 'webgpu', backend: 'webgpu', adapter: 'Some GPU' }]);
    // the worker that found the adapter
    expect(gpu.started).toEqual(['run 1']);
    const onCpu = await train(gpu, { spec: specOf('cpu') });
    expect(gpu.started).toHaveLength(1);
    expect(of(onGpu, 'finished')[0]!.resultHash).toBe(of(onCpu, 'finished')[0]!.resultHash);
  });

  it('with auto takes what is faster there or here, each measured in its own place', async () => {
    const slow = playGpu({ backend: referenceBackend });
    const [choice] = choices(await train(slow, { spec: specOf('auto') }));
    expect(choice).toMatchObject({ asked: 'auto', backend: 'cpu', adapter: 'Some GPU' });
    expect(choice!.measured.map(({ backend }) => backend)).toEqual(['cpu', 'webgpu']);
    expect(slow.started).toEqual(['run 1']);
    // the thread was told; it did not choose once more
    expect(choice!.reason).toContain('Measured for this network');
  });

  it('with auto never takes software, nor a host that does not answer', async () => {
    const software = playGpu({ adapter: { name: 'SwiftShader', software: true } });
    expect(choices(await train(software, { spec: specOf('auto') }))).toMatchObject([{ backend: 'cpu', measured: [] }]);
    expect(software.started).toEqual(['run 1']);
    const none = playGpu({ adapter: null });
    expect(choices(await train(none, { spec: specOf('auto') }))[0]!.reason).toBe('There is no graphics adapter here.');
    const dead = playGpu({ on: (_event, kill) => kill('its process crashed') });
    const [choice] = choices(await train(dead, { spec: specOf('auto') }));
    expect(choice).toMatchObject({ backend: 'cpu' });
    expect(choice!.reason).toContain('its process crashed');
  });

  it('goes on from its checkpoint in a thread when the host dies, to the very same result', async () => {
    const whole = of(await train(undefined, { spec: specOf('cpu', 60, true, 5) }), 'finished')[0]!;
    let heard = 0;
    const gpu = playGpu({
      on: (event, kill) => {
        // the second one is lost with the host, however fast it is
        if (event.kind === 'checkpoint' && event.role === 'last' && ++heard === 2) kill('its process crashed');
      },
    });
    const events = await train(gpu, { spec: specOf('webgpu', 60, true, 5) });
    const [first, second] = choices(events);
    expect([first!.backend, second!.backend]).toEqual(['webgpu', 'cpu']);
    expect(second!.reason).toMatch(
      /^The GPU failed after step \d+: What it ran in is gone: its process crashed\. The run goes on from its last checkpoint on the CPU\.$/,
    );
    const again = of(events, 'ready')[1]!;
    expect(again.backend).toBe('cpu');
    expect(again.step).toBeGreaterThan(0);
    expect(of(events, 'finished')[0]).toMatchObject({ step: 60, resultHash: whole.resultHash });
  });

  it('goes on in a thread when the GPU itself fails there', async () => {
    const gpu = playGpu({
      backend: { name: 'webgpu', compile: () => Promise.reject(new EngineError('memory', 'No memory left.')) },
    });
    const events = await train(gpu, {});
    expect(choices(events).map(({ backend }) => backend)).toEqual(['webgpu', 'cpu']);
    expect(choices(events)[1]!.reason).toBe(
      'The GPU failed before the first step: No memory left. The run begins anew on the CPU.',
    );
    expect(of(events, 'finished')).toHaveLength(1);
    expect(of(events, 'failed')).toEqual([]);
  });

  it('that its adapter cannot train fails, and leaves no worker behind', async () => {
    const gpu = playGpu({ adapter: { name: 'Some GPU', software: false, halves: false } });
    const spec = specOf('webgpu');
    const halves = { ...spec, backend: { ...spec.backend, storage: 'f16' as const } };
    const { error } = of(await train(gpu, { spec: halves }), 'failed')[0]!;
    expect(error.message).toContain('half precision');
    expect(gpu.ended).toEqual(['run 1']);
  });

  it('fails with words where the spec forbids the CPU', async () => {
    const gpu = playGpu({ on: (event, kill) => (event.kind === 'ready' ? kill('its process crashed') : undefined) });
    const { error } = of(await train(gpu, { spec: specOf('webgpu', 60, false) }), 'failed')[0]!;
    expect(error.message).toMatch(/The training worker died at step \d+: its process crashed\.$/);
  });

  it('stays paused, and can be stopped, across the death of the host', async () => {
    let kill: (reason: string) => void = () => undefined;
    const gpu = playGpu({ on: (_event, given) => (kill = given) });
    let paused = 0;
    const events = await train(gpu, { spec: specOf('webgpu', 100_000) }, (event, handle) => {
      if (event.kind === 'progress' && paused === 0) handle.pause();
      if (event.kind !== 'paused') return;
      paused++;
      if (paused === 1) kill('its window was closed');
      else handle.stop();
    });
    expect(paused).toBe(2);
    expect(of(events, 'finished')[0]).toMatchObject({ reason: 'stopped' });
    const [first, second] = of(events, 'paused');
    expect(second!.step).toBe(first!.step);
  });

  it('can be ended while the host says nothing', async () => {
    const ended: string[] = [];
    const { promise: asked, resolve: begun } = Promise.withResolvers<null>();
    const silent: EngineHost = {
      start: (name) => ({
        post: () => begun(null),
        hold: () => undefined,
        end: async () => void ended.push(name),
      }),
    };
    const events: TrainingEvent[] = [];
    const handle = createTrainer({ datasets, entry, checkpointSeconds: 600, gpu: silent }).start(
      { runId: 'r1', spec: specOf('webgpu'), threads: 1, resumeFrom: null },
      (event) => events.push(event),
    );
    await asked;
    await handle.kill();
    expect(ended).toEqual(['run 1']);
    expect(events).toEqual([]);
  });

  it('tells the host of the GPU where it is trained', async () => {
    const gpu = playGpu({});
    await train(gpu, { spec: specOf('webgpu', 2) });
    const start = gpu.commands.find(({ kind }) => kind === 'start');
    expect(start).toMatchObject({ job: { choice: { backend: 'webgpu' } } });
  });
});

describe('jobs, where the GPU has a host of its own', () => {
  const open: Jobs[] = [];
  afterEach(() => Promise.all(open.splice(0).map((jobs) => jobs.close())));
  const jobsWith = (gpu: ReturnType<typeof playGpu>): Jobs => {
    const jobs = createJobs({ datasets, entry, gpu });
    open.push(jobs);
    return jobs;
  };

  it('ask there for the adapter', async () => {
    const gpu = playGpu({});
    const jobs = jobsWith(gpu);
    const answer = await jobs.run('adapter', null, {});
    expect(answer).toEqual({ adapter: { name: 'Some GPU', software: false } });
    // a warm worker answers again
    await jobs.run('adapter', null, {});
    expect(gpu.started).toEqual(['jobs']);
  });

  it('are done where the run would be, each kind by its own workers', async () => {
    const gpu = playGpu({});
    const jobs = jobsWith(gpu);
    const request = (kind: string) => ({ spec: specOf(kind), threads: 1, checkpoint: null });
    const options = { milliseconds: 10 };
    await jobs.run('timing', request('cpu'), options);
    expect(gpu.started).toEqual([]);
    const onGpu = await jobs.run('timing', request('webgpu'), options);
    expect(onGpu.millisecondsPerStep).toBeGreaterThan(0);
    await jobs.run('timing', request('cpu'), options);
    expect(gpu.started).toEqual(['jobs']);
  });

  it('say so when the host dies', async () => {
    const jobs = jobsWith(playGpu({ on: (_event, kill) => kill('its process crashed') }));
    await expect(jobs.run('adapter', null, {})).rejects.toThrow('its process crashed');
  });
});
