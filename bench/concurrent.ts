import type { Contestant } from './contestant.ts';
import type { Options } from './options.ts';
import { forPeers, type Workload } from './workloads.ts';

/** Total images per second of runs side by side, against one run that has all threads to itself. */
export interface Concurrency {
  readonly workload: string;
  readonly threads: number;
  readonly alone: number;
  /** As many runs as threads, one thread each: what the queue does. */
  readonly shared: number;
  /** Two runs that both ask for all threads. */
  readonly crowded: number;
}

/** Images per second of all contestants together, in the same `seconds`. */
async function throughput(contestants: readonly Contestant[], workload: Workload, options: Options): Promise<number> {
  const { seconds, limitMs } = options;
  const replies = await Promise.all(
    contestants.map((contestant) => contestant.ask({ kind: 'run', seconds }, 'times', limitMs + 1000 * seconds)),
  );
  return replies.reduce((sum, { times }) => {
    const total = times.reduce((all, time) => all + time, 0);
    return sum + (1000 * workload.batch * times.length) / total;
  }, 0);
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

/** `start(threads)` makes a contestant; the three ways take turns. */
export async function measureConcurrency(
  workload: Workload,
  threads: number,
  options: Options,
  start: (threads: number) => Contestant,
): Promise<Concurrency> {
  const alone = [start(threads)];
  const shared = Array.from({ length: threads }, () => start(1));
  const crowded = [start(threads), start(threads)];
  const everyone = [...alone, ...shared, ...crowded];
  try {
    for (const contestant of everyone) {
      await contestant.ask({ kind: 'load', workload: forPeers(workload) }, 'loaded', options.limitMs);
    }
    const found = { alone: [] as number[], shared: [] as number[], crowded: [] as number[] };
    for (let round = 0; round < options.rounds; round++) {
      found.alone.push(await throughput(alone, workload, options));
      found.shared.push(await throughput(shared, workload, options));
      found.crowded.push(await throughput(crowded, workload, options));
    }
    return {
      workload: workload.name,
      threads,
      alone: median(found.alone),
      shared: median(found.shared),
      crowded: median(found.crowded),
    };
  } finally {
    for (const contestant of everyone) contestant.kill();
  }
}

export function printConcurrency({ workload, threads, alone, shared, crowded }: Concurrency): void {
  const line = (label: string, value: number): void =>
    console.log(
      `  ${label.padEnd(38)} ${value.toFixed(0).padStart(9)} images/s  ${(value / alone).toFixed(2)}x of one run`,
    );
  console.log(`\n${workload}, total of runs side by side`);
  line(`one run, ${threads} threads`, alone);
  line(`${threads} runs, 1 thread each (the queue's way)`, shared);
  line(`2 runs, ${threads} threads each`, crowded);
}
