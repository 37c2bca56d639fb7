import { bufferUsage, mapRead, type GpuDevice } from './device.ts';

/** Clock readings of the GPU around the passes of several runs. */
export interface PassTimer {
  /** Where the next pass notes its beginning and end; undefined once all are used. */
  readonly next: () => GPUComputePassTimestampWrites | undefined;
  /** Milliseconds of each pass, in order. Many implementations round the clock to 0.1 ms. */
  milliseconds(): Promise<readonly number[]>;
}

const queryResolve = 0x200;

/** For `passes` passes; undefined where the adapter lets nobody read its clock. */
export function passTimer({ gpu }: GpuDevice, passes: number): PassTimer | undefined {
  if (!gpu.features.has('timestamp-query')) return undefined;
  const querySet = gpu.createQuerySet({ type: 'timestamp', count: 2 * passes });
  let used = 0;
  return {
    next() {
      if (used === passes) return undefined;
      const index = 2 * used++;
      return { querySet, beginningOfPassWriteIndex: index, endOfPassWriteIndex: index + 1 };
    },
    async milliseconds() {
      const size = 16 * used;
      const resolved = gpu.createBuffer({ size, usage: queryResolve | bufferUsage.copySource });
      const staging = gpu.createBuffer({ size, usage: bufferUsage.mapRead | bufferUsage.copyTarget });
      const encoder = gpu.createCommandEncoder();
      encoder.resolveQuerySet(querySet, 0, 2 * used, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, staging, 0, size);
      gpu.queue.submit([encoder.finish()]);
      await staging.mapAsync(mapRead);
      const times = new BigUint64Array(staging.getMappedRange());
      const passes = Array.from({ length: used }, (_, i) => Number(times[2 * i + 1]! - times[2 * i]!) / 1e6);
      staging.unmap();
      for (const each of [querySet, resolved, staging]) each.destroy();
      return passes;
    },
  };
}
