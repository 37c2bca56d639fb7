import type { Executable } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import type { Plan, TensorSpec } from '../plan/plan.ts';
import { formatShape, sizeOf, type TensorValues } from '../tensor.ts';
import { decodeHalves } from './half.ts';
import { bufferUsage, mapRead, type AdapterDescription, type GpuDevice } from './device.ts';
import type { Chunk, GpuView, Placement, StreamPlacement } from './memory.ts';
import { ImageStream } from './stream.ts';
import { segmentsThatRead } from './streamPlan.ts';

/** A dispatch with everything that its replay needs. */
export interface PreparedDispatch {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly workgroups: readonly [x: number, y: number, z: number];
}

const arrayOf = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

/** The part of a tensor in one buffer, and the bytes of its values before it. */
type Part = Pick<Chunk, 'view'> & { readonly begin: number };

/** A data tensor of which the device holds some images. */
interface OpenStream {
  readonly tensor: TensorId;
  readonly images: ImageStream;
  readonly lists: readonly {
    readonly segments: ReadonlySet<string>;
    /** Image numbers as the host wrote them, and the rows that stand in for them; both in the memory of the inputs. */
    readonly numbers: Int32Array;
    readonly rows: Int32Array;
    readonly view: GpuView;
  }[];
}

const intsAt = (memory: Uint8Array<ArrayBuffer>, { offset, bytes }: GpuView): Int32Array =>
  new Int32Array(memory.buffer, memory.byteOffset + offset, bytes / 4);

function encode(pass: GPUComputePassEncoder, dispatches: readonly PreparedDispatch[]): void {
  let current: GPUComputePipeline | undefined;
  for (const { pipeline, group, workgroups } of dispatches) {
    if (pipeline !== current) pass.setPipeline(pipeline);
    current = pipeline;
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
  }
}

/** A compiled plan in buffers of a device; see `Executable`. What `run` does is queued, and `read` waits for it. */
export class GpuExecutable implements Executable {
  readonly plan: Plan;
  readonly bytes: number;
  readonly threads = 1;
  readonly queued = true;
  readonly adapter: AdapterDescription;
  readonly forms: Readonly<Record<string, string>>;
  readonly halves: ReadonlySet<TensorId>;
  /** Only where there is something to look ahead for. */
  readonly lookAhead?: (pixels: TensorId, images: Int32Array) => void;
  /** Asked at every run where its pass notes the GPU's clock; for measurements (passTimer.ts). */
  timestamps: (() => GPUComputePassTimestampWrites | undefined) | undefined;
  readonly #device: GpuDevice;
  readonly #placement: Placement;
  readonly #buffers: readonly GPUBuffer[];
  readonly #segments: ReadonlyMap<string, readonly PreparedDispatch[]>;
  readonly #streams: readonly OpenStream[];
  /** What the host has written to the input tensors; goes to the device in one piece before the next run. */
  readonly #inputs: Uint8Array<ArrayBuffer>;
  #dirtyBegin = Infinity;
  #dirtyEnd = 0;
  /** Buffers to read back through, by size, that no read uses now. */
  readonly #staging = new Map<number, GPUBuffer[]>();
  #disposed = false;

  constructor(
    plan: Plan,
    device: GpuDevice,
    placement: Placement,
    buffers: readonly GPUBuffer[],
    segments: ReadonlyMap<string, readonly PreparedDispatch[]>,
    forms: Readonly<Record<string, string>>,
  ) {
    this.plan = plan;
    this.adapter = device.adapter;
    this.#device = device;
    this.#placement = placement;
    this.#buffers = buffers;
    this.#segments = segments;
    this.forms = forms;
    this.halves = placement.halves;
    this.bytes = buffers.reduce((sum, buffer) => sum + buffer.size, 0);
    this.#inputs = new Uint8Array(placement.buffers[placement.inputs]!);
    this.#streams = placement.streams.map((stream) => this.#openStream(stream));
    if (this.#streams.length === 0) return;
    this.lookAhead = (pixels, images) => {
      this.#device.check();
      this.#require();
      this.#streams.find(({ tensor }) => tensor === pixels)?.images.lookAhead(images);
    };
  }

  /** Images that have been uploaded of data tensors that are not resident, for measurements. */
  get streamedImages(): number {
    return this.#streams.reduce((sum, { images }) => sum + images.uploaded, 0);
  }

  /** Dispatches of a segment, for measurements. */
  dispatchesOf(segment: string): number {
    return this.#segment(segment).length;
  }

  write(tensor: TensorId, values: TensorValues): void {
    const spec = this.#check(tensor, values);
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const stream = this.#streams.find((each) => each.tensor === tensor);
    if (stream) {
      stream.images.source = bytes;
      return;
    }
    if (this.halves.has(tensor)) {
      throw new EngineError(
        'plan',
        `Tensor "${spec.name}" is computed on the device, in half precision; it is not written.`,
      );
    }
    for (const { view, begin } of this.#parts(spec)) {
      const part = bytes.subarray(begin, begin + view.bytes);
      if (view.buffer === this.#placement.inputs) this.#note(view, part);
      else this.#send(view, part);
    }
  }

  async read(tensor: TensorId, into: TensorValues): Promise<void> {
    const spec = this.#check(tensor, into);
    const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    const stream = this.#streams.find((each) => each.tensor === tensor);
    if (stream) {
      bytes.set(stream.images.source ?? new Uint8Array(bytes.length));
      return;
    }
    this.#flush();
    if (this.halves.has(tensor)) {
      const view = this.#placement.views[tensor]!;
      const halves = new Uint8Array(view.bytes);
      await this.#fetch(spec, view, halves);
      decodeHalves(halves, into as Float32Array);
      return;
    }
    // all copies are in the queue before the first one is waited for
    const reads = this.#parts(spec).map(({ view, begin }) => this.#fetch(spec, view, bytes.subarray(begin)));
    await Promise.all(reads);
  }

  run(segment: string): void {
    this.runRepeatedly(segment, 1);
  }

  /** Runs a segment so often, all in one piece of the queue: for measurements, which are not to be of the host's part. */
  runRepeatedly(segment: string, times: number): void {
    const dispatches = this.#prepare(segment);
    const encoder = this.#device.gpu.createCommandEncoder();
    const timestampWrites = this.timestamps?.();
    const pass = encoder.beginComputePass(timestampWrites && { timestampWrites });
    for (let i = 0; i < times; i++) encode(pass, dispatches);
    pass.end();
    this.#device.gpu.queue.submit([encoder.finish()]);
  }

  /** Runs a segment with a pass for each dispatch, so that `timestamps` is asked for every one of them. Their labels, in order. */
  runApart(segment: string): readonly string[] {
    const dispatches = this.#prepare(segment);
    const encoder = this.#device.gpu.createCommandEncoder();
    for (const dispatch of dispatches) {
      const timestampWrites = this.timestamps?.();
      const pass = encoder.beginComputePass(timestampWrites && { timestampWrites });
      encode(pass, [dispatch]);
      pass.end();
    }
    this.#device.gpu.queue.submit([encoder.finish()]);
    return dispatches.map(({ label }) => label);
  }

  /** The dispatches of a segment, once what the host wrote for it is in the queue. */
  #prepare(segment: string): readonly PreparedDispatch[] {
    this.#device.check();
    this.#require();
    const dispatches = this.#segment(segment);
    for (let i = 0; i < this.#streams.length; i++) this.#fillRows(this.#streams[i]!, segment);
    this.#flush();
    return dispatches;
  }

  dispose(): Promise<void> {
    if (this.#disposed) return Promise.resolve();
    this.#disposed = true;
    for (const buffer of [...this.#buffers, ...[...this.#staging.values()].flat()]) buffer.destroy();
    return Promise.resolve();
  }

  #openStream(stream: StreamPlacement): OpenStream {
    const { tensor, rowsOf } = stream;
    const { shape } = this.plan.tensors[tensor]!;
    const ring = this.#placement.views[tensor]!;
    const imageBytes = sizeOf(shape.slice(1));
    const images = new ImageStream({ ...stream, images: shape[0]!, imageBytes }, (row, bytes) => {
      const offset = ring.offset + row * stream.rowBytes;
      this.#device.gpu.queue.writeBuffer(this.#buffers[ring.buffer]!, offset, bytes);
    });
    const lists = [...rowsOf].map(([indices, view]) => ({
      segments: segmentsThatRead(this.plan, tensor, indices),
      numbers: intsAt(this.#inputs, this.#placement.views[indices]!),
      rows: intsAt(this.#inputs, view),
      view,
    }));
    return { tensor, images, lists };
  }

  /** Tells the kernels of a segment where the images lie that it reads, and uploads those that lie nowhere. */
  #fillRows({ images, lists }: OpenStream, segment: string): void {
    images.begin();
    for (let i = 0; i < lists.length; i++) {
      const { segments, numbers, rows, view } = lists[i]!;
      if (!segments.has(segment)) continue;
      images.place(numbers, rows);
      this.#touch(view.offset, view.bytes);
    }
  }

  #segment(name: string): readonly PreparedDispatch[] {
    const found = this.#segments.get(name);
    if (found) return found;
    const names = [...this.#segments.keys()].join(', ');
    throw new EngineError('plan', `The plan has no segment "${name}"; it has: ${names}.`);
  }

  #require(): void {
    if (this.#disposed) throw new EngineError('plan', 'This executable was disposed of; compile the plan again.');
  }

  /** The tensor, once `values` is known to have its type and size. */
  #check(tensor: TensorId, values: TensorValues): TensorSpec {
    this.#device.check();
    this.#require();
    const spec = this.plan.tensors[tensor];
    if (!spec) throw new EngineError('plan', `The plan has no tensor ${tensor}.`);
    const size = sizeOf(spec.shape);
    if (values instanceof arrayOf[spec.dtype] && values.length === size) return spec;
    throw new EngineError(
      'data',
      `Tensor "${spec.name}" is ${spec.dtype} ${formatShape(spec.shape)} (${size} values), but a ${values.constructor.name} of ${values.length} was given.`,
    );
  }

  #parts(spec: TensorSpec): readonly Part[] {
    const chunks = this.#placement.chunks.get(spec.id);
    if (chunks === undefined) return [{ view: this.#placement.views[spec.id]!, begin: 0 }];
    const rowBytes = sizeOf(spec.shape.slice(1));
    return chunks.map(({ view, firstRow }) => ({ view, begin: firstRow * rowBytes }));
  }

  #note({ offset }: GpuView, bytes: Uint8Array): void {
    this.#inputs.set(bytes, offset);
    this.#touch(offset, bytes.length);
  }

  #touch(offset: number, bytes: number): void {
    this.#dirtyBegin = Math.min(this.#dirtyBegin, offset);
    this.#dirtyEnd = Math.max(this.#dirtyEnd, Math.ceil((offset + bytes) / 4) * 4);
  }

  #flush(): void {
    if (this.#dirtyEnd === 0) return;
    const [begin, end] = [this.#dirtyBegin, this.#dirtyEnd];
    this.#dirtyBegin = Infinity;
    this.#dirtyEnd = 0;
    const buffer = this.#buffers[this.#placement.inputs]!;
    this.#device.gpu.queue.writeBuffer(buffer, begin, this.#inputs, begin, end - begin);
  }

  /** The queue takes whole words: a last, incomplete one is filled up. */
  #send({ buffer, offset }: GpuView, bytes: Uint8Array): void {
    const { queue } = this.#device.gpu;
    const target = this.#buffers[buffer]!;
    const whole = bytes.length - (bytes.length % 4);
    if (whole > 0) queue.writeBuffer(target, offset, bytes as Uint8Array<ArrayBuffer>, 0, whole);
    if (whole === bytes.length) return;
    const rest = new Uint8Array(4);
    rest.set(bytes.subarray(whole));
    queue.writeBuffer(target, offset + whole, rest);
  }

  async #fetch(spec: TensorSpec, view: GpuView, into: Uint8Array): Promise<void> {
    const { gpu } = this.#device;
    const staging = this.#takeStaging(view.bytes);
    const encoder = gpu.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#buffers[view.buffer]!, view.offset, staging, 0, view.bytes);
    gpu.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(mapRead, 0, view.bytes);
    } catch (cause) {
      if (this.#disposed) this.#require();
      // the loss of a device is told by a promise of its own, which knows more
      await Promise.race([gpu.lost, new Promise((resolve) => queueMicrotask(() => resolve(null)))]);
      throw this.#device.fail(`Reading "${spec.name}" from the GPU failed (${String(cause)})`);
    }
    this.#device.check();
    into.set(new Uint8Array(staging.getMappedRange(0, view.bytes), 0, Math.min(view.bytes, into.length)));
    staging.unmap();
    this.#staging.get(staging.size)!.push(staging);
  }

  #takeStaging(bytes: number): GPUBuffer {
    const free = this.#staging.get(bytes) ?? [];
    this.#staging.set(bytes, free);
    return (
      free.pop() ??
      this.#device.gpu.createBuffer({
        label: 'read-back',
        size: bytes,
        usage: bufferUsage.mapRead | bufferUsage.copyTarget,
      })
    );
  }
}
