import type { Diagnostics, Finding, Measure } from '../../../lab/contract/diagnosticsRecords.ts';
import type { RunRecord } from '../../../lab/contract/records.ts';
import { usage } from '../args.ts';
import { printJson, withLab, type Command } from '../command.ts';
import { counted, duration, percent, significant, whole } from '../print/format.ts';
import { labelOf } from '../print/progress.ts';
import { printable, table } from '../print/table.ts';
import type { Stream } from '../print/terminal.ts';

const mostSteps = 2 ** 31;

export const diagnoseCommand: Command = {
  name: 'diagnose',
  usage: '<run> [options]',
  summary: 'Tell what went on inside the layers while a run trained, and what to try',
  details: [
    'Findings in sentences, then a table with one line per layer: the values of the last probed step.',
    'What is looked at, and how often, is training.diagnostics of the spec.',
  ],
  examples: ['diagnose k3f9a2', 'diagnose k3f9a2 --step 0', 'diagnose k3f9a2 --layers dense1,dense2 --json'],
  options: {
    layers: { value: 'a,b', help: 'These layers only' },
    step: { value: 'N', help: 'The last probed step up to N, instead of the last one' },
    json: { help: 'All measures at all (at most 200) probed steps as JSON on stdout' },
  },
  words: 1,
  run: async (args, terminal) => {
    const id = args.positionals[0];
    if (id === undefined) throw usage('diagnose needs the id of a run, or its beginning. `list` shows them.');
    const step = args.whole('step', 0, mostSteps);
    const layers = args.text('layers')?.split(',');
    const { run, seen } = await withLab(args, async (lab) => ({
      run: await lab.call('runs.get', { id }),
      seen: await lab.call('diagnostics.get', {
        id,
        ...(layers && { layers }),
        ...(step !== undefined && { to: step }),
      }),
    }));
    if (args.has('json')) printJson(terminal, seen);
    else print(run, seen, terminal.out);
    return 0;
  },
};

function print(run: RunRecord, seen: Diagnostics, out: Stream): void {
  const { style } = out;
  out.write(`${style.bold(printable(labelOf(run)))}  ${style.dim(run.id)}\n`);
  const last = seen.steps.at(-1);
  if (last === undefined) {
    out.write('Nothing was looked at while this run trained. training.diagnostics of its spec says what to look at.\n');
    return;
  }
  const cost = seen.share === null ? '' : `, ${percent(seen.share)} of the training time`;
  out.write(`${counted(seen.probes, 'probe')} in ${duration(seen.seconds)}${cost}; values at step ${whole(last)}\n`);
  for (const { step, text } of seen.stages) out.write(`${style.dim(`from step ${whole(step)}  ${text}`)}\n`);
  out.write('\n');
  if (seen.findings.length === 0) out.write(`${style.good('✓')} Nothing stands out.\n`);
  for (const finding of seen.findings)
    out.write(`${mark(finding, out)} ${finding.text} ${style.dim(finding.advice)}\n`);
  const at = (layer: Diagnostics['layers'][number], measure: Measure): number | null =>
    layer.measures[measure]?.findLast((value) => value !== null) ?? null;
  const shown = columns.filter(({ measure }) => seen.layers.some((layer) => at(layer, measure) !== null));
  const rows = seen.layers
    .filter(({ id }) => id !== '')
    .map((layer) => [
      layer.id,
      layer.kind,
      ...shown.map(({ measure, print: text }) => {
        const value = at(layer, measure);
        return value === null ? '' : text(value);
      }),
    ]);
  out.write('\n');
  const titles = shown.map(({ title }) => ({ title, align: 'right' as const }));
  out.write(table([{ title: 'layer', flexible: true }, { title: 'kind' }, ...titles], rows, out));
}

function mark({ severity }: Finding, { style }: Stream): string {
  if (severity === 'problem') return style.bad('✗');
  return severity === 'warning' ? style.bold('!') : style.dim('·');
}

const number = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : significant(value, 3);
const part = (value: number): string => `${Math.round(100 * value)} %`;

const columns: readonly { readonly measure: Measure; readonly title: string; print(value: number): string }[] = [
  { measure: 'mean', title: 'mean', print: number },
  { measure: 'std', title: 'std', print: number },
  { measure: 'p15', title: 'p15', print: number },
  { measure: 'p50', title: 'p50', print: number },
  { measure: 'p85', title: 'p85', print: number },
  { measure: 'deadFraction', title: 'dead', print: part },
  { measure: 'saturation', title: 'saturated', print: part },
  { measure: 'gradientNorm', title: 'gradient', print: number },
  { measure: 'weightNorm', title: 'weights', print: number },
  { measure: 'updateRatio', title: 'update', print: number },
  { measure: 'bnVarianceShift', title: 'BN variance', print: number },
  { measure: 'gradientShift', title: 'shift', print: number },
];
