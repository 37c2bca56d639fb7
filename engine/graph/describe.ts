import { layers } from '../layers/index.ts';
import type { LayerCategory, LayerWindow } from '../layers/layer.ts';
import type { LayerName } from '../layers/layerName.ts';
import { effectiveKernel } from '../ops/window.ts';
import type { Shape } from '../tensor.ts';
import type { CheckedGraph, CheckedNode } from './check.ts';

/** A node in the words of a table or a card. */
export interface NodeDescription {
  readonly id: string;
  readonly layer: LayerName;
  readonly title: string;
  readonly category: LayerCategory;
  /** "32 filters, 3×3, same"; may be empty. */
  readonly properties: string;
  readonly inputs: readonly string[];
  /** Of one image. */
  readonly outputShape: Shape;
  readonly parameters: number;
  readonly macs: number;
  /** Pixels of the image [height, width] that one value of the output can depend on. */
  readonly receptiveField: readonly [number, number];
}

/** Describes every node whose shape is known, inputs before readers. */
export function describeGraph(checked: CheckedGraph): readonly NodeDescription[] {
  const fields = receptiveFields(checked.nodes);
  return checked.nodes.map((node) => {
    const { title, category, describe } = layers[node.layer];
    return {
      id: node.id,
      layer: node.layer,
      title,
      category,
      properties: describe(node.props),
      inputs: node.inputs,
      outputShape: node.outputShape,
      parameters: node.parameterCount,
      macs: node.macs,
      receptiveField: fields.get(node.id)!,
    };
  });
}

interface Field {
  /** Pixels of the image that one value sees. */
  readonly size: readonly [number, number];
  /** Pixels of the image between two neighbouring values. */
  readonly jump: readonly [number, number];
}

/**
 * Receptive field per node, never larger than the image: a window adds (kernel - 1) * jump, and a stride multiplies the jump.
 * Branches that meet count with the larger field; features see the whole image.
 */
function receptiveFields(nodes: readonly CheckedNode[]): Map<string, readonly [number, number]> {
  const fields = new Map<string, Field>();
  const [, height = 1, width = 1] = nodes.find(({ layer }) => layer === 'input')?.outputShape ?? [];
  for (const node of nodes) {
    const before = node.inputs.map((id) => fields.get(id)!);
    if (before.length === 0) fields.set(node.id, { size: [1, 1], jump: [1, 1] });
    else if (node.outputShape.length === 1) fields.set(node.id, { size: [height, width], jump: [1, 1] });
    else fields.set(node.id, behind(larger(before), layers[node.layer].window?.(node.props, node.inputShapes)));
  }
  return new Map(
    [...fields].map(([id, { size }]) => [id, [Math.min(size[0], height), Math.min(size[1], width)] as const]),
  );
}

function behind({ size, jump }: Field, window: LayerWindow | undefined): Field {
  if (window === undefined) return { size, jump };
  const grow = (axis: 0 | 1): number =>
    size[axis] + (effectiveKernel(window.kernel[axis], window.dilation[axis]) - 1) * jump[axis];
  return { size: [grow(0), grow(1)], jump: [jump[0] * window.stride[0], jump[1] * window.stride[1]] };
}

function larger(fields: readonly Field[]): Field {
  const most = (pick: (field: Field) => number): number =>
    fields.reduce((largest, field) => Math.max(largest, pick(field)), 1);
  return {
    size: [most(({ size }) => size[0]), most(({ size }) => size[1])],
    jump: [most(({ jump }) => jump[0]), most(({ jump }) => jump[1])],
  };
}
