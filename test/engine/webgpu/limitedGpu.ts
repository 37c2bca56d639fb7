import type { GpuLimits, GpuSource } from '../../../engine/webgpu/device.ts';

/** Bytes of a value of these types in workgroup memory. */
const bytesOfType: Readonly<Record<string, number>> = { f32: 4, i32: 4, u32: 4, vec2f: 8, vec4f: 16 };

/** What a kernel's text asks for. */
function demandsOf(code: string): { invocations: number; storage: number } {
  const storage = [...code.matchAll(/var<workgroup> \w+: array<(\w+), (\d+)>/g)].reduce(
    (sum, [, type, count]) => sum + bytesOfType[type!]! * Number(count),
    0,
  );
  return { invocations: Number(/@workgroup_size\((\d+)\)/.exec(code)![1]), storage };
}

/** The object with some of its members exchanged; everything else is the object's own. */
function withMembers<T extends object>(target: T, members: Readonly<Record<string, unknown>>): T {
  return new Proxy(target, {
    get(of, name) {
      if (typeof name === 'string' && name in members) return members[name];
      const value: unknown = Reflect.get(of, name, of);
      return typeof value === 'function' ? (value.bind(of) as unknown) : value;
    },
  });
}

export interface LimitedGpuOptions {
  /** Takes the sizes of all buffers that are made. */
  readonly sizes?: number[];
  /** Features of the adapter; left out: the real ones. */
  readonly features?: readonly GPUFeatureName[];
  /** Buffers that the device has no memory for. */
  readonly lacks?: (size: number) => boolean;
}

/**
 * A GPU whose adapter and device have smaller limits than the real one and hold the engine to them: WebGPU itself lets nobody ask
 * for less than its default limits. What goes beyond a limit throws here, where a real device would refuse it.
 */
export function limitedGpu(
  source: GpuSource,
  limits: Partial<GpuLimits>,
  { sizes = [], lacks = () => false, features }: LimitedGpuOptions = {},
): GpuSource {
  const hold = (what: string, value: number, limit: keyof GpuLimits): void => {
    const most = limits[limit] ?? Infinity;
    if (value > most) throw new RangeError(`${what}: ${value} is more than ${limit} allows (${most}).`);
  };
  const limited = (own: GPUSupportedLimits): GPUSupportedLimits => withMembers(own, limits);

  const passOf = (pass: GPUComputePassEncoder): GPUComputePassEncoder =>
    withMembers(pass, {
      dispatchWorkgroups: (...counts: [number, number?, number?]) => {
        for (const count of counts) hold('dispatchWorkgroups', count ?? 1, 'maxComputeWorkgroupsPerDimension');
        pass.dispatchWorkgroups(...counts);
      },
    });
  const encoderOf = (encoder: GPUCommandEncoder): GPUCommandEncoder =>
    withMembers(encoder, {
      beginComputePass: (descriptor?: GPUComputePassDescriptor) => passOf(encoder.beginComputePass(descriptor)),
    });
  const deviceOf = (device: GPUDevice): GPUDevice => {
    let missing = '';
    return withMembers(device, {
      limits: limited(device.limits),
      createBuffer: (descriptor: GPUBufferDescriptor) => {
        hold('createBuffer', descriptor.size, 'maxBufferSize');
        sizes.push(descriptor.size);
        if (lacks(descriptor.size)) missing = `no ${descriptor.size} bytes`;
        return device.createBuffer(descriptor);
      },
      createBindGroupLayout: (descriptor: GPUBindGroupLayoutDescriptor) => {
        hold('createBindGroupLayout', [...descriptor.entries].length, 'maxStorageBuffersPerShaderStage');
        return device.createBindGroupLayout(descriptor);
      },
      createBindGroup: (descriptor: GPUBindGroupDescriptor) => {
        for (const { resource } of descriptor.entries) {
          hold('createBindGroup', (resource as GPUBufferBinding).size!, 'maxStorageBufferBindingSize');
        }
        return device.createBindGroup(descriptor);
      },
      createShaderModule: (descriptor: GPUShaderModuleDescriptor) => {
        const { invocations, storage } = demandsOf(descriptor.code);
        hold(descriptor.label!, invocations, 'maxComputeInvocationsPerWorkgroup');
        hold(descriptor.label!, storage, 'maxComputeWorkgroupStorageSize');
        return device.createShaderModule(descriptor);
      },
      createCommandEncoder: () => encoderOf(device.createCommandEncoder()),
      popErrorScope: async () => {
        const message = missing;
        missing = '';
        const real = await device.popErrorScope();
        return message === '' ? real : { message };
      },
    });
  };
  const adapterOf = (adapter: GPUAdapter): GPUAdapter =>
    withMembers(adapter, {
      limits: limited(adapter.limits),
      ...(features && { features: new Set(features) }),
      requestDevice: async ({ requiredLimits, ...rest }: GPUDeviceDescriptor = {}) => {
        for (const [name, value] of Object.entries(requiredLimits ?? {})) {
          hold('requestDevice', Number(value), name as keyof GpuLimits);
        }
        const real = Object.keys(requiredLimits ?? {}).map((name) => [name, adapter.limits[name as keyof GpuLimits]]);
        return deviceOf(await adapter.requestDevice({ ...rest, requiredLimits: Object.fromEntries(real) }));
      },
    });
  return async () => {
    const gpu = await source();
    return (
      gpu &&
      withMembers(gpu, {
        requestAdapter: async (options?: GPURequestAdapterOptions) => {
          const adapter = await gpu.requestAdapter(options);
          return adapter && adapterOf(adapter);
        },
      })
    );
  };
}
