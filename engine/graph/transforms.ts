import { layers } from '../layers/index.ts';
import { isLayerName } from '../layers/layerName.ts';
import type { GraphDocument, NodeDocument } from './document.ts';
import { GraphEdit } from './edit.ts';

export type BatchNormPlace = 'none' | 'before' | 'after';

/**
 * Batch normalisation across the network: none at all, one right before each activation, or one right behind it. An activation
 * that is the model's output gets none. A batch norm that stood beside an activation keeps its id and properties; others go,
 * and new ones are called "<activation>_bn".
 *
 * A dense layer or convolution that only a batch norm reads loses its bias, as beta takes its place. Taking the batch norm out
 * gives it back: `replacesBias` of the batch norm says how, and by default the layer's own default (a bias) returns. So
 * withBatchNorm(withBatchNorm(x, 'before'), 'none') is x again for every x without batch norm.
 */
export function withBatchNorm(document: GraphDocument, place: BatchNormPlace): GraphDocument {
  const edit = new GraphEdit(document);
  const kept = new Map<string, NodeDocument>();
  for (const node of edit.nodes) {
    if (node.layer !== 'batchNorm') continue;
    const neighbour = activationBeside(edit, node);
    if (!takeOut(edit, node)) continue;
    if (neighbour !== undefined && !kept.has(neighbour)) kept.set(neighbour, node);
  }
  if (place === 'none') return edit.document();
  const keptIds = idsOf(kept);
  for (const { id } of innerActivations(edit)) {
    const { inputs: _inputs, ...own } = kept.get(id) ?? {
      id: edit.freeId(`${id}_bn`, keptIds),
      layer: 'batchNorm' as const,
    };
    const node = withMark(own, undefined);
    if (place === 'after') {
      edit.insertAfter(id, node);
    } else if (edit.inputs(id).length === 1) {
      edit.insertBefore(id, node);
      dropBias(edit, node.id);
    }
  }
  return edit.document();
}

/**
 * Dropout across the network: one with rate `p` behind each activation (and the batch norm right behind it), except at the
 * model's output; p = 0 takes all dropout out. One that stood there keeps its id and other properties, so that its random
 * draws stay; others go, and new ones are called "<activation>_dropout".
 */
export function withDropout(document: GraphDocument, p: number): GraphDocument {
  const edit = new GraphEdit(document);
  const kept = new Map<string, NodeDocument>();
  for (const node of edit.nodes) {
    if (node.layer !== 'dropout') continue;
    const source = edit.inputs(node.id)[0];
    if (edit.remove(node.id) && source !== undefined && !kept.has(source)) kept.set(source, node);
  }
  if (p === 0) return edit.document();
  const keptIds = idsOf(kept);
  for (const { id } of innerActivations(edit)) {
    const end = blockEnd(edit, id);
    if (!edit.isRead(end)) continue;
    const before = kept.get(end) ?? kept.get(id);
    const { inputs: _inputs, ...own } = before ?? {
      id: edit.freeId(`${id}_dropout`, keptIds),
      layer: 'dropout' as const,
    };
    edit.insertAfter(end, { ...own, props: { ...own.props, p } });
  }
  return edit.document();
}

const idsOf = (nodes: ReadonlyMap<string, NodeDocument>): ReadonlySet<string> =>
  new Set([...nodes.values()].map(({ id }) => id));

const isActivation = ({ layer }: NodeDocument): boolean =>
  isLayerName(layer) && layers[layer].category === 'activation';

/** Activations that somebody reads. */
const innerActivations = (edit: GraphEdit): readonly NodeDocument[] =>
  edit.nodes.filter((node) => isActivation(node) && edit.isRead(node.id));

/** The activation that a batch norm belongs to: the one it is named after, its only reader, or the one it reads. */
function activationBeside(edit: GraphEdit, { id }: NodeDocument): string | undefined {
  const reader = edit.onlyReader(id);
  const beside = [...(reader === undefined ? [] : [reader.id]), ...edit.inputs(id)].filter((each) => {
    const node = edit.node(each);
    return node !== undefined && isActivation(node);
  });
  const namesake = beside.find((each) => id.startsWith(`${each}_bn`) && /^\d*$/.test(id.slice(each.length + 3)));
  return namesake ?? beside[0];
}

/** The activation, or the batch norm behind it if nothing else reads the activation. */
function blockEnd(edit: GraphEdit, activation: string): string {
  const only = edit.onlyReader(activation);
  return only?.layer === 'batchNorm' ? only.id : activation;
}

/** A dense layer or convolution right in front of the batch norm, if nothing else reads it. */
function biasedBefore(edit: GraphEdit, batchNorm: string): NodeDocument | undefined {
  const inputs = edit.inputs(batchNorm);
  const source = inputs.length === 1 ? edit.node(inputs[0]!) : undefined;
  if (source === undefined || edit.onlyReader(source.id) === undefined) return undefined;
  return isLayerName(source.layer) && Object.hasOwn(layers[source.layer].props, 'bias') ? source : undefined;
}

function takeOut(edit: GraphEdit, node: NodeDocument): boolean {
  const source = biasedBefore(edit, node.id);
  if (!edit.remove(node.id)) return false;
  if (source !== undefined) giveBiasBack(edit, source, node.props?.['replacesBias']);
  return true;
}

function giveBiasBack(edit: GraphEdit, source: NodeDocument, mark: unknown): void {
  if (mark === 'never' || source.props?.['bias'] !== false) return;
  edit.replace(source.id, (node) => {
    const { bias: _bias, ...others } = node.props ?? {};
    if (mark === 'set') return { ...node, props: { ...others, bias: true } };
    if (mark === 'empty' || Object.keys(others).length > 0) return { ...node, props: others };
    const { props: _props, ...bare } = node;
    return bare;
  });
}

/** Takes the bias from the layer in front of a batch norm and notes on the batch norm how to give it back. */
function dropBias(edit: GraphEdit, batchNorm: string): void {
  const source = biasedBefore(edit, batchNorm);
  if (source === undefined) return;
  const { props } = source;
  const bias = props?.['bias'];
  const mark =
    bias === undefined
      ? props !== undefined && Object.keys(props).length === 0
        ? 'empty'
        : undefined
      : bias === true
        ? 'set'
        : 'never';
  if (mark !== 'never') edit.replace(source.id, (node) => ({ ...node, props: { ...node.props, bias: false } }));
  edit.replace(batchNorm, (node) => withMark(node, mark));
}

/** The batch norm with another note about the bias; undefined is the default, which is not written. */
function withMark(node: NodeDocument, mark: string | undefined): NodeDocument {
  const { replacesBias: _old, ...others } = node.props ?? {};
  const props = mark === undefined ? others : { ...others, replacesBias: mark };
  const { props: _props, ...bare } = node;
  return Object.keys(props).length === 0 ? bare : { ...bare, props };
}
