import { LabError } from '../contract/errors.ts';
import { largestFile } from '../imports/index.ts';

interface Upload {
  parts: Uint8Array[];
  bytes: number;
  touched: number;
}

/** Uploads at once, and milliseconds after which one that nobody goes on with is forgotten. */
const most = 8;
const patience = 10 * 60_000;

/** Files on their way from a page: messages have a largest size, so larger files come in parts. Kept in memory, for minutes. */
export class Uploads {
  readonly #uploads = new Map<string, Upload>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Bytes gathered so far. Throws LabError 'invalid' for a part that does not follow the one before. */
  put(name: string, offset: number, part: Uint8Array): number {
    this.#forget();
    const upload = this.#uploads.get(name) ?? { parts: [], bytes: 0, touched: 0 };
    if (offset !== upload.bytes) {
      throw new LabError(
        'invalid',
        `files.put: ${name}: byte ${upload.bytes} was expected next, not ${offset}. Begin the upload anew.`,
      );
    }
    if (upload.bytes + part.length > largestFile) {
      this.#uploads.delete(name);
      throw new LabError('invalid', `files.put: ${name} is larger than ${largestFile / 2 ** 20} MiB.`);
    }
    if (!this.#uploads.has(name) && this.#uploads.size >= most) {
      throw new LabError('state', `files.put: ${most} files are on their way already; wait for one of them.`);
    }
    upload.parts.push(part);
    upload.bytes += part.length;
    upload.touched = this.#now();
    this.#uploads.set(name, upload);
    return upload.bytes;
  }

  take(name: string): Uint8Array {
    const upload = this.#uploads.get(name);
    if (!upload) throw new LabError('notFound', `There is no upload ${JSON.stringify(name)}; send the file again.`);
    const bytes = new Uint8Array(upload.bytes);
    let at = 0;
    for (const part of upload.parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  drop(name: string): void {
    this.#uploads.delete(name);
  }

  #forget(): void {
    const now = this.#now();
    for (const [name, { touched }] of this.#uploads) if (now - touched > patience) this.#uploads.delete(name);
  }
}
