import { describe, expect, it } from 'vitest';
import { readCases, replay } from '../fuzz/cases.ts';
import { searchAll, searchModels, searchRuns } from '../fuzz/search.ts';
import { gpuBackend, missingGpu } from './device.ts';

/**
 * A model costs some 0.5 s of processor time on an adapter in software, nearly all of it for compiling its shaders; several hundred are
 * for the night (`npm run fuzz:nightly`).
 */
describe('the GPU against the reference', () => {
  it('agrees on 32 random models', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const found = await searchAll(searchModels, { seed: 1, count: 32 }, gpuBackend());
    expect([...found], 'npm run fuzz -- --backends reference,webgpu --graphs 32').toEqual([]);
  }, 180_000);

  it('agrees on 2 random runs', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const found = await searchAll(searchRuns, { seed: 1, count: 2 }, gpuBackend());
    expect([...found], 'npm run fuzz -- --of runs --backends reference,webgpu --graphs 2').toEqual([]);
  }, 180_000);

  it('agrees on what differed once', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const backend = gpuBackend();
    for (const [file, found] of await readCases()) {
      // a difference of another backend is a sharp case for this one too
      expect(await replay(found, backend), file).toBeUndefined();
    }
  }, 120_000);
});
