import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Result } from './report.ts';

const file = new URL('baseline.json', import.meta.url);

/** A ratio may fall by this share before the guard calls it a regression; single runs on a busy machine differ by as much. */
export const tolerance = 0.2;

/** Ratios (by least times) by "W2 stock 2t / torch-2t". */
type Ratios = Record<string, number>;

export interface Baseline {
  readonly tolerance: number;
  /** What they were measured on; on another kind of machine ratios differ. */
  readonly cpu: string;
  readonly ratios: Ratios;
}

/**
 * Only one thread against one: where threads wait for one another, a busy machine decides the ratio (PyTorch's two threads were
 * seen to take 400 times as long beside other programs).
 */
export function ratiosOf(results: readonly Result[]): Ratios {
  return Object.fromEntries(
    results
      .filter(({ threads }) => threads === 1)
      .flatMap(({ workload, variant, peers }) =>
        Object.entries(peers)
          .filter(([peer]) => !/^torch-(?!1t)/.test(peer))
          .map(([peer, { ratioOfLeast }]) => [`${workload} ${variant} 1t / ${peer}`, ratioOfLeast]),
      ),
  );
}

export function writeBaseline(results: readonly Result[], cpu: string): void {
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Baseline).ratios : {};
  const ratios = { ...before, ...ratiosOf(results) };
  const ordered = Object.fromEntries(Object.entries(ratios).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(file, JSON.stringify({ tolerance, cpu, ratios: ordered } satisfies Baseline, null, 2) + '\n');
}

/** Rounds of measurement before a fallen ratio counts, with the first. */
export const guardRounds = 3;

/**
 * A measurement and its repetition: of everybody the fastest step of both, since a busy machine only ever takes time away. What
 * was measured once stays.
 */
export function fastestOf(results: readonly Result[], again: readonly Result[]): Result[] {
  return results.map((result) => {
    const { workload, variant, threads } = result;
    const other = again.find(
      (each) => each.workload === workload && each.variant === variant && each.threads === threads,
    );
    if (other === undefined) return result;
    const least = Math.min(result.milliseconds.least, other.milliseconds.least);
    const peers = Object.fromEntries(
      Object.entries(result.peers).map(([name, peer]) => {
        const times = [result, other].flatMap(({ milliseconds, peers: all }) =>
          all[name] === undefined ? [] : [all[name].ratioOfLeast * milliseconds.least],
        );
        return [name, { ...peer, ratioOfLeast: Math.min(...times) / least }];
      }),
    );
    return { ...result, milliseconds: { ...result.milliseconds, least }, peers };
  });
}

/** Workloads of the ratios that have fallen. */
export const workloadsOf = (fallen: readonly string[]): string[] => [
  ...new Set(fallen.map((line) => line.split(' ')[0]!)),
];

export interface Verdict {
  readonly compared: number;
  /** One line per ratio that has fallen by more than the tolerance. */
  readonly fallen: readonly string[];
  /** Whether the baseline is of another kind of machine. */
  readonly otherMachine: string | null;
}

/** The committed ratios. */
export const readBaseline = (): Baseline => JSON.parse(readFileSync(file, 'utf8')) as Baseline;

/**
 * Compares ratios with the committed ones. Workloads of which one has fallen are measured `again`, in up to `guardRounds` rounds
 * with the first, before that counts. Throws when there is nothing to compare with.
 */
export async function guardResults(
  first: readonly Result[],
  baseline: Baseline,
  cpu: string,
  again: (workloads: readonly string[], round: number) => Promise<readonly Result[]>,
): Promise<Verdict> {
  let all = first;
  let verdict = compareRatios(ratiosOf(all), baseline, cpu);
  for (let round = 2; round <= guardRounds && verdict.fallen.length > 0; round++) {
    all = fastestOf(all, await again(workloadsOf(verdict.fallen), round));
    verdict = compareRatios(ratiosOf(all), baseline, cpu);
  }
  return verdict;
}

export function compareRatios(now: Ratios, baseline: Baseline, cpu: string): Verdict {
  const fallen: string[] = [];
  let compared = 0;
  for (const [name, ratio] of Object.entries(now)) {
    const before = baseline.ratios[name];
    if (before === undefined) continue;
    compared++;
    if (ratio < before * (1 - baseline.tolerance)) {
      fallen.push(`${name}: ${ratio.toFixed(2)}x, was ${before.toFixed(2)}x`);
    }
  }
  if (compared === 0) throw new Error('No measured ratio is in bench/baseline.json; write one with --baseline.');
  return { compared, fallen, otherMachine: cpu === baseline.cpu ? null : baseline.cpu };
}
