import type { FuzzNode, FuzzSpec } from './spec.ts';

const half = (value: number): number => Math.max(1, Math.floor(value / 2));

/** Simpler forms of a node, one change each. */
function* simplerNodes(node: FuzzNode): Generator<FuzzNode> {
  if ('stride' in node) {
    if (node.stride.some((value) => value > 1)) yield { ...node, stride: [1, 1] };
    if (node.pads.some((value) => value > 0)) yield { ...node, pads: [0, 0, 0, 0] };
    if (node.kernel.some((value) => value > 1)) yield { ...node, kernel: [half(node.kernel[0]), half(node.kernel[1])] };
  }
  if (node.kind === 'conv2d') {
    if (node.dilation.some((value) => value > 1)) yield { ...node, dilation: [1, 1] };
    if (node.groups > 1) yield { ...node, groups: 1 };
  }
  if ('bias' in node && node.bias) yield { ...node, bias: false };
  if ('outs' in node && node.outs > 1) {
    yield { ...node, outs: half(node.outs) };
    yield { ...node, outs: node.outs - 1 };
  }
  if (node.kind === 'groupNorm' && node.groups > 1) yield { ...node, groups: 1 };
  if (node.kind === 'resize') yield { ...node, size: [half(node.size[0]), half(node.size[1])] };
  if ('affine' in node && node.affine) yield { ...node, affine: false };
  if ('roundUp' in node && node.roundUp) yield { ...node, roundUp: false };
  if (node.kind === 'batchNorm' && node.momentum !== 1) yield { ...node, momentum: 1 };
  if (node.kind === 'dropout' && node.channel) yield { ...node, channel: false };
}

/** Simpler models, the largest steps first. */
function* simpler(spec: FuzzSpec): Generator<FuzzSpec> {
  // whole stretches first, as delta debugging does (Zeller and Hildebrandt 2002), then single nodes
  for (let size = half(spec.nodes.length); size >= 1; size = size === 1 ? 0 : half(size)) {
    for (let i = 0; i + size <= spec.nodes.length; i += size) {
      yield { ...spec, nodes: spec.nodes.toSpliced(i, size) };
    }
  }
  for (const batch of [1, half(spec.batch), spec.batch - 1]) {
    if (batch >= 1 && batch < spec.batch) yield { ...spec, batch, filler: Math.min(spec.filler, batch - 1) };
  }
  for (let axis = 0; axis < 3; axis++) {
    const extent = spec.image[axis]!;
    for (const smaller of [1, half(extent), extent - 1]) {
      if (smaller >= 1 && smaller < extent) {
        yield { ...spec, image: spec.image.with(axis, smaller) as unknown as FuzzSpec['image'] };
      }
    }
  }
  if (spec.classes > 2) yield { ...spec, classes: 2 };
  if (spec.filler > 0) yield { ...spec, filler: 0 };
  if (spec.loss !== 'crossEntropy') yield { ...spec, loss: 'crossEntropy' };
  if (spec.labelSmoothing > 0) yield { ...spec, labelSmoothing: 0 };
  if (spec.classWeights) yield { ...spec, classWeights: false };
  if (spec.weightDecay > 0) yield { ...spec, weightDecay: 0 };
  if (spec.clip !== null) yield { ...spec, clip: null };
  if (spec.l1 > 0) yield { ...spec, l1: 0 };
  if (spec.accumulate > 1) yield { ...spec, accumulate: 1 };
  if (spec.centered) yield { ...spec, centered: false };
  if (spec.optimizer !== 'sgd') yield { ...spec, optimizer: 'sgd' };
  if (spec.momentum > 0) yield { ...spec, momentum: 0 };
  for (const [i, node] of spec.nodes.entries()) {
    for (const simple of simplerNodes(node)) yield { ...spec, nodes: spec.nodes.with(i, simple) };
  }
}

/** The simplest model reached by steps that keep `fails` true, trying at most `attempts` models. */
export async function minimise(
  spec: FuzzSpec,
  fails: (spec: FuzzSpec) => Promise<boolean>,
  attempts = 400,
): Promise<FuzzSpec> {
  let best = spec;
  for (let progress = true; progress;) {
    progress = false;
    for (const candidate of simpler(best)) {
      if (attempts-- <= 0) return best;
      if (!(await fails(candidate))) continue;
      best = candidate;
      progress = true;
      break;
    }
  }
  return best;
}
