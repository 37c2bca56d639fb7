import { abortThreads } from './executable.ts';

/** What a helper thread needs to take part: the compiled module, the shared memory, and where its scratch memory is. */
export interface HelperData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly scratch: number;
}

/** The body of a helper thread: returns when the executable is disposed of or a thread has failed. */
export function runHelper(data: unknown): void {
  const { module, memory, scratch } = data as HelperData;
  try {
    const instance = new WebAssembly.Instance(module, { engine: { memory, mark: () => undefined } });
    (instance.exports.helper as (scratch: number) => void)(scratch);
  } catch (error) {
    abortThreads(memory);
    throw error;
  }
}
