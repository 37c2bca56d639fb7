import type { TrainingEvent } from '../worker/protocol.ts';
import { encodeCheckpoint, type Checkpoint } from './checkpoint.ts';
import { sha256 } from './safetensors.ts';

/** Makes a run's checkpoints. Each is hashed beside the training, at most one at a time, and then emitted. */
export class Checkpointing {
  readonly #emit: (event: TrainingEvent) => void;
  /** Of the last 'last' checkpoint. */
  #made = { step: -1, evaluatedStep: -1 };
  #hashing: Promise<void> = Promise.resolve();

  constructor(emit: (event: TrainingEvent) => void) {
    this.#emit = emit;
  }

  /** Whether there is a 'last' checkpoint of this state already. Takes note that there will be one. */
  isMade(step: number, evaluatedStep: number): boolean {
    const made = this.#made.step === step && this.#made.evaluatedStep === evaluatedStep;
    this.#made = { step, evaluatedStep };
    return made;
  }

  /** Resolves when the content has been copied; 'checkpoint' follows once it is hashed. */
  async make(role: 'last' | 'best', content: Checkpoint): Promise<void> {
    await this.#hashing;
    const bytes = encodeCheckpoint(content);
    const { step } = content;
    this.#hashing = sha256(bytes).then((hash) => this.#emit({ kind: 'checkpoint', role, step, bytes, hash }));
  }

  /** Resolves when all of them have been emitted. */
  settle(): Promise<void> {
    return this.#hashing;
  }
}
