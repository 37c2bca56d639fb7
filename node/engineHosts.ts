import { threadHost, type EngineHost } from './engineWorker.ts';
import { rememberForms, type FormFile } from './kernelForms.ts';

/** Where workers of the engine run. */
export interface EngineHostOptions {
  /** The worker's program: engine/worker/entry.node.ts, or what a bundler made of it. */
  readonly entry: URL;
  /** Where what runs on the GPU is done; left out: in threads, like all else. */
  readonly gpu?: EngineHost | undefined;
  /** What remembers measured forms of kernels for all of them; left out: each worker for itself. */
  readonly forms?: FormFile | undefined;
}

export interface EngineHosts {
  readonly threads: EngineHost;
  readonly gpu: EngineHost | undefined;
}

export function engineHosts({ entry, gpu, forms }: EngineHostOptions): EngineHosts {
  const remembering = (host: EngineHost): EngineHost => (forms ? rememberForms(host, forms) : host);
  return { threads: remembering(threadHost(entry)), gpu: gpu && remembering(gpu) };
}
