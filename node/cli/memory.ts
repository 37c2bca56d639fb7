import { availableParallelism } from 'node:os';
import { estimateMemory, prepareTraining, type MemoryEstimate, type PreparedTraining } from '../../engine/index.ts';
import type { Spec } from '../../lab/contract/spec.ts';
import type { NodeDatasets } from '../datasets.ts';
import { trainingJob } from '../trainer.ts';
import { bytes, counted } from './print/format.ts';

/** What training a spec keeps in memory, with the spec's number of threads or one per core. */
export async function memoryOfRun(
  spec: Spec,
  datasets: NodeDatasets,
): Promise<{ prepared: PreparedTraining; memory: MemoryEstimate }> {
  const threads = spec.backend.threads || availableParallelism();
  const job = trainingJob({ spec, threads, resumeFrom: null }, await datasets.images(spec.data.dataset));
  const prepared = prepareTraining(job);
  return { prepared, memory: await estimateMemory(prepared, threads, job.precision) };
}

export function memoryWords({ bytes: size, threads, limit }: MemoryEstimate): string {
  const room = size > limit ? `; too much: the cpu backend can address ${bytes(limit)}` : '';
  return `${bytes(size)} for data set, parameters and activations, with ${counted(threads, 'thread')}${room}`;
}
