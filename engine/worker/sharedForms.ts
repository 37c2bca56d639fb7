import type { FormMemory, Forms } from '../webgpu/autotune.ts';

/** Measured forms of kernels by adapter, driver and version of the kernels: `{ adapter: { class of an op: form } }`. */
export type KnownForms = Readonly<Record<string, Forms>>;

/** Host to worker, before a run or a job: what is remembered. */
export interface FormsCommand {
  readonly kind: 'forms';
  readonly known: KnownForms;
}

/** Worker to host: what it has measured, to be remembered. */
export interface FormsEvent {
  readonly kind: 'forms';
  readonly adapter: string;
  readonly forms: Forms;
}

/**
 * What a worker knows of the forms of kernels: what its host has told it, and what it has measured itself and tells its host. It keeps
 * nothing beyond its life, be it a thread or a page's worker, which has no files.
 */
export class SharedForms implements FormMemory {
  readonly #known = new Map<string, Forms>();
  #tell: (event: FormsEvent) => void = () => undefined;

  /** Where what is measured from now on goes. */
  tellTo(tell: (event: FormsEvent) => void): void {
    this.#tell = tell;
  }

  /** Adds what the host remembers. What is known here stays: a run may have begun with it. */
  learn(known: KnownForms): void {
    for (const [adapter, forms] of Object.entries(known)) this.#add(adapter, forms);
  }

  read(adapter: string): Promise<Forms> {
    return Promise.resolve(this.#known.get(adapter) ?? {});
  }

  write(adapter: string, forms: Forms): Promise<void> {
    this.#add(adapter, forms);
    this.#tell({ kind: 'forms', adapter, forms });
    return Promise.resolve();
  }

  #add(adapter: string, forms: Forms): void {
    this.#known.set(adapter, { ...forms, ...this.#known.get(adapter) });
  }
}
