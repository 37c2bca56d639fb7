import type { Racer } from './contestant.ts';
import { forPeers, type Workload } from './workloads.ts';

/** Times of one contestant's steps in one workload. */
export interface Timing {
  /** Milliseconds per step. */
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly steps: number;
  /** How it ran: memory format, memory. */
  readonly note: string;
}

export interface Measurement {
  readonly workload: Workload;
  readonly timings: ReadonlyMap<string, Timing>;
  /** Why a contestant has no timing. */
  readonly failures: ReadonlyMap<string, string>;
}

interface MeasureOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly limitMs: number;
  /** Time (of performance.now()) from which on nothing more is begun, but one round of everyone who is ready. */
  readonly until: number;
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** All contestants take turns, so that a busy machine hits them alike. One that fails or is too slow leaves the race. */
export async function measure(
  workload: Workload,
  contestants: readonly Racer[],
  { rounds, seconds, limitMs, until }: MeasureOptions,
): Promise<Measurement> {
  const failures = new Map<string, string>();
  const notes = new Map<string, string>();
  const times = new Map<Racer, number[]>();
  for (const contestant of contestants) {
    const { name } = contestant.program;
    // the cpu backend comes first and is always measured
    if (times.size > 0 && performance.now() > until) {
      failures.set(name, 'no time left for it with --quick on a machine this busy');
      continue;
    }
    try {
      const { note } = await contestant.ask({ kind: 'load', workload: forPeers(workload) }, 'loaded', limitMs);
      notes.set(name, note);
      times.set(contestant, []);
    } catch (error) {
      failures.set(name, reason(error));
    }
  }
  for (let round = 0; round < rounds && (round === 0 || performance.now() < until); round++) {
    for (const [contestant, list] of times) {
      try {
        const reply = await contestant.ask({ kind: 'run', seconds }, 'times', limitMs + 1000 * seconds);
        list.push(...reply.times);
      } catch (error) {
        failures.set(contestant.program.name, reason(error));
        times.delete(contestant);
      }
    }
  }
  const timings = new Map<string, Timing>();
  for (const [{ program }, list] of times) {
    list.sort((a, b) => a - b);
    timings.set(program.name, {
      median: list[list.length >> 1]!,
      least: list[0]!,
      most: list.at(-1)!,
      steps: list.length,
      note: notes.get(program.name) ?? '',
    });
  }
  return { workload, timings, failures };
}

/** The best of several tries, in turns: GFLOP/s of one thread by contestant. */
export async function measurePeaks(contestants: readonly Racer[]): Promise<Map<string, number>> {
  const peaks = new Map<string, number>();
  for (let round = 0; round < 3; round++) {
    for (const contestant of contestants) {
      const { gflops } = await contestant.ask({ kind: 'peak', seconds: 0.1 }, 'peak', 30_000);
      const { name } = contestant.program;
      peaks.set(name, Math.max(peaks.get(name) ?? 0, gflops));
    }
  }
  return peaks;
}
