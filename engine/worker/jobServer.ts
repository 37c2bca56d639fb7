import { plainError, type PlainError } from './plainError.ts';
import { jobs, type JobInput, type JobName, type JobOutput } from './jobs/index.ts';
import type { JobContext } from './jobs/job.ts';

/** Host to worker: one job after the other. */
export type JobCommand =
  { readonly kind: 'job'; readonly name: JobName; readonly input: JobInput<JobName> } | { readonly kind: 'cancelJob' };

/** Worker to host. Exactly one 'jobDone' or 'jobFailed' answers a job. */
export type JobEvent =
  | { readonly kind: 'jobProgress'; readonly done: number; readonly what: string | null }
  | { readonly kind: 'jobDone'; readonly output: JobOutput<JobName> }
  | { readonly kind: 'jobFailed'; readonly error: PlainError };

export type JobHost = Pick<JobContext, 'backend' | 'adapter' | 'clock' | 'turn' | 'spawn'>;

/** Milliseconds between two messages of progress. */
const tellEvery = 50;

/** Answers jobs over `post`; feed it what arrives. The host sends the next job when the last one has been answered. */
export function serveJobs(post: (event: JobEvent) => void, host: JobHost): (command: JobCommand) => void {
  let cancelled = false;
  const run = async <N extends JobName>(name: N, input: JobInput<N>): Promise<void> => {
    cancelled = false;
    let told = -Infinity;
    try {
      const runner = await jobs[name]();
      const output = await runner(input, {
        backend: (backend) => host.backend(backend),
        ...(host.spawn && { spawn: host.spawn }),
        ...(host.adapter && { adapter: (software) => host.adapter!(software) }),
        clock: () => host.clock(),
        turn: () => host.turn(),
        progress: (done, what = '') => {
          const now = host.clock();
          if (now - told < tellEvery) return;
          told = now;
          post({ kind: 'jobProgress', done, what: what === '' ? null : what });
        },
        get cancelled() {
          return cancelled;
        },
      });
      post({ kind: 'jobDone', output });
    } catch (error) {
      post({ kind: 'jobFailed', error: plainError(error) });
    }
  };
  return (command) => {
    if (command.kind === 'cancelJob') cancelled = true;
    else void run(command.name, command.input);
  };
}
