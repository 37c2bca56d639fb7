import type { Measurement, Timing } from './measure.ts';
import type { Variant } from './options.ts';
import { flopsOf } from './workloads.ts';

/** A way to run the cpu backend that was measured. */
export interface Own {
  /** Name of its contestant. */
  readonly name: string;
  readonly variant: Variant;
  readonly threads: number;
}

export interface PeerResult {
  readonly imagesPerSecond: number;
  /** How many times as fast the cpu backend is, by medians. */
  readonly ratio: number;
  /** The same by the fastest step of each, which a busy machine disturbs less. */
  readonly ratioOfLeast: number;
}

/** One line of the JSON that `npm run bench -- --json` prints. */
export interface Result {
  readonly workload: string;
  readonly backend: 'cpu';
  readonly variant: Variant;
  readonly threads: number;
  /** By the median step. */
  readonly imagesPerSecond: number;
  readonly milliseconds: { readonly median: number; readonly least: number; readonly most: number };
  /** Of dense and convolution layers, by the median step; convolutions count as they are defined, however they are computed. */
  readonly gflops: number;
  /** Share of the measured speed of multiply-adds in registers, all threads together. */
  readonly peakShare: number;
  readonly peers: Readonly<Record<string, PeerResult>>;
  /** Peers that could not run the workload, with their reason. */
  readonly failed: Readonly<Record<string, string>>;
}

const imagesPerSecond = (batch: number, milliseconds: number): number =>
  Number(((1000 * batch) / milliseconds).toPrecision(4));

const digits = (value: number): number => Number(value.toPrecision(4));

export function results(
  { workload, timings, failures }: Measurement,
  own: readonly Own[],
  peaks: ReadonlyMap<string, number>,
): Result[] {
  const ownNames = new Set(own.map(({ name }) => name));
  return own.flatMap(({ name, variant, threads }): Result[] => {
    const mine = timings.get(name);
    if (!mine) return [];
    const peers: Record<string, PeerResult> = {};
    for (const [peer, timing] of timings) {
      if (ownNames.has(peer)) continue;
      peers[peer] = {
        imagesPerSecond: imagesPerSecond(workload.batch, timing.median),
        ratio: digits(timing.median / mine.median),
        ratioOfLeast: digits(timing.least / mine.least),
      };
    }
    const gflops = flopsOf(workload) / mine.median / 1e6;
    const peak = (peaks.get(name) ?? 0) * threads;
    return [
      {
        workload: workload.name,
        backend: 'cpu',
        variant,
        threads,
        imagesPerSecond: imagesPerSecond(workload.batch, mine.median),
        milliseconds: { median: digits(mine.median), least: digits(mine.least), most: digits(mine.most) },
        gflops: digits(gflops),
        peakShare: peak > 0 ? Number((gflops / peak).toFixed(3)) : 0,
        peers,
        failed: Object.fromEntries([...failures].filter(([peer]) => !ownNames.has(peer))),
      },
    ];
  });
}

function line(label: string, timing: Timing, batch: number, rest: string): string {
  const { median, least, most } = timing;
  const time = `${median.toFixed(3).padStart(10)} ${least.toFixed(3).padStart(9)} ${most.toFixed(3).padStart(9)}`;
  return `  ${label.padEnd(16)} ${time} ${imagesPerSecond(batch, median).toFixed(0).padStart(9)} ${rest}`;
}

/** The table of one workload. Ratios: how many times as fast the first line is. */
export function printWorkload({ workload, timings, failures }: Measurement, all: readonly Result[]): void {
  console.log(`\n${workload.name}  ${workload.title}`);
  console.log(`  ${''.padEnd(16)}     median     least      most  images/s`);
  const own = new Map(all.map((result) => [`${result.variant} ${result.threads}t`, result]));
  const [first] = [...own.values()].slice(-1);
  for (const [name, timing] of timings) {
    const mine = [...own].find(([label]) => name === `cpu ${label}`)?.[1];
    if (mine) {
      const share = mine.peakShare > 0 ? `, ${(100 * mine.peakShare).toFixed(0)} % of peak` : '';
      console.log(line(name, timing, workload.batch, ` ${mine.gflops.toFixed(1)} GFLOP/s${share}, ${timing.note}`));
      continue;
    }
    const ratio = first?.peers[name];
    const label = first && `${first.variant} ${first.threads}t`;
    const rest = ratio ? ` ${label}: ${ratio.ratio.toFixed(2)}x (least ${ratio.ratioOfLeast.toFixed(2)}x)` : '';
    console.log(line(name, timing, workload.batch, `${rest}${timing.note ? `, ${timing.note}` : ''}`));
  }
  for (const [name, why] of failures) console.log(`  ${name.padEnd(16)} cannot run it: ${why}`);
}
