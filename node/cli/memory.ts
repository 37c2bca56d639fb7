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
  const { kind, storage, precision } = spec.backend;
  const onGpu = kind === 'webgpu' || storage === 'f16';
  return { prepared, memory: await estimateMemory(prepared, threads, { precision, ...(onGpu && { gpu: storage }) }) };
}

export function memoryWords({ bytes: size, threads, limit, gpu }: MemoryEstimate): string {
  const room = size > limit ? `; too much: the cpu backend can address ${bytes(limit)}` : '';
  const stored = gpu?.storage === 'f16' ? ' with activations in half precision' : '';
  const onGpu = gpu ? `; on a graphics card ${bytes(gpu.bytes)}${stored}` : '';
  return `${bytes(size)} for data set, parameters and activations, with ${counted(threads, 'thread')}${room}${onGpu}`;
}
