import { randomSize } from '../../../engine/ops/op.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import { windowCount } from '../../../engine/ops/window.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import type { OpInstance, Phase } from '../../../engine/plan/plan.ts';
import { RandomStream, streamKind, streamOf } from '../../../engine/random.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import type { Shape, TensorValues } from '../../../engine/tensor.ts';
import type { FuzzNode, FuzzSpec } from './spec.ts';

const images = 12;

/** Lays out a random model's data and forward pass, node by node, in segment 'train'. */
export class FuzzBuilder {
  readonly builder = new PlanBuilder();
  readonly initial = new Map<TensorId, TensorValues>();
  readonly parameters: TensorId[] = [];
  readonly buffers: TensorId[] = [];
  readonly random: TensorId;
  readonly #spec: FuzzSpec;
  readonly #values: TensorId[] = [];
  #count = 0;

  constructor(spec: FuzzSpec) {
    this.#spec = spec;
    this.random = this.builder.tensor('random', [randomSize], 'i32', 'input');
  }

  stream(name: string): RandomStream {
    return new RandomStream(this.#spec.dataSeed, streamKind.noise, streamOf(name));
  }

  emit(op: object, phase: Phase = 'forward'): void {
    this.builder.op('train', { ...op, phase } as OpInstance);
  }

  activation(name: string, shape: Shape): TensorId {
    return this.builder.tensor(name, shape, 'f32', 'activation');
  }

  normals(name: string, shape: Shape, mean: number, deviation: number, role: 'parameter' | 'buffer'): TensorId {
    const id = this.builder.tensor(name, shape, 'f32', role);
    const values = new Float32Array(sizeOf(shape));
    this.stream(name).fillNormal(values);
    this.initial.set(
      id,
      values.map((value) => mean + deviation * value),
    );
    (role === 'parameter' ? this.parameters : this.buffers).push(id);
    return id;
  }

  /** Images and labels by index, fillers at the end. */
  data(): { x: TensorId; target: TensorId } {
    const { batch, image, classes, filler } = this.#spec;
    const byte = this.stream('pixels');
    const pixelShape: Shape = [images, ...image];
    const pixels = this.builder.tensor('pixels', pixelShape, 'u8', 'data');
    this.initial.set(
      pixels,
      Uint8Array.from({ length: sizeOf(pixelShape) }, () => byte.below(256)),
    );
    const labels = this.builder.tensor('labels', [images], 'u8', 'data');
    this.initial.set(
      labels,
      Uint8Array.from({ length: images }, () => byte.below(classes)),
    );
    const indices = this.builder.tensor('indices', [batch], 'i32', 'input');
    this.initial.set(
      indices,
      Int32Array.from({ length: batch }, (_, n) => (n < batch - filler ? byte.below(images) : -1)),
    );
    const offset = this.builder.tensor('offset', [1], 'f32', 'data');
    this.initial.set(offset, Float32Array.of(127.5));
    const scale = this.builder.tensor('scale', [1], 'f32', 'data');
    this.initial.set(scale, Float32Array.of(1 / 80));
    const x = this.activation('x', [batch, ...image]);
    const target = this.builder.tensor('target', [batch], 'i32', 'activation');
    this.emit({ op: 'gatherImages', attrs: {}, inputs: { pixels, indices, offset, scale }, outputs: { x } }, 'data');
    this.emit({ op: 'gatherLabels', attrs: {}, inputs: { labels, indices }, outputs: { target } }, 'data');
    this.#values.push(x);
    return { x, target };
  }

  get current(): TensorId {
    return this.#values.at(-1)!;
  }

  /** Adds the node behind the current value if it fits. */
  add(node: FuzzNode): boolean {
    const x = this.current;
    const y = this.#emitNode(node, x, this.builder.shape(x), `${node.kind}${this.#count++}`);
    if (y === undefined) return false;
    this.#values.push(y);
    return true;
  }

  #emitNode(node: FuzzNode, x: TensorId, shape: Shape, name: string): TensorId | undefined {
    switch (node.kind) {
      case 'conv2d':
        return this.#conv2d(node, x, shape, name);
      case 'linear': {
        if (shape.length !== 2) return undefined;
        const weight = this.normals(`${name}.weight`, [node.outs, shape[1]!], 0, shape[1]! ** -0.5, 'parameter');
        const bias = node.bias ? { bias: this.normals(`${name}.bias`, [node.outs], 0, 0.3, 'parameter') } : {};
        const y = this.activation(`${name}.y`, [shape[0]!, node.outs]);
        this.emit({ op: 'linear', attrs: {}, inputs: { x, weight, ...bias }, outputs: { y } });
        return y;
      }
      case 'maxPool2d':
      case 'avgPool2d':
        return this.#pool(node, x, shape, name);
      case 'globalAvgPool2d':
      case 'flatten': {
        if (shape.length !== 4) return undefined;
        const features = node.kind === 'flatten' ? sizeOf(shape.slice(1)) : shape[1]!;
        const y = this.activation(`${name}.y`, [shape[0]!, features]);
        this.emit({ op: node.kind, attrs: {}, inputs: { x }, outputs: { y } });
        return y;
      }
      case 'batchNorm':
        return this.#batchNorm(node, x, shape, name);
      case 'groupNorm':
      case 'layerNorm':
        return this.#imageNorm(node, x, shape, name);
      case 'noise': {
        const factors = {
          scale: this.activation(`${name}.scale`, shape.slice(0, 2)),
          shift: this.activation(`${name}.shift`, shape.slice(0, 2)),
        };
        const spreads = { meanRange: 0.5, largestScale: 1.25, meanSpread: 0.1, scaleSpread: 0.1 };
        const attrs = { stream: streamOf(name), ...spreads };
        this.emit({ op: 'noise', attrs, inputs: { random: this.random }, outputs: factors });
        const y = this.activation(`${name}.y`, shape);
        this.emit({ op: 'scaleShift', attrs: {}, inputs: { x, ...factors }, outputs: { y } });
        return y;
      }
      case 'resize': {
        if (shape.length !== 4) return undefined;
        const y = this.activation(`${name}.y`, [shape[0]!, shape[1]!, ...node.size]);
        this.emit({ op: 'resize', attrs: { mode: node.mode }, inputs: { x }, outputs: { y } });
        return y;
      }
      case 'dropout': {
        const maskShape = node.channel ? shape.slice(0, 2) : shape;
        const mask = this.builder.tensor(`${name}.mask`, maskShape, 'u8', 'activation');
        const attrs = { p: node.p, stream: streamOf(name) };
        this.emit({ op: 'dropoutMask', attrs, inputs: { random: this.random }, outputs: { mask } });
        const y = this.activation(`${name}.y`, shape);
        this.emit({ op: 'dropout', attrs: { scale: 1 / (1 - node.p) }, inputs: { x, mask }, outputs: { y } });
        return y;
      }
      case 'activation': {
        const y = this.activation(`${name}.y`, shape);
        // Leaky ReLU alone has a slope, ELU alone an alpha, GELU alone a form.
        const attrs = {
          fn: node.fn,
          ...(node.fn === 'leakyRelu' && { slope: node.slope }),
          ...(node.fn === 'elu' && { alpha: Math.abs(node.slope) * 5 }),
          ...(node.fn === 'gelu' && { approximate: node.approximate }),
        };
        this.emit({ op: 'activation', attrs, inputs: { x }, outputs: { y } });
        return y;
      }
      case 'softmax':
      case 'logSoftmax': {
        const y = this.activation(`${name}.y`, shape);
        const attrs = { axis: 1 + ((node.axis - 1) % (shape.length - 1)) };
        this.emit({ op: node.kind, attrs, inputs: { x }, outputs: { y } });
        return y;
      }
      case 'add':
      case 'concat':
        return this.#join(node, x, shape, name);
    }
  }

  #conv2d(node: Extract<FuzzNode, { kind: 'conv2d' }>, x: TensorId, shape: Shape, name: string): TensorId | undefined {
    const { outs, kernel, stride, pads, dilation, groups } = node;
    if (shape.length !== 4 || shape[1]! % groups !== 0 || outs % groups !== 0) return undefined;
    const extent = (axis: 0 | 1): number => {
      const reach = (kernel[axis] - 1) * dilation[axis] + 1;
      return windowCount(shape[2 + axis]!, reach, stride[axis], pads[axis], pads[axis + 2]!);
    };
    const [height, width] = [extent(0), extent(1)];
    if (height < 1 || width < 1) return undefined;
    const weightShape = [outs, shape[1]! / groups, ...kernel];
    const fanIn = sizeOf(weightShape.slice(1));
    const weight = this.normals(`${name}.weight`, weightShape, 0, fanIn ** -0.5, 'parameter');
    const bias = node.bias ? { bias: this.normals(`${name}.bias`, [outs], 0, 0.3, 'parameter') } : {};
    const y = this.activation(`${name}.y`, [shape[0]!, outs, height, width]);
    this.emit({
      op: 'conv2d',
      attrs: { stride, pads, dilation, groups },
      inputs: { x, weight, ...bias },
      outputs: { y },
    });
    return y;
  }

  #pool(
    node: Extract<FuzzNode, { kind: 'maxPool2d' | 'avgPool2d' }>,
    x: TensorId,
    shape: Shape,
    name: string,
  ): TensorId | undefined {
    const { kernel, stride, pads, roundUp } = node;
    if (shape.length !== 4) return undefined;
    // Padding as wide as the kernel would make windows without a pixel.
    if (pads.some((pad, side) => pad >= kernel[side % 2]!)) return undefined;
    const extent = (axis: 0 | 1): number => {
      const size = shape[2 + axis]!;
      const count = windowCount(size, kernel[axis], stride[axis], pads[axis], pads[axis + 2]!);
      const rest = (size + pads[axis] + pads[axis + 2]! - kernel[axis]) % stride[axis] !== 0;
      return count > 0 && roundUp && rest && count * stride[axis] < size + pads[axis] ? count + 1 : count;
    };
    const [height, width] = [extent(0), extent(1)];
    if (height < 1 || width < 1) return undefined;
    const y = this.activation(`${name}.y`, [shape[0]!, shape[1]!, height, width]);
    const window = { kernel, stride, pads };
    const attrs = node.kind === 'avgPool2d' ? { ...window, countIncludePad: node.countIncludePad } : window;
    this.emit({ op: node.kind, attrs, inputs: { x }, outputs: { y } });
    return y;
  }

  #batchNorm(
    node: Extract<FuzzNode, { kind: 'batchNorm' }>,
    x: TensorId,
    shape: Shape,
    name: string,
  ): TensorId | undefined {
    // Statistics of very few values are ill-conditioned: correct backends would differ.
    if (sizeOf(shape) / shape[1]! < 6) return undefined;
    const channels = [shape[1]!];
    const affine = node.affine
      ? {
          gamma: this.normals(`${name}.gamma`, channels, 1, 0.2, 'parameter'),
          beta: this.normals(`${name}.beta`, channels, 0, 0.2, 'parameter'),
        }
      : {};
    const running = {
      runningMean: this.normals(`${name}.runningMean`, channels, 0, 0.1, 'buffer'),
      runningVar: this.normals(`${name}.runningVar`, channels, 2, 0.1, 'buffer'),
    };
    const y = this.activation(`${name}.y`, shape);
    if (node.frozen) {
      const inputs = { x, ...affine, ...running };
      this.emit({ op: 'batchNormInference', attrs: { eps: node.eps }, inputs, outputs: { y } });
      return y;
    }
    const tracked: { batchesTracked?: TensorId } = {};
    if (node.momentum === null) {
      tracked.batchesTracked = this.builder.tensor(`${name}.batchesTracked`, [1], 'i32', 'buffer');
      this.initial.set(tracked.batchesTracked, Int32Array.of(3));
    }
    const batch = {
      batchMean: this.activation(`${name}.batchMean`, channels),
      batchVar: this.activation(`${name}.batchVar`, channels),
    };
    const attrs = { momentum: node.momentum, eps: node.eps };
    this.emit({ op: 'batchNorm', attrs, inputs: { x, ...affine, ...running, ...tracked }, outputs: { y, ...batch } });
    return y;
  }

  #imageNorm(
    node: Extract<FuzzNode, { kind: 'groupNorm' | 'layerNorm' }>,
    x: TensorId,
    shape: Shape,
    name: string,
  ): TensorId | undefined {
    const groups = node.kind === 'groupNorm' ? node.groups : 1;
    // As with batch norm, statistics of very few values are ill-conditioned.
    if (shape[1]! % groups !== 0 || sizeOf(shape.slice(1)) / groups < 6) return undefined;
    const own = node.kind === 'groupNorm' ? [shape[1]!] : shape.slice(1);
    const affine = node.affine
      ? {
          gamma: this.normals(`${name}.gamma`, own, 1, 0.2, 'parameter'),
          beta: this.normals(`${name}.beta`, own, 0, 0.2, 'parameter'),
        }
      : {};
    const y = this.activation(`${name}.y`, shape);
    const mean = this.activation(`${name}.mean`, [shape[0]!, groups]);
    const variance = this.activation(`${name}.variance`, [shape[0]!, groups]);
    const attrs = node.kind === 'groupNorm' ? { groups, eps: node.eps } : { eps: node.eps };
    this.emit({ op: node.kind, attrs, inputs: { x, ...affine }, outputs: { y, mean, variance } });
    return y;
  }

  #join(
    node: Extract<FuzzNode, { kind: 'add' | 'concat' }>,
    x: TensorId,
    shape: Shape,
    name: string,
  ): TensorId | undefined {
    const other = this.#values.at(-1 - node.back);
    if (other === undefined) return undefined;
    const otherShape = this.builder.shape(other);
    const same = (from: number): boolean =>
      otherShape.length === shape.length && shape.slice(from).join() === otherShape.slice(from).join();
    if (node.kind === 'add') {
      if (!same(1)) return undefined;
      const y = this.activation(`${name}.y`, shape);
      this.emit({ op: 'add', attrs: {}, inputs: { a: x, b: other }, outputs: { y } });
      return y;
    }
    if (!same(2)) return undefined;
    const y = this.activation(`${name}.y`, [shape[0]!, shape[1]! + otherShape[1]!, ...shape.slice(2)]);
    this.emit({ op: 'concat', attrs: { axis: 1 }, inputs: { xs: [x, other] }, outputs: { y } });
    return y;
  }
}
