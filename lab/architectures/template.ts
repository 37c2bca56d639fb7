import type { SpecInput } from '../spec/schema.ts';

/** A whole spec to start from, as a person would write it. */
export interface TemplateSource {
  /** Also the name of its file in examples/. */
  readonly id: string;
  readonly title: string;
  /** One or two sentences for a card. */
  readonly summary: string;
  readonly spec: SpecInput;
}

type Node = SpecInput['model']['nodes'][number];

/** Convolution (3×3, same size, no bias: the batch norm has one), batch norm, ReLU. `n` numbers the block. */
export function convBlock(n: number | string, filters: number, more: Record<string, unknown> = {}): Node[] {
  return [
    { id: `conv${n}`, layer: 'conv2d', props: { filters, padding: 'same', bias: false, ...more } },
    { id: `bn${n}`, layer: 'batchNorm' },
    { id: `relu${n}`, layer: 'relu' },
  ];
}
