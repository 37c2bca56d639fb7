import { threadHost, type EngineHost } from './engineWorker.ts';
import { rememberForms, type FormFile } from './kernelForms.ts';

/** Where workers of the engine run. */
export interface EngineHostOptions {
  /** The program of threads: engine/worker/entry.node.ts, or what a bundler made of it. */
  readonly entry: URL;
  /** Where what runs on the GPU is done; left out: nowhere. */
  readonly gpu?: EngineHost | undefined;
  /** What remembers measured forms of the GPU's kernels; left out: each worker for itself. */
  readonly forms?: FormFile | undefined;
}

export interface EngineHosts {
  readonly threads: EngineHost;
  readonly gpu: EngineHost | undefined;
}

export function engineHosts({ entry, gpu, forms }: EngineHostOptions): EngineHosts {
  return { threads: threadHost(entry), gpu: gpu && forms ? rememberForms(gpu, forms) : gpu };
}
