import { describe, expect, it } from 'vitest';
import { checkWorkload, workloads } from '../../../bench/workloads.ts';
import { lowerTraining } from '../../../engine/plan/lower.ts';
import { usualLimits as limits } from '../../../engine/webgpu/estimate.ts';
import { fusePlan } from '../../../engine/webgpu/fuse.ts';
import { lowerPlan } from '../../../engine/webgpu/lower.ts';
import { placeTensors } from '../../../engine/webgpu/memory.ts';
import { defaultTuning } from '../../../engine/webgpu/tuning.ts';
import type { Program } from '../../../engine/webgpu/wgsl.ts';

/** Dispatches of a training step with the choices for a graphics card; nothing is fused or merged. */
function programsOf(name: string): readonly Program[] {
  const workload = workloads.find((each) => each.name === name)!;
  const plan = lowerTraining(checkWorkload(workload), {
    batchSize: workload.batch,
    evaluationBatch: workload.batch,
    inputShape: workload.inputShape,
    trainImages: 2000,
    testImages: workload.batch,
    perFeature: false,
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer: workload.optimizer,
    historySlots: 64,
  });
  const fusion = fusePlan(plan, limits.maxStorageBuffersPerShaderStage, { fuses: false });
  const tuning = defaultTuning(limits, false);
  return lowerPlan(plan, fusion, placeTensors(plan, fusion, limits), limits, () => tuning).segments.get('train')!;
}

const invocationsOf = ({ code }: Program): number => Number(/@workgroup_size\((\d+)\)/.exec(code)![1]);
const groupsOf = ({ workgroups: [x, y, z] }: Program): number => x * y * z;

describe('products on a graphics card', () => {
  it('have workgroups that fill its lanes', () => {
    for (const name of ['W1', 'W2', 'W3']) {
      const tiled = programsOf(name).filter(({ code }) => code.includes('left_tile'));
      expect(tiled.length).toBeGreaterThan(8);
      for (const program of tiled)
        expect(invocationsOf(program), `${name} ${program.label}`).toBeGreaterThanOrEqual(64);
    }
  });

  it('of few results and long sums are split, so that the card is busy', () => {
    const gradients = programsOf('W2').filter(
      ({ label, code }) => label.startsWith('conv2dGradWeight (') && code.includes('left_tile'),
    );
    expect(gradients).toHaveLength(4);
    for (const program of gradients) expect(groupsOf(program), program.label).toBeGreaterThanOrEqual(96);
  });
});
