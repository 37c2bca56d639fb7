import {
  decodeCheckpoint,
  decodeSafetensors,
  decodeWeights,
  encodeCheckpoint,
  encodeSafetensors,
  type NamedTensor,
} from '../../engine/index.ts';
import { LabError } from '../contract/errors.ts';
import type { RunStart } from '../contract/records.ts';
import type { CheckpointFiles, Clock, Store, StoredWeightsRecord } from '../ports.ts';
import { readCheckpoint } from '../runs/resume.ts';
import { sha256 } from '../spec/hash.ts';
import type { Spec } from '../spec/schema.ts';
import type { SpecStart } from '../spec/start.ts';
import { findSource, type Carry, type Counterpart, type Source } from './source.ts';

export interface WeightsOptions {
  readonly store: Store;
  readonly checkpoints: CheckpointFiles;
  readonly clock: Clock;
}

/** A start with everything that it needs. */
export interface ResolvedStart {
  /** With hash and source written out. */
  readonly start: SpecStart;
  readonly bytes: Uint8Array;
  readonly record: RunStart;
}

/**
 * Weights that runs start from. They are kept under the hash of their content for as long as a run names them, apart from the
 * checkpoints and architectures they came from: those may go, or go on. The same weights are one file.
 */
export class StartWeights {
  readonly #options: WeightsOptions;
  /** Files being written, by hash: two calls that want the same one must not write it at once. */
  readonly #writing = new Map<string, Promise<StoredWeightsRecord>>();

  constructor(options: WeightsOptions) {
    this.#options = options;
  }

  /**
   * Finds the weights of a spec's start: by hash among the stored ones, or else at their source. Nothing is written. Throws LabError:
   * 'notFound', 'ambiguous', 'state' for a source that is not there, 'checkpoint' for a file that is missing or damaged.
   */
  async resolve({
    start,
    seed,
    data,
  }: Pick<Spec, 'seed' | 'data'> & { readonly start: SpecStart }): Promise<ResolvedStart> {
    const { carry, weights: wanted } = start;
    const counterpart = { seed, fold: data.folds?.fold ?? null };
    const before = wanted === null ? null : this.#options.store.startWith(wanted);
    if (before !== null) {
      const from = start.from ?? before.from;
      const bytes = await this.read(before.weights).catch(async (damage: unknown) => {
        // the source may still have the very same, and a run that starts from them writes them again
        const found = await this.#find({ ...start, from }, counterpart).catch(() => null);
        if (found === null) throw damage;
        return found.bytes;
      });
      const facts = { ...before, from, carry, firstStep: carry === 'everything' ? stepOf(bytes) : 0 };
      return { start: { ...start, from }, bytes, record: facts };
    }
    const { source, bytes, hash: weights } = await this.#find(start, counterpart);
    const { from } = source;
    return { start: { ...start, from, weights }, bytes, record: recordOf(weights, carry, bytes, source) };
  }

  /** The bytes of stored weights, compared with their hash. Throws LabError 'checkpoint'. */
  async read(hash: string): Promise<Uint8Array> {
    const { store, checkpoints } = this.#options;
    const short = `${hash.slice(0, 12)}...`;
    const record = store.getStoredWeights(hash);
    if (!record) {
      throw new LabError(
        'checkpoint',
        `There are no stored weights ${short} in this history, so nothing can start from them.`,
      );
    }
    const way = 'Put the file back from a copy, or start a new run from the same source, which writes it again.';
    const bytes = await checkpoints.read(record.file).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new LabError('checkpoint', `The stored weights ${record.file} cannot be read (${reason}). ${way}`);
    });
    const actual = await sha256(bytes);
    if (actual === hash) return bytes;
    throw new LabError(
      'checkpoint',
      `The stored weights ${record.file} are damaged: their SHA-256 is ${actual.slice(0, 12)}..., not ${short}. ${way}`,
    );
  }

  /** Writes the file of a start, unless it is there and whole. Answers the record, which belongs into the transaction that names it. */
  async write(bytes: Uint8Array, hash: string): Promise<StoredWeightsRecord> {
    const there = this.#options.store.getStoredWeights(hash);
    if (there && (await this.read(hash).catch(() => null)) !== null) return there;
    let writing = this.#writing.get(hash);
    if (!writing) {
      writing = this.#writeFile(bytes, hash).finally(() => this.#writing.delete(hash));
      this.#writing.set(hash, writing);
    }
    await writing;
    return there ?? writing;
  }

  async #writeFile(bytes: Uint8Array, hash: string): Promise<StoredWeightsRecord> {
    const file = `weights-${hash}.safetensors`;
    await this.#options.checkpoints.write(file, bytes);
    return { hash, file, bytes: bytes.byteLength, createdAt: this.#options.clock.now() };
  }

  async #find(
    { from, weights, carry }: SpecStart,
    counterpart: Counterpart,
  ): Promise<{ readonly source: Source; readonly bytes: Uint8Array; readonly hash: string }> {
    if (from === null) {
      throw new LabError(
        weights === null ? 'spec' : 'notFound',
        weights === null
          ? 'start.from: name the run or architecture to start from, for example "run:<id>:best".'
          : `start.weights: there are no stored weights ${weights.slice(0, 12)}... in this history. Name where they come from in start.from.`,
      );
    }
    const source = findSource(this.#options.store, from, counterpart, carry);
    const bytes = await this.#snapshot(source, carry);
    const hash = await sha256(bytes);
    if (weights !== null && weights !== hash) {
      throw new LabError(
        'checkpoint',
        `start.weights: ${from} holds other weights by now (${hash.slice(0, 12)}..., not ${weights.slice(0, 12)}...). Set start.weights to null to take these, or name another source.`,
      );
    }
    return { source, bytes, hash };
  }

  /** One text of bytes for the same weights: no times, tensors in the order of their names. */
  async #snapshot({ content, words }: Source, carry: Carry): Promise<Uint8Array> {
    const { checkpoints } = this.#options;
    if (content.kind === 'run') {
      const bytes = await this.#checkpoint(content.run.id, content.checkpoint.role);
      if (carry === 'everything') return encodeCheckpoint({ ...decodeCheckpoint(bytes), seconds: 0 });
      return encodeSafetensors(sorted(decodeWeights(bytes).tensors));
    }
    if (carry === 'everything') {
      throw new LabError(
        'state',
        `start.carry: the ${words} are weights alone, and only a run can be gone on with; set it to "weights".`,
      );
    }
    const { file, hash } = content.version.weights!;
    const bytes = await checkpoints.read(file);
    if ((await sha256(bytes)) !== hash) {
      throw new LabError('checkpoint', `The ${words} (${file}) are damaged: their hash is not the recorded one.`);
    }
    return encodeSafetensors(sorted(decodeSafetensors(bytes).tensors));
  }

  /** A run that trains replaces its file; then there is a newer one. */
  async #checkpoint(id: string, role: 'best' | 'last'): Promise<Uint8Array> {
    const { store, checkpoints } = this.#options;
    const before = store.getCheckpoint(id, role);
    try {
      return (await readCheckpoint({ id }, store, checkpoints, role))!;
    } catch (error) {
      if (store.getCheckpoint(id, role)?.file === before?.file) throw error;
      return (await readCheckpoint({ id }, store, checkpoints, role))!;
    }
  }
}

const sorted = (tensors: readonly NamedTensor[]): NamedTensor[] =>
  [...tensors].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));

/** Of a fork: completed steps of the checkpoint. */
function stepOf(bytes: Uint8Array): number {
  const { checkpoint } = decodeWeights(bytes);
  if (checkpoint) return checkpoint.step;
  throw new LabError(
    'state',
    'start.carry: these are weights alone, and only a run can be gone on with; set it to "weights".',
  );
}

function recordOf(weights: string, carry: Carry, bytes: Uint8Array, { from, words, content }: Source): RunStart {
  const run = content.kind === 'run' ? content : null;
  return {
    weights,
    from,
    carry,
    run: run?.run.id ?? null,
    architecture: content.kind === 'architecture' ? content.id : null,
    checkpoint: run?.checkpoint.role ?? null,
    step: run?.checkpoint.step ?? null,
    firstStep: carry === 'everything' ? stepOf(bytes) : 0,
    words,
  };
}
