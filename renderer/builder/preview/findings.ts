import type { NodeActivationRecord } from '../../../lab/contract/previewRecords.ts';
import { percent } from '../../format.ts';

/** What stands out in a node's values, in a few words; `serious` deserves attention before training. */
export interface Finding {
  readonly text: string;
  readonly serious: boolean;
}

/** Shares from which on units that never fire, and values at a limit, are pointed out. */
const noticeable = 0.05;
const serious = 0.4;
/** Spreads outside of this are far from the 1 that initialisers aim at. */
const spread = { least: 1e-3, most: 1e3 };

export function findingsOf({ dead, saturated, std }: NodeActivationRecord, isInput: boolean): Finding[] {
  const findings: Finding[] = [];
  if (dead !== null && dead >= noticeable) {
    findings.push({ text: `${percent(dead)} of the units are 0 for every image`, serious: dead >= serious });
  }
  if (saturated !== null && saturated >= noticeable) {
    findings.push({ text: `${percent(saturated)} of the values are saturated`, serious: saturated >= serious });
  }
  if (isInput) return findings;
  if (std === null) findings.push({ text: 'not all values are finite', serious: true });
  else if (std === 0) findings.push({ text: 'all values are the same', serious: true });
  else if (std < spread.least) findings.push({ text: 'the values hardly differ', serious: true });
  else if (std > spread.most) findings.push({ text: 'the values are very large', serious: true });
  return findings;
}
