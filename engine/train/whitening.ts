import type { Executable } from '../backend.ts';
import type { TrainingEvent } from '../worker/protocol.ts';
import type { AheadPlan } from '../plan/whitenAhead.ts';
import type { TrainingHandles } from '../plan/plan.ts';

/** Seconds after which the rest is foretold, and from which on it is worth telling. */
const judgedAfter = 0.2;
const toldFrom = 1;

/** Whitens the images of a run, a batch of evaluation at a time, before its steps read them. What is trained on comes first. */
export class WhiteningPass {
  /** Images in all. */
  readonly images: number;
  readonly #executable: Executable;
  readonly #handles: TrainingHandles;
  readonly #lists: readonly { readonly segment: string; readonly images: Int32Array }[];
  readonly #indices: Int32Array;
  readonly #probe = new Float32Array(1);
  #list = 0;
  #position = 0;
  #done = 0;
  #seconds = 0;
  #told = false;

  /** @param train positions in the training file; `test`: in the test file */
  constructor(
    executable: Executable,
    { handles, evaluationBatch }: { readonly handles: TrainingHandles; readonly evaluationBatch: number },
    { ahead }: AheadPlan,
    train: readonly Int32Array[],
    test: Int32Array,
  ) {
    this.#executable = executable;
    this.#handles = handles;
    this.#indices = new Int32Array(evaluationBatch);
    const lists = [...train.map((images) => ({ segment: ahead.train, images })), { segment: ahead.test, images: test }];
    this.#lists = lists.filter(({ images }) => images.length > 0);
    this.images = this.#lists.reduce((sum, { images }) => sum + images.length, 0);
  }

  /** Images that are done. */
  get done(): number {
    return this.#done;
  }

  get finished(): boolean {
    return this.#list === this.#lists.length;
  }

  /**
   * Goes on until it is done or the clock says `until`, a batch at least; returns the seconds that it took. Tells once how long it
   * will take in all, where that is more than a second.
   */
  async advanceUntil(until: number, clock: () => number, emit: (event: TrainingEvent) => void): Promise<number> {
    const begin = clock();
    let now = begin;
    while (!this.finished && (now === begin || now < until)) {
      await this.advance();
      now = clock();
    }
    const seconds = (now - begin) / 1000;
    this.#seconds += seconds;
    const all = (this.#seconds / this.#done) * this.images;
    // the first batches wait for V8 to compile the kernel
    if (!this.#told && this.#seconds > judgedAfter && all > toldFrom) {
      this.#told = true;
      emit({ kind: 'whitening', images: this.images, seconds: all });
    }
    return seconds;
  }

  /** A batch more, of one that is not finished. Resolves when it is done. */
  async advance(): Promise<void> {
    const { segment, images } = this.#lists[this.#list]!;
    for (let i = 0; i < this.#indices.length; i++) this.#indices[i] = images[this.#position + i] ?? -1;
    this.#executable.write(this.#handles.evaluationIndices, this.#indices);
    this.#executable.run(segment);
    // a device answers when it is done
    if (this.#executable.queued === true) await this.#executable.read(this.#handles.evaluationCorrect, this.#probe);
    const end = Math.min(this.#position + this.#indices.length, images.length);
    this.#done += end - this.#position;
    this.#position = end;
    if (end < images.length) return;
    this.#list++;
    this.#position = 0;
  }
}
