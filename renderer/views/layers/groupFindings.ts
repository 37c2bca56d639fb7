import type { Finding } from '../../../lab/contract/diagnosticsRecords.ts';

/** Findings that say the same of several layers. */
export interface FindingGroup {
  readonly key: string;
  /** In the order of the layers; at least one. */
  readonly findings: readonly [Finding, ...Finding[]];
}

/** What a finding says apart from its layer and its numbers. */
function sense({ severity, measure, layer, text, advice }: Finding): string {
  const named = layer === '' ? text : text.replaceAll(layer, '\u0000');
  return [severity, measure, named.replace(/[\d.,]*\d(?:e[+-]?\d+)?/g, '#'), advice].join('\u0001');
}

/** Puts together what differs in layer and numbers only; each group stands where its first one stood. */
export function groupFindings(findings: readonly Finding[]): FindingGroup[] {
  const groups = new Map<string, [Finding, ...Finding[]]>();
  for (const finding of findings) {
    const key = sense(finding);
    const group = groups.get(key);
    if (group) group.push(finding);
    else groups.set(key, [finding]);
  }
  return [...groups].map(([key, members]) => ({ key, findings: members }));
}
