// The benchmark on the GPU from its command to its JSON, with few steps: in pages of a browser, and in Node.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { GpuResult } from '../../bench/gpu/results.ts';
import { findBrowser } from '../../scripts/browser.ts';
import { missingGpu } from '../engine/webgpu/device.ts';

const program = fileURLToPath(new URL('../../bench/gpu/main.ts', import.meta.url));

interface Document {
  readonly host: string;
  readonly contestants: Record<string, string>;
  readonly results: GpuResult[];
}

function bench(...args: string[]): Document {
  const few = ['--workload', 'tiny', '--rounds', '1', '--seconds', '0.05', '--limit', '120'];
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', program, ...few, ...args], {
    encoding: 'utf8',
    timeout: 390_000,
  });
  expect(status, stderr).toBe(0);
  return JSON.parse(stdout) as Document;
}

describe('the benchmark on the GPU', () => {
  for (const [host, where] of [
    ['browser', /^Chromium \d+/],
    ['node', /^Node .* with Dawn$/],
  ] as const) {
    it(`measures us and the peers on the same adapter: ${host}`, ({ skip }) => {
      skip(missingGpu !== undefined, missingGpu);
      skip(host === 'browser' && findBrowser() === undefined, 'no browser was found');
      const document = bench('--host', host);
      expect(document.host).toMatch(where);
      const [own, ...peers] = document.results;
      expect(own).toMatchObject({ workload: 'tiny', contestant: 'webgpu' });
      for (const value of [own!.median, own!.queuedMs, own!.imagesPerSecond, own!.dispatchesPerStep])
        expect(value).toBeGreaterThan(0);
      expect(peers.map(({ contestant }) => contestant).sort()).toEqual(['jax-webgpu', 'tfjs-webgpu']);
      for (const peer of peers) {
        expect(peer.failure, peer.contestant).toBeUndefined();
        expect(peer.ratio).toBeGreaterThan(0);
        expect(peer.ratioOfLeast).toBeGreaterThan(0);
      }
      expect(document.contestants['tfjs-webgpu']).toContain('TensorFlow.js');
      expect(document.contestants['jax-webgpu']).toContain('jax-js');
    }, 400_000);
  }

  it('names the hosts there are', () => {
    const { status, stderr } = spawnSync(process.execPath, ['--no-warnings', program, '--host', 'moon'], {
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('--host: there is no "moon"; choose from browser, node.');
  });
});
