import { describe, expect, it } from 'vitest';
import { nodeGpu } from '../../../engine/host/gpu.node.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { GpuLimits } from '../../../engine/webgpu/device.ts';
import { webgpuBackend, type WebGpuBackend, type WebGpuOptions } from '../../../engine/webgpu/index.ts';
import { buildTrials, runPlan, worstRatio } from '../cpu/trial.ts';
import { trials as all } from '../cpu/trials.ts';
import { train } from '../train/drive.ts';
import { cnn, curve, mlp, smallJob, stripes } from '../train/jobs.ts';
import { missingGpu } from './device.ts';
import { limitedGpu } from './limitedGpu.ts';

/** The smallest that WebGPU lets an adapter have; no kernel may need more. */
const bindingsOfEvery = 8;
const absolute = 4e-5;
const relative = 2e-5;
const trials = all.filter(({ name }) => name !== 'summarise denormal');
/** As a device with many lanes is used: shared tiles, sums split into many parts. */
const wide: WebGpuOptions = { tuning: { busyGroups: 96, rowThreads: 256, shared: true, tile: 64, own: 4, depth: 16 } };

const limited = (limits: Partial<GpuLimits>, options: WebGpuOptions = {}): WebGpuBackend =>
  webgpuBackend(limitedGpu(nodeGpu, limits), options);

async function expectAgreement(backend: WebGpuBackend, chosen: typeof trials): Promise<void> {
  const { plan, given } = buildTrials(chosen);
  const wanted = await runPlan(referenceBackend, plan, given);
  const worst = worstRatio(await runPlan(backend, plan, given), wanted, absolute, relative);
  expect(worst.ratio, worst.where).toBeLessThanOrEqual(1);
}

describe('an adapter of small limits', () => {
  it('computes every op: few bindings, small workgroups, and grids of them along three axes', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const limits = {
      maxStorageBuffersPerShaderStage: bindingsOfEvery,
      maxComputeInvocationsPerWorkgroup: 16,
      maxComputeWorkgroupsPerDimension: 22,
    };
    await expectAgreement(limited(limits), trials);
  }, 240_000);

  it('of little workgroup memory and few invocations computes with shared tiles too', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const chosen = trials.filter(({ op }) =>
      /^(linear|linearGradWeight|conv2d|conv2dGradWeight|batchNorm|summarise)$/.test(op),
    );
    const some = chosen.filter((_, i) => i % 6 === 0);
    await expectAgreement(limited({ maxComputeWorkgroupStorageSize: 1024 }, wide), some);
    await expectAgreement(limited({ maxComputeInvocationsPerWorkgroup: 32 }, wide), some);
  }, 240_000);

  it('of small buffers and bindings trains as one without them', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const job = smallJob({ graph: cnn, length: { steps: 6 } }, { train: stripes(2500, [1, 6, 5], 3) });
    const sizes: { plain: number[]; cut: number[] } = { plain: [], cut: [] };
    const run = async (limits: Partial<GpuLimits>, made: number[]): Promise<number[]> =>
      curve((await train(job, webgpuBackend(limitedGpu(nodeGpu, limits, { sizes: made })))).events, 'loss');
    const plain = await run({}, sizes.plain);
    const bytes = 20_480;
    // the same sums in the same order: memory is cut otherwise, and that is all
    expect(await run({ maxBufferSize: bytes, maxStorageBufferBindingSize: bytes }, sizes.cut)).toEqual(plain);
    // the images in several parts, the activations in several arenas
    expect(Math.max(...sizes.plain)).toBeGreaterThan(3 * bytes);
    expect(sizes.cut.length).toBeGreaterThan(sizes.plain.length + 2);
  }, 120_000);

  it('names the tensor that one binding cannot hold', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const small = limited({ maxStorageBufferBindingSize: 2048 });
    await expect(train(smallJob({ graph: mlp, length: { steps: 1 } }), small)).rejects.toThrow(
      /^Tensor ".*" \(.*\) takes .* this GPU can bind .* at once; use a smaller batch or model, or backend cpu\.$/,
    );
  });
});
