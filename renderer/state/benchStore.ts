/**
 * Where the steps of the bench outlive the page: the browser's IndexedDB, a record per step, so that an edit writes one small
 * record however long the history is. A browser that keeps nothing loses only the way back; the draft itself is kept apart.
 */
import type { Step } from './history.ts';
import { recall, remember } from './memory.ts';

const name = 'ablate-bench';

/** A window has a bench of its own, found again after a reload, and after a restart by the first window. */
function benchId(): string {
  try {
    const own = sessionStorage.getItem('ablate.bench');
    const last = recall('draft.bench');
    const id = own ?? (typeof last === 'string' ? last : crypto.randomUUID());
    sessionStorage.setItem('ablate.bench', id);
    remember('draft.bench', id);
    return id;
  } catch {
    return 'bench';
  }
}

export interface StoredBench {
  readonly steps: readonly Step[];
  readonly cursor: number;
  /** Of the draft at the cursor; another draft has another history. */
  readonly mark: string;
}

/** Short mark of a text (FNV-1a and length); tells drafts apart, protects nothing. */
export function markOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return `${text.length}-${(hash >>> 0).toString(16)}`;
}

export class BenchStore {
  readonly #bench: string;
  #db: Promise<IDBDatabase | null> | undefined;
  /** Steps that are in the store as they are here. */
  #written: Step[] = [];
  #tail: Promise<void> = Promise.resolve();

  constructor(bench: string = benchId()) {
    this.#bench = bench;
  }

  /** Writes what has changed since the last time, after what is being written. */
  save(steps: readonly Step[], cursor: number, mark: string): Promise<void> {
    const wanted = [...steps];
    this.#tail = this.#tail.then(() => this.#write(wanted, cursor, mark)).catch(() => undefined);
    return this.#tail;
  }

  async load(): Promise<StoredBench | null> {
    const db = await this.#open();
    if (db === null) return null;
    const transaction = db.transaction(['steps', 'benches']);
    const [state, steps] = await Promise.all([
      done<{ cursor: number; mark: string } | undefined>(transaction.objectStore('benches').get(this.#bench)),
      done<Step[]>(transaction.objectStore('steps').getAll(this.#range(0))),
    ]);
    if (state === undefined || !Array.isArray(steps)) return null;
    this.#written = [...steps];
    return { steps, cursor: state.cursor, mark: state.mark };
  }

  async #write(steps: readonly Step[], cursor: number, mark: string): Promise<void> {
    const db = await this.#open();
    if (db === null) return;
    let same = 0;
    while (same < steps.length && steps[same] === this.#written[same]) same++;
    const transaction = db.transaction(['steps', 'benches'], 'readwrite');
    const store = transaction.objectStore('steps');
    if (same < this.#written.length) store.delete(this.#range(same));
    for (let i = same; i < steps.length; i++) store.put(steps[i], [this.#bench, i]);
    transaction.objectStore('benches').put({ cursor, mark }, this.#bench);
    this.#written = [...steps];
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(new Error('The steps were not stored.'));
    });
  }

  #range(from: number): IDBKeyRange {
    return IDBKeyRange.bound([this.#bench, from], [this.#bench, Number.MAX_SAFE_INTEGER]);
  }

  #open(): Promise<IDBDatabase | null> {
    this.#db ??= new Promise((resolve) => {
      try {
        const request = indexedDB.open(name, 1);
        request.onupgradeneeded = () => {
          request.result.createObjectStore('steps');
          request.result.createObjectStore('benches');
        };
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => resolve(null);
        request.onblocked = () => resolve(null);
      } catch {
        resolve(null);
      }
    });
    return this.#db;
  }
}

function done<T>(request: IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result as T);
    request.onerror = () => reject(request.error ?? new Error('The steps could not be read.'));
  });
}
