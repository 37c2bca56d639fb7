import type { GpuLimits } from './device.ts';
import type { GpuTuning } from './kernel.ts';

const powerOfTwoTo = (value: number): number => 2 ** Math.floor(Math.log2(Math.max(value, 1)));

/** Large workgroups for a device with many lanes; small ones where every lane is a turn of a loop on the processor. */
export function defaultTuning(limits: GpuLimits, isSoftware: boolean): GpuTuning {
  if (isSoftware)
    return {
      busyGroups: 4,
      sumGroups: 4,
      rowThreads: 32,
      shared: false,
      tile: 32,
      own: 2,
      depth: 16,
      winograd: 0,
      subgroup: 0,
    };
  const wide = limits.maxComputeInvocationsPerWorkgroup >= 256 && limits.maxComputeWorkgroupStorageSize >= 16_384;
  return {
    busyGroups: 256,
    sumGroups: 1024,
    rowThreads: wide ? 256 : 64,
    shared: true,
    tile: wide ? 64 : 32,
    own: 4,
    depth: 16,
    winograd: 0,
    subgroup: 0,
  };
}

/** The same as far as the adapter allows it: workgroups of so many invocations, of which up to four words each fit its workgroup memory. */
export function within(limits: GpuLimits, tuning: GpuTuning): GpuTuning {
  const { maxComputeInvocationsPerWorkgroup: invocations, maxComputeWorkgroupStorageSize: storage } = limits;
  return { ...tuning, rowThreads: Math.min(tuning.rowThreads, powerOfTwoTo(Math.min(invocations, storage / 16))) };
}
