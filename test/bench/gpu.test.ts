import { describe, expect, it } from 'vitest';
import { gpuResults } from '../../bench/gpu/results.ts';
import { workloads } from '../../bench/workloads.ts';

const workload = workloads.find(({ name }) => name === 'W1')!;
const timing = (median: number, least: number, note = '') => ({ median, least, most: 9, steps: 3, note });
const figures = { dispatchesPerStep: 28, mebibytes: 3, queuedMs: 0.5, busy: 0.9 };

describe('results of the benchmark on the GPU', () => {
  it('are ratios to ours where each step is waited for, and our images per second with a full queue', () => {
    const timings = new Map([
      ['webgpu', timing(2, 1, JSON.stringify(figures))],
      ['tfjs-webgpu', timing(6, 4)],
    ]);
    const [own, peer, failed] = gpuResults({ workload, timings, failures: new Map([['jax-webgpu', 'no step']]) });
    expect(own).toMatchObject({ contestant: 'webgpu', median: 2, imagesPerSecond: 120_000, ...figures });
    expect(own).not.toHaveProperty('ratio');
    expect(peer).toMatchObject({ contestant: 'tfjs-webgpu', ratio: 3, ratioOfLeast: 4, imagesPerSecond: 10_000 });
    expect(failed).toEqual({ workload: 'W1', contestant: 'jax-webgpu', failure: 'no step' });
  });

  it('have no ratio where ours could not run', () => {
    const timings = new Map([['tfjs-webgpu', timing(6, 4)]]);
    const [peer] = gpuResults({ workload, timings, failures: new Map([['webgpu', 'lost']]) });
    expect(peer).not.toHaveProperty('ratio');
  });
});
