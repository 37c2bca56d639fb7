import type { Storage } from '../backend.ts';
import type { Plan } from '../plan/plan.ts';
import type { GpuLimits } from './device.ts';
import { fusePlan } from './fuse.ts';
import { halfTensors } from './half.ts';
import { lowerPlan } from './lower.ts';
import { placeTensors } from './memory.ts';
import { defaultTuning, within } from './tuning.ts';

/** Those of a usual graphics card; a plan that needs none of them larger has the same memory on another one. */
export const usualLimits: GpuLimits = {
  maxBufferSize: 2 ** 31,
  maxStorageBufferBindingSize: 2 ** 31 - 4,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 32_768,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupsPerDimension: 65_535,
  minStorageBufferOffsetAlignment: 256,
};

/**
 * Bytes of all buffers that a plan takes on a usual graphics card, data set included, in the usual forms of its kernels. Touches
 * no device.
 */
export function memoryOnGpu(plan: Plan, storage: Storage): number {
  const halves = storage === 'f16' ? halfTensors(plan) : undefined;
  const fusion = fusePlan(plan, usualLimits.maxStorageBuffersPerShaderStage, halves && { halves });
  const placement = placeTensors(plan, fusion, usualLimits);
  const tuning = within(usualLimits, defaultTuning(usualLimits, false));
  const { workspaceBytes, constants } = lowerPlan(plan, fusion, placement, usualLimits, () => tuning);
  return placement.buffers.reduce((sum, bytes) => sum + bytes, workspaceBytes + constants.length);
}
