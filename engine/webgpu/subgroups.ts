import { bufferUsage, mapRead, type GpuDevice } from './device.ts';

const invocations = 64;
const words = 3;

const code = `enable subgroups;
@group(0) @binding(0) var<storage, read_write> seen: array<u32, ${words * invocations}>;
@compute @workgroup_size(${invocations})
fn main(
  @builtin(local_invocation_index) lid: u32,
  @builtin(subgroup_size) size: u32,
  @builtin(subgroup_invocation_id) place: u32,
) {
  seen[${words}u * lid] = size;
  seen[${words}u * lid + 1u] = place;
  seen[${words}u * lid + 2u] = subgroupBroadcastFirst(lid);
}`;

const known = new WeakMap<GpuDevice, Promise<number>>();

/** Invocations of a subgroup that sums can go through on the device; 0: none. Looked at once. */
export function subgroupSizeOf(device: GpuDevice): Promise<number> {
  const size = known.get(device) ?? lookAt(device);
  known.set(device, size);
  return size;
}

/**
 * Invocations of a subgroup, if sums may go through them: the device must have one size only, and the invocations of a workgroup must
 * lie in its subgroups one behind the other. The specification promises neither, so a small kernel looks. Otherwise 0.
 */
async function lookAt(device: GpuDevice): Promise<number> {
  const { gpu, limits } = device;
  const { subgroupMinSize = 0, subgroupMaxSize = 0 } = gpu.adapterInfo ?? {};
  const isUsable =
    gpu.features.has('subgroups') &&
    subgroupMinSize === subgroupMaxSize &&
    subgroupMinSize > 1 &&
    Number.isInteger(Math.log2(subgroupMinSize)) &&
    limits.maxComputeInvocationsPerWorkgroup >= invocations;
  if (!isUsable) return 0;
  const pipeline = await device.pipeline('subgroups', code, ['write']);
  const size = 4 * words * invocations;
  const buffers = await device.guarded('Looking at subgroups', () => ({
    seen: gpu.createBuffer({ size, usage: bufferUsage.storage | bufferUsage.copySource }),
    staging: gpu.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyTarget }),
  }));
  const group = gpu.createBindGroup({
    layout: device.layout(['write']),
    entries: [{ binding: 0, resource: { buffer: buffers.seen } }],
  });
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(buffers.seen, 0, buffers.staging, 0, size);
  gpu.queue.submit([encoder.finish()]);
  try {
    await buffers.staging.mapAsync(mapRead);
    const seen = new Uint32Array(buffers.staging.getMappedRange());
    return isLinear(seen, subgroupMinSize) ? subgroupMinSize : 0;
  } finally {
    buffers.seen.destroy();
    buffers.staging.destroy();
  }
}

/** Whether every invocation saw this size, its place in order, and the first of its subgroup where it should be. */
export function isLinear(seen: Uint32Array, size: number): boolean {
  for (let lid = 0; lid < seen.length / words; lid++) {
    const place = lid % size;
    const [found, at, first] = seen.subarray(words * lid, words * lid + words);
    if (found !== size || at !== place || first !== lid - place) return false;
  }
  return true;
}
