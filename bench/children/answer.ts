import type { PeerWorkload } from '../workloads.ts';

/** Requests of the benchmark to a contestant, in a process or a page of its own; every one gets one reply. */
export type Request =
  | { readonly kind: 'load'; readonly workload: PeerWorkload }
  /** Steps for so many seconds, at least once. */
  | { readonly kind: 'run'; readonly seconds: number }
  /** Speed of fused multiply-adds without memory, for so many seconds. */
  | { readonly kind: 'peak'; readonly seconds: number };

export type Reply =
  | { readonly kind: 'hello'; readonly note: string }
  | { readonly kind: 'loaded'; readonly note: string }
  /** Milliseconds of every step. */
  | { readonly kind: 'times'; readonly times: readonly number[] }
  | { readonly kind: 'peak'; readonly gflops: number }
  | { readonly kind: 'error'; readonly message: string };

export type Step = () => void | Promise<void>;

export interface Server {
  /** Versions and the like. */
  readonly note: string;
  /** Compiled, and warm after a few steps. */
  load(workload: PeerWorkload): Promise<{ readonly step: Step; readonly note: string }>;
  /** GFLOP/s. */
  peak?(seconds: number): number;
}

async function timeSteps(step: Step, seconds: number): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  let before = performance.now();
  do {
    await step();
    const now = performance.now();
    times.push(now - before);
    before = now;
  } while (before < end);
  return times;
}

/** The contestant's side: what it replies to requests, one after the other. */
export function answering(server: Server): (request: Request) => Promise<Reply> {
  let step: Step | undefined;
  const answer = async (request: Request): Promise<Reply> => {
    if (request.kind === 'load') {
      const loaded = await server.load(request.workload);
      step = loaded.step;
      return { kind: 'loaded', note: loaded.note };
    }
    if (request.kind === 'peak') return { kind: 'peak', gflops: server.peak?.(request.seconds) ?? 0 };
    return { kind: 'times', times: await timeSteps(step!, request.seconds) };
  };
  return async (request) => {
    try {
      return await answer(request);
    } catch (error) {
      return { kind: 'error', message: error instanceof Error ? error.message : String(error) };
    }
  };
}
