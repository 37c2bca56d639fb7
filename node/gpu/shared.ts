/**
 * Shared memory between processes, which have none: images, in short. Messages between processes go through pipes in small pieces that
 * both event loops handle, which takes 47 MB a second or more on a busy machine. So the bytes take another pipe, written from where they
 * lie and read by one blocking call after the other into where they stay; and what has been sent once is not sent again.
 */
import type { WorkerCommand } from '../../engine/index.ts';

/** Stands for bytes in shared memory: the how manieth that were sent. */
interface Sent {
  readonly sharedBytes: number;
}

/** A command as it crosses. `arriving`: lengths of the bytes that come with it through the other pipe, in order. */
export interface SharedMessage {
  readonly command: unknown;
  readonly arriving: readonly number[];
}

const isSent = (value: object): value is Sent => 'sharedBytes' in value;

/** A copy of plain data in which `change` has replaced what it answers anything for. */
function replaced(value: unknown, change: (value: object) => unknown): unknown {
  if (value === null || typeof value !== 'object') return value;
  const other = change(value);
  if (other !== undefined) return other;
  if (Array.isArray(value)) return value.map((each) => replaced(each, change));
  if (ArrayBuffer.isView(value) || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaced(each, change)]));
}

/** The lab's end. `write` must keep the order and not copy. */
export class SharedOut {
  readonly #write: (bytes: Uint8Array) => void;
  readonly #sent = new Map<Uint8Array, number>();

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** The message that says what a command says; `unsent` is called after it has been sent, and writes the bytes. */
  pack(command: WorkerCommand): { readonly message: SharedMessage; unsent(): void } {
    const fresh: Uint8Array[] = [];
    const packed = replaced(command, (value) => {
      if (!(value instanceof Uint8Array) || !(value.buffer instanceof SharedArrayBuffer)) return undefined;
      if (!this.#sent.has(value)) {
        this.#sent.set(value, this.#sent.size);
        fresh.push(value);
      }
      return { sharedBytes: this.#sent.get(value)! } satisfies Sent;
    });
    return {
      message: { command: packed, arriving: fresh.map(({ length }) => length) },
      unsent: () => fresh.forEach(this.#write),
    };
  }
}

/** The other end. `read` fills a part of the bytes and answers how many; 0: no more will come. */
export class SharedIn {
  readonly #read: (into: Uint8Array) => number;
  readonly #received: Uint8Array[] = [];

  constructor(read: (into: Uint8Array) => number) {
    this.#read = read;
  }

  /** The command, with its bytes in shared memory. Throws where the other side is gone before they have come. */
  unpack({ command, arriving }: SharedMessage): WorkerCommand {
    for (const length of arriving) this.#received.push(this.#filled(new Uint8Array(new SharedArrayBuffer(length))));
    return replaced(command, (value) =>
      isSent(value) ? this.#received[value.sharedBytes] : undefined,
    ) as WorkerCommand;
  }

  #filled(bytes: Uint8Array): Uint8Array {
    for (let done = 0; done < bytes.length;) {
      const count = this.#read(bytes.subarray(done));
      if (count === 0) throw new Error('The images did not come: the lab is gone.');
      done += count;
    }
    return bytes;
  }
}
