import type { Fault } from '../errors.ts';
import type { CheckedGraph, CheckedNode } from '../graph/check.ts';
import { formatShape, sizeOf, type Shape } from '../tensor.ts';
import type { StageSettings } from './stages.ts';

/** How stored weights are given to a network. */
export interface TransferSettings {
  /** Node of this network: node of the source whose tensors it takes. Left out: the one of the same id. */
  readonly map: Readonly<Record<string, string>>;
  /** Nodes that draw new weights although the source has some for them. */
  readonly fresh: readonly string[];
}

/** A parameter or running statistic of the source, "<node>.<name>". */
export interface SourceTensor {
  readonly name: string;
  readonly shape: Shape;
}

/**
 * What becomes of one tensor of the network. Why it is new: `absent`, the source has none of that name; `shape`, the source's has
 * another shape; `node`, another tensor of the same node has another shape; `asked`, the node is among `fresh`.
 */
export interface TransferTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly kind: 'parameter' | 'buffer';
  readonly state: 'reused' | 'new';
  /** Name in the source; null: the source has none. */
  readonly from: string | null;
  readonly reason: 'absent' | 'shape' | 'node' | 'asked' | null;
  /** Of the source's tensor, where that is another one. */
  readonly sourceShape: Shape | null;
}

export interface TransferNode {
  readonly node: string;
  readonly layer: string;
  /** `partly`: some tensors are reused, others are not there in the source. */
  readonly state: 'reused' | 'partly' | 'new';
  /** Node of the source that it takes tensors from; null: none. */
  readonly from: string | null;
  readonly parameters: number;
  readonly reusedParameters: number;
  /** Per stage, whether its parameters stay as they are. */
  readonly frozen: readonly boolean[];
  /** Per stage, what a batch norm normalises training images with; null: it is no batch norm. */
  readonly statistics: readonly ('batch' | 'running')[] | null;
  readonly tensors: readonly TransferTensor[];
}

export interface DiscardedTensor {
  readonly name: string;
  readonly shape: Shape;
  /** `unused`: no node takes it. */
  readonly reason: 'unused' | 'shape' | 'node' | 'asked';
}

/** What a network takes over from stored weights. Numbers count parameters; running statistics go with their node. */
export interface TransferReport {
  /** Nodes with tensors, in the order of the data. */
  readonly nodes: readonly TransferNode[];
  readonly discarded: readonly DiscardedTensor[];
  readonly totals: {
    readonly parameters: number;
    readonly reused: number;
    readonly new: number;
    /** Of the source, running statistics left out. */
    readonly discarded: number;
    /** Per stage, of those that are reused and of those that are new. */
    readonly frozen: readonly { readonly reused: number; readonly new: number }[];
  };
}

type Freezing = Pick<StageSettings, 'frozen' | 'frozenBatchNorm'>;

/** Names of running statistics: they are no parameters. */
const statistics = new Set(['runningMean', 'runningVar', 'batchesTracked']);
const isStatistic = (name: string): boolean => statistics.has(name.slice(name.lastIndexOf('.') + 1));
/** Of a tensor. */
export const nodeOf = (name: string): string => name.slice(0, name.lastIndexOf('.'));
const isNormalisation = ({ layer }: CheckedNode): boolean => layer === 'batchNorm' || layer === 'noisyBatchNorm';

/** The node of the source whose tensors a node takes; null: it draws its own. */
function sourceNode(node: string, { map, fresh }: TransferSettings): string | null {
  if (fresh.includes(node)) return null;
  return Object.hasOwn(map, node) ? map[node]! : node;
}

/**
 * What becomes of each tensor of a node. Where one of them has another shape in the source, none of the node's is taken: a bias that
 * was trained beside other weights says nothing about new ones. One that the source does not have is new by itself.
 */
export function matchTensors(
  node: CheckedNode,
  source: ReadonlyMap<string, SourceTensor>,
  settings: TransferSettings,
): readonly TransferTensor[] {
  const there = sourceNode(node.id, settings);
  const own = [
    ...node.parameters.map(({ name, shape }) => ({ name, shape, kind: 'parameter' as const })),
    ...node.buffers.map(({ name, shape }) => ({ name, shape, kind: 'buffer' as const })),
  ].map((tensor) => ({ tensor, found: source.get(`${there ?? node.id}.${tensor.name}`) }));
  const fits = (tensor: { shape: Shape }, found: SourceTensor | undefined): boolean =>
    found !== undefined && formatShape(found.shape) === formatShape(tensor.shape);
  const whole = there !== null && own.every(({ tensor, found }) => found === undefined || fits(tensor, found));
  return own.map(({ tensor, found }): TransferTensor => {
    const { name, shape, kind } = tensor;
    const described = { name: `${node.id}.${name}`, shape, kind };
    if (found === undefined) {
      return { ...described, state: 'new', from: null, reason: 'absent', sourceShape: null };
    }
    const same = fits(tensor, found);
    const sourceShape = same ? null : found.shape;
    if (whole) return { ...described, state: 'reused', from: found.name, reason: null, sourceShape };
    const reason = there === null ? 'asked' : same ? 'node' : 'shape';
    return { ...described, state: 'new', from: found.name, reason, sourceShape };
  });
}

/** What a sound network takes over from a source, node by node, and what of the source is left behind. */
export function transferReport(
  sources: readonly SourceTensor[],
  { nodes }: CheckedGraph,
  settings: TransferSettings,
  stages: readonly Freezing[],
): TransferReport {
  const byName = new Map(sources.map((tensor) => [tensor.name, tensor]));
  const reported = nodes
    .filter(({ parameters, buffers }) => parameters.length + buffers.length > 0)
    .map((node) => reportNode(node, matchTensors(node, byName, settings), settings, stages));
  const taken = new Set<string>();
  const refused = new Map<string, DiscardedTensor['reason']>();
  for (const { state, from, reason } of reported.flatMap(({ tensors }) => tensors)) {
    if (from === null) continue;
    if (state === 'reused') taken.add(from);
    else if (reason !== null && reason !== 'absent') refused.set(from, reason);
  }
  const discarded = sources
    .filter(({ name }) => !taken.has(name))
    .map(({ name, shape }) => ({ name, shape, reason: refused.get(name) ?? ('unused' as const) }));
  const sum = (of: (node: TransferNode) => number): number => reported.reduce((total, node) => total + of(node), 0);
  const parameters = sum((node) => node.parameters);
  const reused = sum((node) => node.reusedParameters);
  return {
    nodes: reported,
    discarded,
    totals: {
      parameters,
      reused,
      new: parameters - reused,
      discarded: discarded
        .filter(({ name }) => !isStatistic(name))
        .reduce((total, each) => total + sizeOf(each.shape), 0),
      frozen: stages.map((_stage, i) => ({
        reused: sum((node) => (node.frozen[i] === true ? node.reusedParameters : 0)),
        new: sum((node) => (node.frozen[i] === true ? node.parameters - node.reusedParameters : 0)),
      })),
    },
  };
}

function reportNode(
  node: CheckedNode,
  tensors: readonly TransferTensor[],
  settings: TransferSettings,
  stages: readonly Freezing[],
): TransferNode {
  const reused = tensors.filter(({ state }) => state === 'reused');
  const frozen = stages.map((stage) => stage.frozen.includes(node.id));
  return {
    node: node.id,
    layer: node.layer,
    state: reused.length === 0 ? 'new' : reused.length === tensors.length ? 'reused' : 'partly',
    from: reused.length === 0 ? null : sourceNode(node.id, settings),
    parameters: node.parameterCount,
    reusedParameters: reused
      .filter(({ kind }) => kind === 'parameter')
      .reduce((total, { shape }) => total + sizeOf(shape), 0),
    frozen,
    statistics: isNormalisation(node)
      ? stages.map(({ frozenBatchNorm }, i) => (frozen[i] === true ? frozenBatchNorm : 'batch'))
      : null,
    tensors,
  };
}

/** "a, b, c and 3 more" */
function some(names: readonly string[], most = 8): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(', ')} and ${rest} more` : names.join(', ');
}

/** What is wrong with a transfer, all of it. Paths begin with `start`, as in a spec. */
export function transferFaults(
  sources: readonly SourceTensor[],
  checked: CheckedGraph,
  settings: TransferSettings,
): readonly Fault[] {
  const faults: Fault[] = [];
  const here = new Map(checked.nodes.map((node) => [node.id, node]));
  const there = new Set(sources.map(({ name }) => nodeOf(name)));
  const has = `the source has weights for ${some([...there])}`;
  for (const [node, from] of Object.entries(settings.map)) {
    const path = `start.map.${node}`;
    const own = here.get(node);
    if (own === undefined) {
      faults.push({ message: `${path}: the model has no node "${node}"; it has ${some([...here.keys()])}.` });
    } else if (own.parameters.length + own.buffers.length === 0) {
      faults.push({ node, message: `${path}: ${node} (${own.layer}) has no weights to take over; leave it out.` });
    }
    if (!there.has(from))
      faults.push({ node, message: `${path}: there is no "${from}" to take weights from; ${has}.` });
    if (settings.fresh.includes(node)) {
      faults.push({ node, message: `${path}: ${node} is among start.fresh too; it can take weights or draw them.` });
    }
  }
  for (const [i, node] of settings.fresh.entries()) {
    if (here.has(node)) continue;
    const message = `start.fresh[${i}]: the model has no node "${node}"; it has ${some([...here.keys()])}.`;
    faults.push({ message });
  }
  if (faults.length > 0) return faults;
  const { nodes } = transferReport(sources, checked, settings, []);
  if (nodes.some(({ state }) => state !== 'new')) return [];
  const misfits = nodes.flatMap(({ tensors }) => tensors.filter(({ sourceShape }) => sourceShape !== null)).slice(0, 3);
  const shapes = misfits.map(({ name, shape, from, sourceShape }) => {
    const origin = from === name ? 'there' : `"${from}"`;
    return `"${name}" is ${formatShape(shape)}, ${origin} ${formatShape(sourceShape!)}`;
  });
  const why = shapes.length > 0 ? ` (${shapes.join('; ')})` : '';
  return [
    {
      message: `start: nothing of the source fits this model${why}; ${has}, the model for ${some(nodes.map(({ node }) => node))}. Name counterparts in start.map, or set start to null.`,
    },
  ];
}
