import type { GpuSource } from '../../../engine/webgpu/device.ts';

/** A GPU that notes what no error scope catches on its devices, whoever makes them. */
export interface WatchedGpu {
  readonly source: GpuSource;
  /** The messages so far. */
  readonly complaints: string[];
  /** Throws when there are any, and forgets them. */
  check(): void;
}

/** Errors of validation that nobody waits for must not pass unseen: what a kernel did wrong may not show in its numbers. */
export function watchedGpu(source: GpuSource): WatchedGpu {
  const complaints: string[] = [];
  let proxy: GPU | undefined;
  return {
    source: async () => {
      const gpu = await source();
      if (gpu === undefined) return undefined;
      return (proxy ??= new Proxy(gpu, {
        get: (of, name) => {
          if (name === 'requestAdapter') return (options?: GPURequestAdapterOptions) => adapterOf(of, options);
          const value: unknown = Reflect.get(of, name, of);
          return typeof value === 'function' ? (value.bind(of) as unknown) : value;
        },
      }));
    },
    complaints,
    check: () => {
      const all = complaints.splice(0);
      if (all.length > 0) throw new Error(`WebGPU reported what nobody caught: ${all.join('; ')}`);
    },
  };

  async function adapterOf(gpu: GPU, options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> {
    const adapter = await gpu.requestAdapter(options);
    if (adapter === null) return null;
    return new Proxy(adapter, {
      get: (of, name) => {
        if (name === 'requestDevice') {
          return async (descriptor?: GPUDeviceDescriptor) => {
            const device = await of.requestDevice(descriptor);
            device.addEventListener('uncapturederror', ({ error }) => complaints.push(error.message));
            return device;
          };
        }
        const value: unknown = Reflect.get(of, name, of);
        return typeof value === 'function' ? (value.bind(of) as unknown) : value;
      },
    });
  }
}
