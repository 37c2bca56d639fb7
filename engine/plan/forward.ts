import type { CheckedGraph, CheckedNode } from '../graph/check.ts';
import { layers } from '../layers/index.ts';
import type { Mode } from '../layers/layer.ts';
import type { TensorId } from '../ops/op.ts';
import { formatShape, sizeOf, type Shape } from '../tensor.ts';
import type { PlanBuilder } from './builder.ts';
import type { TensorRole } from './plan.ts';

/** What every forward pass of a model reads. */
export interface ModelTensors {
  readonly builder: PlanBuilder;
  readonly checked: CheckedGraph;
  /** Parameters and buffers by "<node>.<name>". */
  readonly named: ReadonlyMap<string, TensorId>;
  readonly random: TensorId;
  /** Normalisations that use and keep their running statistics in training too (frozen ones). */
  readonly still?: ReadonlySet<string>;
}

/** What every segment of a training plan reads. */
export interface SharedTensors extends ModelTensors {
  readonly offset: TensorId;
  readonly scale: TensorId;
  /** f32 [F, F], multiplied on the F values of each image; undefined: not. */
  readonly whitening?: TensorId;
  readonly trainPixels: TensorId;
  readonly trainLabels: TensorId;
  readonly trainIndices: TensorId;
  /** How the images of `trainIndices` are changed; undefined: not at all. */
  readonly augmentation?: TensorId;
  /** f32 [1] and i32 [N]: image n of `trainIndices` is mixed with image n + 1, whose place in the file is partners[n]; undefined: not. */
  readonly mixing?: { readonly weight: TensorId; readonly partners: TensorId };
  readonly hyper: TensorId;
}

interface SegmentOptions {
  readonly segment: string;
  readonly mode: Mode;
  /** In front of the names of the segment's own tensors. */
  readonly prefix: string;
  /** Where the model's output goes; undefined: a tensor of the segment. */
  readonly logits: TensorId | undefined;
}

export interface ForwardOptions extends SegmentOptions {
  readonly data: { readonly pixels: TensorId; readonly labels: TensorId; readonly indices: TensorId };
}

export interface ModelOptions extends SegmentOptions {
  readonly batch: number;
  /** The value of the input node; `output` makes the tensor that it usually has. */
  readonly input: (node: string, output: () => TensorId) => TensorId;
  /** Of the nodes' values: 'result' where the host reads them. Default 'activation'. */
  readonly role?: TensorRole;
}

/** Labels i32 [N], and where images are mixed, those of the partners and the part of an image's own. */
export interface Targets {
  readonly target: TensorId;
  readonly mixed?: { readonly target: TensorId; readonly weight: TensorId };
}

/** Appends the gathering of a batch and the forward pass of the model. Returns its output and the targets. */
export function lowerForward(
  shared: SharedTensors,
  options: ForwardOptions,
): { readonly logits: TensorId; readonly targets: Targets } {
  const { builder } = shared;
  const { segment, prefix, data } = options;
  const batch = builder.shape(data.indices)[0]!;
  let targets: Targets | undefined;
  const { logits } = lowerModel(shared, {
    ...options,
    batch,
    input: (node, output) => {
      const x = output();
      const target = builder.tensor(`${prefix}${node}.target`, [batch], 'i32', 'activation', node);
      const [, ...stored] = builder.shape(data.pixels);
      const isResized = formatShape(stored) !== formatShape(builder.shape(x).slice(1));
      const own = (name: string, shape: Shape): TensorId =>
        builder.tensor(`${prefix}${node}.${name}`, [batch, ...shape], 'f32', 'activation', node);
      // other images than those of a step are never mixed
      const mixing = data.indices === shared.trainIndices ? shared.mixing : undefined;
      const clear = mixing === undefined ? x : own('clear', builder.shape(x).slice(1));
      const seen = shared.whitening === undefined ? clear : own('seen', builder.shape(x).slice(1));
      const images = isResized ? own('stored', stored) : seen;
      gather(shared, options, node, images, target);
      const placed = { phase: 'data', node } as const;
      if (isResized) {
        const attrs = { mode: 'bilinearAntialias' } as const;
        builder.op(segment, { op: 'resize', attrs, inputs: { x: images }, outputs: { y: seen }, ...placed });
      }
      if (shared.whitening !== undefined) {
        // a matrix product on the pixels of the batch, in rows
        const flat = own('flat', [sizeOf(builder.shape(x).slice(1))]);
        const white = own('white', builder.shape(flat).slice(1));
        const inputs = { x: flat, weight: shared.whitening };
        builder.op(segment, { op: 'flatten', attrs: {}, inputs: { x: seen }, outputs: { y: flat }, ...placed });
        builder.op(segment, { op: 'linear', attrs: {}, inputs, outputs: { y: white }, ...placed });
        builder.op(segment, { op: 'flattenGrad', attrs: {}, inputs: { dy: white }, outputs: { dx: clear }, ...placed });
      }
      targets = { target };
      if (mixing !== undefined) {
        const { weight, partners } = mixing;
        const partner = builder.tensor(`${prefix}${node}.partner`, [batch], 'i32', 'activation', node);
        const labels = { labels: data.labels, indices: partners };
        const inputs = { a: clear, b: clear, weight };
        builder.op(segment, { op: 'gatherLabels', attrs: {}, inputs: labels, outputs: { target: partner }, ...placed });
        builder.op(segment, { op: 'mixRows', attrs: { shift: 1 }, inputs, outputs: { y: x }, ...placed });
        targets = { target, mixed: { target: partner, weight } };
      }
      return x;
    },
  });
  return { logits, targets: targets! };
}

/** Appends the forward pass of the model on whatever `input` gives it. Returns its output, and the value of every node. */
export function lowerModel(
  shared: ModelTensors,
  options: ModelOptions,
): { readonly logits: TensorId; readonly values: ReadonlyMap<string, TensorId> } {
  const { builder, checked } = shared;
  const { segment, mode, prefix, batch, role = 'activation' } = options;
  const nodes = new Map(checked.nodes.map((node) => [node.id, node]));
  const source = sourceOf(nodes.get(checked.outputId)!, nodes, mode);
  const values = new Map<string, TensorId>();

  for (const node of checked.nodes) {
    const output = (): TensorId =>
      node === source && options.logits !== undefined
        ? options.logits
        : builder.tensor(`${prefix}${node.id}.y`, [batch, ...node.outputShape], 'f32', role, node.id);
    if (node.layer === 'input') {
      values.set(node.id, options.input(node.id, output));
    } else if (isIdentity(node, mode)) {
      values.set(node.id, values.get(node.inputs[0]!)!);
    } else {
      const y = output();
      values.set(node.id, y);
      const { id } = node;
      layers[node.layer].lower(node.props, {
        node: id,
        mode: shared.still?.has(id) === true && isNormalisation(node) ? 'evaluate' : mode,
        inputs: node.inputs.map((input) => values.get(input)!),
        output: y,
        random: shared.random,
        shape: (tensor) => builder.shape(tensor),
        parameter: (name) => shared.named.get(`${id}.${name}`)!,
        buffer: (name) => shared.named.get(`${id}.${name}`)!,
        tensor: (name, shape, dtype) => builder.tensor(`${prefix}${id}.${name}`, shape, dtype, 'activation', id),
        emit: (op) => builder.op(segment, { ...op, phase: 'forward', node: id }),
      });
    }
  }
  return { logits: values.get(checked.outputId)!, values };
}

function gather(
  { builder, offset, scale, augmentation, trainIndices }: SharedTensors,
  { segment, data }: ForwardOptions,
  node: string,
  x: TensorId,
  target: TensorId,
): void {
  const inputs = { pixels: data.pixels, indices: data.indices, offset, scale };
  const place = { outputs: { x }, phase: 'data', node } as const;
  // other images than those of a step, such as validation images, are never changed
  if (augmentation !== undefined && data.indices === trainIndices) {
    builder.op(segment, { op: 'augmentImages', attrs: {}, inputs: { ...inputs, augmentation }, ...place });
  } else {
    builder.op(segment, { op: 'gatherImages', attrs: {}, inputs, ...place });
  }
  builder.op(segment, {
    op: 'gatherLabels',
    attrs: {},
    inputs: { labels: data.labels, indices: data.indices },
    outputs: { target },
    phase: 'data',
    node,
  });
}

const isIdentity = ({ layer, props }: CheckedNode, mode: Mode): boolean =>
  layer !== 'input' && layers[layer].isIdentity?.(props, mode) === true;

const isNormalisation = ({ layer }: CheckedNode): boolean => layer === 'batchNorm' || layer === 'noisyBatchNorm';

/** The node whose op writes the value of `node`: the first one behind it that does not just hand its input on. */
function sourceOf(node: CheckedNode, nodes: ReadonlyMap<string, CheckedNode>, mode: Mode): CheckedNode {
  let source = node;
  while (isIdentity(source, mode)) source = nodes.get(source.inputs[0]!)!;
  return source;
}
