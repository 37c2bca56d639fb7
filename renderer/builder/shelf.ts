/** Blocks to build with: the field's usual ones, and those that people have kept. Pure, except where it says storage. */
import { recall, remember } from '../state/memory.ts';
import { parseFragment, printFragment, type Fragment } from './fragment.ts';
import type { SpecNode } from './model.ts';

export interface ShelfBlock {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** For an input of this shape; null: not known. */
  readonly build: (shape: readonly number[] | null, classes: number) => Fragment;
}

/** Stands for whatever the block is put behind. */
const source = '@';
const conv = (id: string, from: string, props: Record<string, unknown>): SpecNode => ({
  id,
  layer: 'conv2d',
  inputs: [from],
  props: { padding: 'same', bias: false, ...props },
});
const plain = (id: string, layer: string, ...inputs: string[]): SpecNode => ({ id, layer, inputs });
const channels = (shape: readonly number[] | null): number => (shape?.length === 3 ? shape[0]! : 32);

export const shelf: readonly ShelfBlock[] = [
  {
    id: 'convBnRelu',
    title: 'Conv, BN, ReLU',
    summary: '3×3 convolution without bias, batch normalisation, ReLU',
    build: () => ({
      nodes: [conv('conv', source, { filters: 32 }), plain('bn', 'batchNorm', 'conv'), plain('relu', 'relu', 'bn')],
    }),
  },
  {
    id: 'residual',
    title: 'Residual block',
    summary: 'Two 3×3 convolutions whose input is added to their output (He et al. 2015)',
    build: (shape) => {
      const filters = channels(shape);
      return {
        nodes: [
          conv('convA', source, { filters }),
          plain('bnA', 'batchNorm', 'convA'),
          plain('reluA', 'relu', 'bnA'),
          conv('convB', 'reluA', { filters }),
          plain('bnB', 'batchNorm', 'convB'),
          plain('add', 'add', 'bnB', source),
          plain('reluB', 'relu', 'add'),
        ],
      };
    },
  },
  {
    id: 'residualDown',
    title: 'Residual block, halving',
    summary: 'Half the size, twice the channels; a strided 1×1 convolution on the shortcut',
    build: (shape) => {
      const filters = channels(shape) * 2;
      return {
        nodes: [
          conv('convA', source, { filters, stride: [2, 2] }),
          plain('bnA', 'batchNorm', 'convA'),
          plain('reluA', 'relu', 'bnA'),
          conv('convB', 'reluA', { filters }),
          plain('bnB', 'batchNorm', 'convB'),
          conv('shortcut', source, { filters, kernel: [1, 1], stride: [2, 2] }),
          plain('bnShortcut', 'batchNorm', 'shortcut'),
          plain('add', 'add', 'bnB', 'bnShortcut'),
          plain('reluB', 'relu', 'add'),
        ],
      };
    },
  },
  {
    id: 'bottleneck',
    title: 'Bottleneck block',
    summary: '1×1 down to a quarter, 3×3, 1×1 back up, and the shortcut (He et al. 2015)',
    build: (shape) => {
      const filters = channels(shape);
      const narrow = Math.max(1, Math.round(filters / 4));
      return {
        nodes: [
          conv('convA', source, { filters: narrow, kernel: [1, 1] }),
          plain('bnA', 'batchNorm', 'convA'),
          plain('reluA', 'relu', 'bnA'),
          conv('convB', 'reluA', { filters: narrow }),
          plain('bnB', 'batchNorm', 'convB'),
          plain('reluB', 'relu', 'bnB'),
          conv('convC', 'reluB', { filters, kernel: [1, 1] }),
          plain('bnC', 'batchNorm', 'convC'),
          plain('add', 'add', 'bnC', source),
          plain('reluC', 'relu', 'add'),
        ],
      };
    },
  },
  {
    id: 'separable',
    title: 'Depthwise separable',
    summary: 'A 3×3 filter per channel, then 1×1 across channels (Howard et al. 2017)',
    build: (shape) => {
      const count = channels(shape);
      return {
        nodes: [
          conv('depthwise', source, { filters: count, groups: count }),
          plain('bnA', 'batchNorm', 'depthwise'),
          plain('reluA', 'relu', 'bnA'),
          conv('pointwise', 'reluA', { filters: count, kernel: [1, 1] }),
          plain('bnB', 'batchNorm', 'pointwise'),
          plain('reluB', 'relu', 'bnB'),
        ],
      };
    },
  },
  {
    id: 'denseBlock',
    title: 'Dense, ReLU, dropout',
    summary: '128 units, ReLU, half of the values dropped',
    build: () => ({
      nodes: [
        { id: 'dense', layer: 'dense', inputs: [source], props: { units: 128 } },
        plain('relu', 'relu', 'dense'),
        plain('dropout', 'dropout', 'relu'),
      ],
    }),
  },
  {
    id: 'head',
    title: 'Classifier',
    summary: 'Global average pooling (or flatten) and one output per class',
    build: (shape, classes) => ({
      nodes:
        shape?.length === 1
          ? [{ id: 'classes', layer: 'dense', inputs: [source], props: { units: classes } }]
          : [
              plain('gap', 'globalAvgPool2d', source),
              { id: 'classes', layer: 'dense', inputs: ['gap'], props: { units: classes } },
            ],
    }),
  },
];

export interface KeptBlock {
  readonly title: string;
  readonly fragment: Fragment;
}

const mostKept = 100;

/** From this browser's storage; what cannot be read there is passed over. */
export function keptBlocks(): KeptBlock[] {
  const stored = recall('builder.blocks');
  if (!Array.isArray(stored)) return [];
  return stored.flatMap((each: unknown) => {
    const { title, text } = (each ?? {}) as { title?: unknown; text?: unknown };
    if (typeof title !== 'string' || typeof text !== 'string') return [];
    const parsed = parseFragment(text);
    return 'fragment' in parsed ? [{ title, fragment: parsed.fragment }] : [];
  });
}

export function keepBlocks(blocks: readonly KeptBlock[]): void {
  remember(
    'builder.blocks',
    blocks.slice(0, mostKept).map(({ title, fragment }) => ({ title, text: printFragment(fragment) })),
  );
}
