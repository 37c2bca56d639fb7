import { describe, expect, it } from 'vitest';
import type { Backend, Executable } from '../../../../engine/backend.ts';
import { cpuBackend } from '../../../../engine/cpu/index.ts';
import { runTiming } from '../../../../engine/worker/jobs/timing.ts';
import { cnn, mlp, smallJob } from '../../train/jobs.ts';
import { context } from './context.ts';

describe('the timing of steps', () => {
  it('counts what it measured and scales it to an epoch and to the run', async () => {
    const training = smallJob({ graph: cnn, backend: 'cpu', length: { epochs: 4 } });
    const timing = await runTiming({ training, milliseconds: 30 }, context());
    expect(timing.steps).toBeGreaterThanOrEqual(3);
    expect(timing.millisecondsPerStep).toBeGreaterThan(0);
    expect(timing.stepsPerEpoch).toBe(8);
    expect(timing.secondsPerEpoch).toBeCloseTo((timing.millisecondsPerStep * 8) / 1000, 9);
    expect(timing.secondsOfTraining).toBeCloseTo(timing.secondsPerEpoch * 4, 9);
    expect(timing.imagesPerSecond).toBeCloseTo(8000 / timing.millisecondsPerStep, 6);
  });

  it('takes longer for a wider network', async () => {
    const wide = (filters: number) =>
      smallJob({
        backend: 'cpu',
        graph: {
          nodes: cnn.nodes.map((node) =>
            node.layer === 'conv2d' ? { ...node, props: { ...node.props, filters } } : node,
          ),
        },
      });
    const narrow = await runTiming({ training: wide(4), milliseconds: 60 }, context());
    const broad = await runTiming({ training: wide(128), milliseconds: 60 }, context());
    expect(broad.millisecondsPerStep).toBeGreaterThan(2 * narrow.millisecondsPerStep);
  });

  it('does not wait for a device that queues after each step', async () => {
    // a clock that computing and waiting for the answer move on, so that no other program does
    let now = 0;
    const backend: Backend = {
      ...cpuBackend,
      compile: async (plan, options) => {
        const executable = await cpuBackend.compile(plan, options);
        const device: Pick<Executable, 'queued' | 'run' | 'read'> = {
          queued: true,
          run: (segment) => {
            now += 0.2;
            executable.run(segment);
          },
          read: (tensor, into) => {
            now += 5;
            return executable.read(tensor, into);
          },
        };
        return new Proxy(executable, {
          get: (target, name) => {
            if (name in device) return device[name as keyof typeof device];
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          },
        });
      },
    };
    const training = smallJob({ graph: mlp, backend: 'webgpu', length: { steps: 1000 } });
    const place = context({ backend: () => Promise.resolve(backend), clock: () => now });
    const timing = await runTiming({ training, milliseconds: 200 }, place);
    expect(timing.millisecondsPerStep).toBeCloseTo(0.2 + 5 / 64, 9);
  });

  it('ends early when it is cancelled', async () => {
    const begin = performance.now();
    await runTiming({ training: smallJob({ backend: 'cpu' }), milliseconds: 60_000 }, context({ cancelled: true }));
    expect(performance.now() - begin).toBeLessThan(10_000);
  });
});
