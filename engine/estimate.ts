import type { Precision, Storage } from './backend.ts';
import type { PlannedStage, PreparedTraining } from './train/prepare.ts';

/** What a run will keep in memory on the cpu backend. */
export interface MemoryEstimate {
  /** Data set, parameters, gradients, optimiser state, activations and workspace; the largest of the stages. */
  readonly bytes: number;
  readonly threads: number;
  /** The most that a run can have there. */
  readonly limit: number;
  /** On a usual graphics card, where the run is to be trained on one. */
  readonly gpu?: { readonly bytes: number; readonly storage: Storage };
}

/**
 * Says how much memory a run takes, without taking it: the very layout that training uses, without its code. Loads the cpu backend
 * when it is asked, and with `gpu`, how values are stored there, the webgpu backend's planning.
 */
export async function estimateMemory(
  { stages }: PreparedTraining,
  threads: number,
  { precision, gpu }: { readonly precision?: Precision; readonly gpu?: Storage } = {},
): Promise<MemoryEstimate> {
  const { memoryOfPlan, mostBytes } = await import('./cpu/compile.ts');
  const bytesOf = ({ plan, ahead }: PlannedStage): number => {
    const whitened = ahead === null ? Infinity : memoryOfPlan(ahead, threads, precision);
    return whitened <= mostBytes ? whitened : memoryOfPlan(plan, threads, precision);
  };
  const onCpu = { bytes: Math.max(...stages.map(bytesOf)), threads, limit: mostBytes };
  if (gpu === undefined) return onCpu;
  const { memoryOnGpu } = await import('./webgpu/estimate.ts');
  const bytes = Math.max(...stages.map(({ plan, ahead }) => memoryOnGpu(ahead ?? plan, gpu)));
  return { ...onCpu, gpu: { bytes, storage: gpu } };
}
