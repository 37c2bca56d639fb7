import type { CompileOptions } from '../../backend.ts';
import type { TrainingJob } from '../protocol.ts';
import type { JobContext } from './job.ts';

/** How a job compiles the plan of a run: as the run itself does, on the threads that the job was given. */
export function compileOptionsOf(
  { threads, precision, storage }: Pick<TrainingJob, 'threads' | 'precision' | 'storage'>,
  { spawn }: Pick<JobContext, 'spawn'>,
): CompileOptions {
  return { threads, ...(precision && { precision }), ...(storage && { storage }), ...(spawn && { spawn }) };
}
