import fc from 'fast-check';
import type { GraphDocument, NodeDocument } from '../../../engine/graph/document.ts';

/** Choices that make a network whose weights do not depend on the size of its images. */
export interface GraphChoices {
  readonly blocks: readonly (typeof blockKinds)[number][];
  readonly activation: (typeof activations)[number];
  readonly norm: (typeof norms)[number];
  readonly dropout: number;
  readonly channelDropout: boolean;
  readonly init: 'he' | 'orthogonal' | 'lsuv' | 'glorot' | 'lecun';
  readonly filters: number;
  readonly bias: boolean;
}

const blockKinds = [
  'conv',
  'strided',
  'residual',
  'avgPool',
  'maxPool',
  'depthwise',
  'dilated',
  'concat',
  'resize',
] as const;
const activations = [
  'tanh',
  'relu',
  'sigmoid',
  'gelu',
  'elu',
  'selu',
  'silu',
  'softplus',
  'leakyRelu',
  'hardSwish',
  'mish',
] as const;
const norms = ['none', 'batchNorm', 'cumulative', 'noisyBatchNorm', 'groupNorm', 'layerNorm'] as const;

export const graphChoices: fc.Arbitrary<GraphChoices> = fc.record({
  blocks: fc.array(fc.constantFrom(...blockKinds), { maxLength: 3 }),
  activation: fc.constantFrom(...activations),
  norm: fc.constantFrom(...norms),
  dropout: fc.constantFrom(0, 0.3),
  channelDropout: fc.boolean(),
  init: fc.constantFrom('he', 'orthogonal', 'lsuv', 'glorot', 'lecun'),
  filters: fc.integer({ min: 1, max: 9 }),
  bias: fc.boolean(),
});

/** @param eps of the normalisations; null: as they have it. */
export function graphOf(choices: GraphChoices, classes: number, eps: number | null): GraphDocument {
  const { blocks, activation, dropout, filters } = choices;
  const nodes: NodeDocument[] = [{ id: 'image', layer: 'input' }];
  const last = (): string => nodes.at(-1)!.id;
  const weightInit = { kind: choices.init };
  const conv = (id: string, props: object = {}): void => {
    nodes.push({
      id,
      layer: 'conv2d',
      props: { filters, kernel: [3, 3], padding: 'same', bias: choices.bias, weightInit, ...props },
    });
  };
  conv('stem');
  // behind a concatenation there are more channels than filters
  let channels = filters;
  for (const [i, block] of blocks.entries()) {
    const before = last();
    const rest = restOf(block, i);
    if (rest !== undefined) {
      nodes.push(rest);
      continue;
    }
    const wide = channels;
    if (block !== 'depthwise') channels = filters;
    conv(`conv${i}`, convOf(block, channels));
    nodes.push(...normOf(choices.norm, `norm${i}`, channels, eps));
    nodes.push({ id: `act${i}`, layer: activation });
    if (block === 'residual' && wide === channels) {
      nodes.push({ id: `sum${i}`, layer: 'add', inputs: [`act${i}`, before] });
    }
    if (block === 'concat') {
      nodes.push({ id: `join${i}`, layer: 'concat', inputs: [`act${i}`, before] });
      channels += wide;
    }
    if (dropout > 0) {
      nodes.push({ id: `drop${i}`, layer: 'dropout', props: { p: dropout, channel: choices.channelDropout } });
    }
  }
  nodes.push({ id: 'flat', layer: 'globalAvgPool2d' });
  nodes.push({ id: 'out', layer: 'dense', props: { units: classes, weightInit } });
  return { nodes };
}

/** Blocks without weights. */
function restOf(block: GraphChoices['blocks'][number], i: number): NodeDocument | undefined {
  switch (block) {
    case 'avgPool':
      return { id: `pool${i}`, layer: 'avgPool2d', props: { kernel: 2, stride: 1, padding: 'same' } };
    case 'maxPool':
      return { id: `pool${i}`, layer: 'maxPool2d', props: { kernel: 3, stride: 2, padding: 'same' } };
    case 'resize':
      return { id: `size${i}`, layer: 'resize', props: { size: [4, 5] } };
    default:
      return undefined;
  }
}

function convOf(block: GraphChoices['blocks'][number], channels: number): object {
  switch (block) {
    case 'strided':
      return { stride: 2 };
    case 'dilated':
      return { dilation: 2 };
    case 'depthwise':
      return { filters: channels, groups: channels };
    default:
      return {};
  }
}

function normOf(norm: GraphChoices['norm'], id: string, channels: number, eps: number | null): NodeDocument[] {
  const own = eps === null ? {} : { eps };
  switch (norm) {
    case 'none':
      return [];
    case 'cumulative':
      return [{ id, layer: 'batchNorm', props: { momentum: null, ...own } }];
    case 'groupNorm':
      return [{ id, layer: norm, props: { groups: channels % 2 === 0 ? channels / 2 : 1, ...own } }];
    // it normalises whole images, whose size a stage may change: without factors of its own
    case 'layerNorm':
      return [{ id, layer: norm, props: { affine: false, ...own } }];
    default:
      return [{ id, layer: norm, props: own }];
  }
}

/** Nodes with parameters from the image on, as far as `depth` blocks: what a stage may freeze. */
export function frozenNodes({ nodes }: GraphDocument, depth: number): string[] {
  if (depth === 0) return [];
  const reached = (id: string): boolean =>
    id === 'stem' || (/^(conv|norm)\d$/.test(id) && Number(id.at(-1)) < depth - 1);
  return nodes.filter(({ id }) => reached(id)).map(({ id }) => id);
}
