/** What becomes of weights that a run starts from, in words and numbers for people. */
import type { TransferReportRecord, TransferSource } from '../../lab/contract/transferRecords.ts';
import { integer, shape } from '../format.ts';

export type ReportNode = TransferReportRecord['nodes'][number];
export type FateKind = 'reused' | 'frozen' | 'partly' | 'new';

export interface Fate {
  readonly kind: FateKind;
  /** One word or two for a table. */
  readonly word: string;
  /** A sentence. */
  readonly text: string;
}

const listing = (stages: readonly number[]): string =>
  stages.length === 1 ? `stage ${stages[0]}` : `stages ${stages.slice(0, -1).join(', ')} and ${stages.at(-1)}`;

/** Stages, from 1, in which the parameters of a node stay as they are. */
const frozenStages = ({ frozen }: Pick<ReportNode, 'frozen'>): number[] =>
  frozen.flatMap((is, i) => (is ? [i + 1] : []));

/** Why the weights of a node are drawn anew; null where they are not. */
export function reasonOf({ tensors }: ReportNode): string | null {
  const tensor = tensors.find(({ state, reason }) => state === 'new' && reason !== 'node') ?? tensors[0];
  if (!tensor || tensor.state !== 'new') return null;
  switch (tensor.reason) {
    case 'absent':
      return 'the source has no weights for it';
    case 'shape':
      return tensor.sourceShape
        ? `${shape(tensor.shape)} here, ${shape(tensor.sourceShape)} in the source`
        : 'the source has another shape';
    case 'asked':
      return 'drawn anew as asked for';
    default:
      return null;
  }
}

/** Null for a node without weights. */
export function fateOf(node: ReportNode): Fate | null {
  if (node.tensors.length === 0) return null;
  const other = node.from !== null && node.from !== node.node ? ` from ${node.from}` : '';
  const stages = frozenStages(node);
  const all = stages.length > 0 && stages.length === node.frozen.length;
  const frozen = stages.length === 0 ? '' : all ? ' and stay frozen' : ` and are frozen in ${listing(stages)}`;
  const reason = reasonOf(node);
  const because = reason === null ? '' : `: ${reason}`;
  if (node.state === 'new')
    return { kind: 'new', word: stages.length > 0 ? 'new, frozen' : 'new', text: `Its weights are new${because}.` };
  if (node.state === 'partly')
    return {
      kind: 'partly',
      word: 'partly reused',
      text: `${integer(node.reusedParameters)} of its ${integer(node.parameters)} parameters are reused${other}${frozen}.`,
    };
  if (stages.length > 0) return { kind: 'frozen', word: 'frozen', text: `Its weights are reused${other}${frozen}.` };
  return { kind: 'reused', word: 'reused', text: `Its weights are reused${other} and train on.` };
}

/** Layers of the source whose weights nobody takes: what a layer here may be given. */
export function unusedNodes(report: TransferReportRecord): string[] {
  const nodes = report.discarded
    .filter(({ reason }) => reason === 'unused')
    .map(({ name }) => name.slice(0, name.lastIndexOf('.')));
  return [...new Set(nodes)];
}

/** "best weights, step 400, seed 1" or "version 3". */
export function sourceWords({ kind, checkpoint, step, seed, version }: TransferSource): string {
  if (kind === 'architecture') return `version ${version ?? 1}`;
  const parts = [
    `${checkpoint} weights`,
    step === null ? '' : `step ${integer(step)}`,
    seed === null ? '' : `seed ${seed}`,
  ];
  return parts.filter(Boolean).join(', ');
}
