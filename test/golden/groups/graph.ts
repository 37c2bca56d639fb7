import type { GraphDocument, NodeDocument } from '../../../engine/graph/document.ts';
import { isLayerName } from '../../../engine/layers/layerName.ts';
import type { GoldenCase } from '../cases.ts';
import { GoldenDataError, Unsupported } from '../errors.ts';
import { engineOpName } from './names.ts';

/** A node of a model as the reference data write it. */
interface GoldenNode {
  readonly name: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Left out: the node before, and at the beginning the model's input, "x". */
  readonly from?: readonly string[];
}

/** Layers whose name or properties differ from the reference data's; of the others only the spelling does. */
const translations: Readonly<Record<string, (attrs: GoldenNode['attrs']) => Pick<NodeDocument, 'layer' | 'props'>>> = {
  linear: ({ out, bias }) => ({ layer: 'dense', props: { units: out, bias } }),
  conv2d: ({ out, kernel, stride, pads, dilation, groups, bias }) => ({
    layer: 'conv2d',
    props: { filters: out, kernel, stride, padding: 'explicit', pads, dilation, groups, bias },
  }),
  batch_norm: ({ momentum, eps }) => ({ layer: 'batchNorm', props: { momentum, eps } }),
};

/** Parameters and buffers that the engine calls by other names. */
const tensorNames: Readonly<Record<string, string>> = { running_mean: 'runningMean', running_var: 'runningVar' };
const batchNormNames: Readonly<Record<string, string>> = { ...tensorNames, weight: 'gamma', bias: 'beta' };

function nodesOf(golden: GoldenCase): readonly GoldenNode[] {
  const { nodes } = golden.attrs;
  if (!Array.isArray(nodes)) throw new GoldenDataError(`${golden.id}: attribute "nodes" is not a list.`);
  return nodes as GoldenNode[];
}

function layerOf({ op, attrs }: GoldenNode): Pick<NodeDocument, 'layer' | 'props'> {
  const translate = translations[op];
  if (translate !== undefined) return translate(attrs);
  const layer = engineOpName(op);
  if (!isLayerName(layer)) throw new Unsupported(op);
  return { layer, props: attrs };
}

/** The model of a case as a graph document; its input node is "x", as the reference data call it. */
export function graphDocumentOf(golden: GoldenCase): GraphDocument {
  const nodes = nodesOf(golden).map((node) => ({
    id: node.name,
    ...layerOf(node),
    ...(node.from && { inputs: node.from }),
  }));
  return { nodes: [{ id: 'x', layer: 'input' }, ...nodes] };
}

/** "bn1.weight" is "bn1.gamma" in the engine. */
export function engineName(golden: GoldenCase, name: string): string {
  const dot = name.lastIndexOf('.');
  const node = nodesOf(golden).find((candidate) => candidate.name === name.slice(0, dot));
  const own = name.slice(dot + 1);
  const names = node?.op === 'batch_norm' ? batchNormNames : tensorNames;
  return `${name.slice(0, dot)}.${names[own] ?? own}`;
}

export function refuseOtherLoss(golden: GoldenCase): void {
  const loss = golden.attrs['loss'] as Readonly<Record<string, unknown>> | undefined;
  if (loss?.['op'] !== 'cross_entropy' || loss['reduction'] !== 'mean') throw new Unsupported(String(loss?.['op']));
}
