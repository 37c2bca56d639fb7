import { EngineError } from '../errors.ts';

/** What the adapter says of itself. */
export interface AdapterDescription {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** True for an adapter that computes on the processor (SwiftShader, llvmpipe, WARP): right, and slower than the cpu backend. */
  readonly isSoftware: boolean;
}

/** The limits that placement and kernels go by. */
export interface GpuLimits {
  readonly maxBufferSize: number;
  readonly maxStorageBufferBindingSize: number;
  readonly maxStorageBuffersPerShaderStage: number;
  readonly maxComputeWorkgroupStorageSize: number;
  readonly maxComputeInvocationsPerWorkgroup: number;
  readonly maxComputeWorkgroupsPerDimension: number;
  readonly minStorageBufferOffsetAlignment: number;
}

const limitNames = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupsPerDimension',
  'minStorageBufferOffsetAlignment',
] as const satisfies readonly (keyof GpuLimits)[];

const usefulFeatures: readonly GPUFeatureName[] = ['timestamp-query', 'subgroups', 'shader-f16'];

/** Where WebGPU comes from: `navigator.gpu`, or Dawn's object in Node. The engine itself reaches for neither. */
export type GpuSource = () => GPU | undefined | Promise<GPU | undefined>;

/** Numbers of the WebGPU specification, which Node does not have as globals. */
export const bufferUsage = { mapRead: 0x1, copySource: 0x4, copyTarget: 0x8, storage: 0x80 } as const;
export const mapRead = 0x1;
const computeStage = 0x4;

/** How a kernel uses a binding: a buffer that nothing in the dispatch writes to may be cached by the device. */
export type BindingAccess = 'read' | 'write';

const softwareNames = /swiftshader|llvmpipe|lavapipe|\bwarp\b|basic render|software/i;

/** "nvidia-geforce-rtx-4090" as its maker writes it: NVIDIA GeForce RTX 4090. */
function deviceName(device: string): string {
  const written: Readonly<Record<string, string>> = {
    nvidia: 'NVIDIA',
    geforce: 'GeForce',
    radeon: 'Radeon',
    ti: 'Ti',
  };
  return device
    .split('-')
    .filter((word) => word !== '')
    .map((word) => {
      const isAbbreviation = /\d/.test(word) || word.length <= 3;
      return written[word] ?? (isAbbreviation ? word.toUpperCase() : word[0]!.toUpperCase() + word.slice(1));
    })
    .join(' ');
}

/**
 * "NVIDIA H100 80GB HBM3 (driver 580.159.04)", "NVIDIA ampere", or whatever the adapter is willing to say: the device before its
 * driver, which is all that a description tells of some.
 */
export function adapterName({ vendor, architecture, device, description, isSoftware }: AdapterDescription): string {
  // a processor's driver tells its name and version in the description, and no device by which anyone would know it
  if (isSoftware && description !== '') return description;
  const isNamed = device !== '' && !/^0x/.test(device);
  const name = isNamed ? deviceName(device) : [vendor, architecture || device].filter((part) => part !== '').join(' ');
  if (name === '') return description || 'unnamed adapter';
  const driver = /^NVIDIA: ([\d.]+)/.exec(description)?.[1];
  const details = driver === undefined ? description : `driver ${driver}`;
  return details === '' ? name : `${name} (${details})`;
}

/** What a backend's adapter is called, whether it is software and has half precision; null where there is none or it gives no device. */
export async function adapterOf(
  backend: () => Promise<{ device(): Promise<GpuDevice> }>,
): Promise<{ readonly name: string; readonly software: boolean; readonly halves: boolean } | null> {
  try {
    const { adapter, gpu } = await (await backend()).device();
    return { name: adapterName(adapter), software: adapter.isSoftware, halves: gpu.features.has('shader-f16') };
  } catch (error) {
    if (error instanceof EngineError && error.code === 'device') return null;
    throw error;
  }
}

function describe(adapter: GPUAdapter): AdapterDescription {
  const { vendor, architecture, device, description, isFallbackAdapter } = adapter.info;
  const names = [vendor, architecture, device, description].join(' ');
  return { vendor, architecture, device, description, isSoftware: isFallbackAdapter || softwareNames.test(names) };
}

/**
 * A device with its pipelines, which are made once per text of a kernel, and the first thing that went wrong with it.
 * After a failure every call of an executable on it throws that failure.
 */
export class GpuDevice {
  readonly adapter: AdapterDescription;
  readonly limits: GpuLimits;
  readonly gpu: GPUDevice;
  #failure: EngineError | null = null;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  private constructor(gpu: GPUDevice, adapter: AdapterDescription) {
    this.gpu = gpu;
    this.adapter = adapter;
    this.limits = Object.fromEntries(limitNames.map((name) => [name, gpu.limits[name]])) as unknown as GpuLimits;
    gpu.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.fail(`WebGPU reported an error: ${event.error.message}`);
    });
    void gpu.lost.then(({ reason, message }) => {
      this.fail(`The GPU was lost (${reason}${message ? `: ${message}` : ''})`);
    });
  }

  /** Throws EngineError('device') where there is no adapter or it gives no device. */
  static async request(
    source: GpuSource,
    powerPreference: GPUPowerPreference = 'high-performance',
  ): Promise<GpuDevice> {
    const gpu = await source();
    if (gpu === undefined) {
      throw new EngineError('device', 'WebGPU is not available here; train with backend cpu.');
    }
    // a machine without a GPU may have one in software that has to be asked for
    const adapter =
      (await gpu.requestAdapter({ powerPreference })) ?? (await gpu.requestAdapter({ forceFallbackAdapter: true }));
    if (adapter === null) {
      throw new EngineError(
        'device',
        'WebGPU found no graphics adapter (no GPU, or no driver for it); train with backend cpu.',
      );
    }
    const requiredLimits = Object.fromEntries(limitNames.map((name) => [name, adapter.limits[name]]));
    const description = describe(adapter);
    try {
      const requiredFeatures = usefulFeatures.filter((feature) => adapter.features.has(feature));
      return new GpuDevice(await adapter.requestDevice({ requiredLimits, requiredFeatures }), description);
    } catch (cause) {
      throw new EngineError(
        'device',
        `The graphics adapter ${adapterName(description)} gave no device (${String(cause)}); train with backend cpu.`,
      );
    }
  }

  get failure(): EngineError | null {
    return this.#failure;
  }

  /** Notes what went wrong; the first one counts. */
  fail(message: string): EngineError {
    this.#failure ??= new EngineError(
      'device',
      `${message}. What was on the device is lost; try again, or use backend cpu.`,
    );
    return this.#failure;
  }

  /** Throws the failure, if there was one. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** The layout of bindings 0, 1, ... with these accesses. */
  layout(accesses: readonly BindingAccess[]): GPUBindGroupLayout {
    const key = accesses.join();
    let layout = this.#layouts.get(key);
    if (layout === undefined) {
      layout = this.gpu.createBindGroupLayout({
        entries: accesses.map((access, binding) => ({
          binding,
          visibility: computeStage,
          buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  /** The pipeline of a kernel's text. Rejects with EngineError('device') that names the kernel. */
  pipeline(label: string, code: string, accesses: readonly BindingAccess[]): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(code);
    if (pipeline === undefined) {
      pipeline = this.#create(label, code, accesses);
      this.#pipelines.set(code, pipeline);
      pipeline.catch(() => this.#pipelines.delete(code));
    }
    return pipeline;
  }

  async #create(label: string, code: string, accesses: readonly BindingAccess[]): Promise<GPUComputePipeline> {
    this.gpu.pushErrorScope('validation');
    const module = this.gpu.createShaderModule({ label, code });
    const layout = this.gpu.createPipelineLayout({ bindGroupLayouts: [this.layout(accesses)] });
    const pipeline = this.gpu.createComputePipelineAsync({ label, layout, compute: { module, entryPoint: 'main' } });
    const faults = this.gpu.popErrorScope();
    const refuse = (reason: string): EngineError =>
      new EngineError(
        'device',
        `Kernel "${label}" does not compile on ${adapterName(this.adapter)}: ${reason}. Train with backend cpu.`,
      );
    try {
      const made = await pipeline;
      const fault = await faults;
      if (fault) throw new Error(fault.message);
      return made;
    } catch (cause) {
      await faults.catch(() => null);
      this.check();
      const { messages } = await module.getCompilationInfo();
      const faulty = messages
        .filter(({ type }) => type === 'error')
        .map(({ lineNum, message }) => `line ${lineNum}: ${message}`);
      throw refuse(faulty.join('; ') || (cause instanceof Error ? cause.message : String(cause)));
    }
  }

  /** Runs `make` and throws what WebGPU finds wrong with it: 'memory' where the device has none left, else 'device'. */
  async guarded<T>(what: string, make: () => T): Promise<T> {
    this.check();
    this.gpu.pushErrorScope('validation');
    this.gpu.pushErrorScope('out-of-memory');
    const made = make();
    const [outOfMemory, invalid] = await Promise.all([this.gpu.popErrorScope(), this.gpu.popErrorScope()]);
    if (outOfMemory) {
      throw new EngineError(
        'memory',
        `${what}: the GPU has not enough memory (${outOfMemory.message}); use a smaller batch or model, or backend cpu.`,
      );
    }
    if (invalid) throw new EngineError('device', `${what}: ${invalid.message}`);
    this.check();
    return made;
  }

  destroy(): void {
    this.gpu.destroy();
  }
}
