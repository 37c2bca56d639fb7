import type { TransferPreview, TransferReportRecord } from '../../../lab/contract/transferRecords.ts';
import { counted, whole } from './format.ts';
import { printable, table } from './table.ts';
import type { Stream } from './terminal.ts';

type Node = TransferReportRecord['nodes'][number];

const dimensions = (shape: readonly number[]): string => shape.join('×');

/** What becomes of every weight, with totals, notes and faults. */
export function printTransfer({ report, start, notes, faults }: TransferPreview, out: Stream): void {
  const { style } = out;
  if (start) {
    const goesOn = start.carry === 'everything' ? `goes on behind step ${whole(start.firstStep)} of` : 'starts from';
    out.write(`${style.bold(printable(`It ${goesOn} the ${start.words}`))}\n\n`);
  }
  if (report) {
    printNodes(report, out);
    printDiscarded(report, out);
    printTotals(report, out);
  }
  for (const note of notes) out.write(`${style.warn('!')} ${printable(note)}\n`);
  for (const { message } of faults) out.write(`${style.bad('✗')} ${printable(message)}\n`);
}

function printNodes({ nodes }: TransferReportRecord, out: Stream): void {
  const stages = nodes[0]?.frozen.length ?? 0;
  const named = stages > 1 ? Array.from({ length: stages }, (_, i) => `stage ${i + 1}`) : ['training'];
  out.write(
    table(
      [
        { title: 'node', flexible: true },
        { title: 'layer' },
        { title: 'weights', flexible: true },
        { title: 'parameters', align: 'right' },
        ...named.map((title) => ({ title })),
      ],
      nodes.map((node) => [
        printable(node.node),
        node.layer,
        originOf(node),
        whole(node.parameters),
        ...node.frozen.map((frozen, stage) => fateOf(node, frozen, stage)),
      ]),
      out,
    ),
  );
}

function originOf(node: Node): string {
  const { state, from, tensors } = node;
  const renamed = from !== null && from !== node.node ? ` from ${from}` : '';
  if (state === 'reused') return printable(`reused${renamed}`);
  const fresh = tensors.filter((tensor) => tensor.state === 'new');
  if (state === 'partly') {
    return printable(
      `reused${renamed}; new: ${fresh.map(({ name }) => name.slice(name.lastIndexOf('.') + 1)).join(', ')}`,
    );
  }
  const other = fresh.find(({ reason }) => reason === 'shape');
  if (other) return printable(`new: ${dimensions(other.shape)}, there ${dimensions(other.sourceShape!)}`);
  return fresh.some(({ reason }) => reason === 'asked') ? 'new: asked for' : 'new: not in the source';
}

function fateOf({ statistics, parameters }: Node, frozen: boolean, stage: number): string {
  if (!frozen) return parameters === 0 ? '' : 'trained';
  return statistics === null ? 'frozen' : `frozen, ${statistics[stage]!} statistics`;
}

const reasons = {
  unused: 'no node takes it',
  shape: 'another shape here',
  node: 'another tensor of its node has another shape here',
  asked: 'new weights are asked for',
} as const;

function printDiscarded({ discarded }: TransferReportRecord, out: Stream): void {
  if (discarded.length === 0) return;
  out.write('\n');
  out.write(
    table(
      [{ title: 'discarded', flexible: true }, { title: 'shape' }, { title: 'why' }],
      discarded.map(({ name, shape, reason }) => [printable(name), dimensions(shape), reasons[reason]]),
      out,
    ),
  );
}

function printTotals({ totals }: TransferReportRecord, out: Stream): void {
  const { parameters, reused, new: fresh, discarded, frozen } = totals;
  const share = parameters > 0 ? ` (${Math.floor((100 * reused) / parameters)} %)` : '';
  out.write(
    `\nOf ${counted(parameters, 'parameter')} ${whole(reused)} are reused${share} and ${whole(fresh)} new; ${whole(discarded)} of the source are discarded.\n`,
  );
  frozen.forEach((each, i) => {
    const sum = each.reused + each.new;
    if (sum === 0) return;
    const where = frozen.length > 1 ? `In stage ${i + 1}` : 'In training';
    out.write(`${where} ${whole(sum)} are frozen and ${whole(parameters - sum)} are trained.\n`);
  });
}
