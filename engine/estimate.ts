import type { Precision } from './backend.ts';
import type { PlannedStage, PreparedTraining } from './train/prepare.ts';

/** What a run will keep in memory on the cpu backend. */
export interface MemoryEstimate {
  /** Data set, parameters, gradients, optimiser state, activations and workspace; the largest of the stages. */
  readonly bytes: number;
  readonly threads: number;
  /** The most that a run can have there. */
  readonly limit: number;
}

/**
 * Says how much memory a run takes, without taking it: the very layout that training uses, without its code. Loads the cpu backend
 * when it is asked.
 */
export async function estimateMemory(
  { stages }: PreparedTraining,
  threads: number,
  precision?: Precision,
): Promise<MemoryEstimate> {
  const { memoryOfPlan, mostBytes } = await import('./cpu/compile.ts');
  const bytesOf = ({ plan, ahead }: PlannedStage): number => {
    const whitened = ahead === null ? Infinity : memoryOfPlan(ahead, threads, precision);
    return whitened <= mostBytes ? whitened : memoryOfPlan(plan, threads, precision);
  };
  return { bytes: Math.max(...stages.map(bytesOf)), threads, limit: mostBytes };
}
