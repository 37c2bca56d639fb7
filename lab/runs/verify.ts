import { decodeCheckpoint, type TrainingEvent } from '../../engine/index.ts';
import type { LabEvent } from '../contract/client.ts';
import { fromErrorRecord, LabError, toErrorRecord } from '../contract/errors.ts';
import type { EvaluationProgress } from '../contract/events.ts';
import type { RunDetails, Verification } from '../contract/records.ts';
import type { CheckpointFiles, Clock, Datasets, Store, Trainer, TrainingHandle } from '../ports.ts';
import type { StartWeights } from '../transfer/weights.ts';
import { sameBackend } from './backend.ts';
import { evaluationProgress } from './evaluation.ts';
import { ReplayComparison } from './replay.ts';
import { readCheckpoint } from './resume.ts';

export interface VerifierOptions {
  readonly store: Store;
  readonly trainer: Trainer;
  readonly datasets: Datasets;
  readonly weights: StartWeights;
  readonly checkpoints: CheckpointFiles;
  readonly clock: Clock;
  readonly engineVersion: string;
  /** Threads of a run whose spec does not say. */
  readonly threads: () => number;
  readonly emit: (event: LabEvent) => void;
}

interface Outcome {
  /** Steps that the replay made. */
  readonly steps: number;
  /** null when it was ended after the first steps. */
  readonly resultHash: string | null;
  readonly threads: number;
}

/** Milliseconds between two events that tell how far a replay is. */
const tellEvery = 250;

/**
 * Replays runs from their specs and compares with what is recorded. One at a time, in a worker of its own beside the queue, which
 * knows nothing of it: a replay leaves no run, no curve and no checkpoint behind, only an event on the run that it verified.
 */
export class RunVerifier {
  readonly #options: VerifierOptions;
  /** The run being verified. */
  #busy: string | null = null;
  /** Ends the replay under way with an error. */
  #end: ((error: LabError) => void) | null = null;
  #closed = false;

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  /**
   * Replays the first `steps` steps and compares their curves; left out, the whole run, of which the result hash is compared as
   * well. Throws LabError 'state', 'invalid' or 'data' when there is nothing to compare with, and what a replay that fails throws.
   */
  async verify(run: RunDetails, steps?: number): Promise<Verification> {
    if (this.#busy !== null) {
      throw new LabError('state', `Run ${this.#busy} is being verified; wait until that is done.`);
    }
    requireRecord(run, steps);
    this.#busy = run.id;
    try {
      await this.#requireData(run);
      return await this.#verify(run, steps);
    } finally {
      this.#busy = null;
    }
  }

  async #verify(run: RunDetails, steps: number | undefined): Promise<Verification> {
    const { store, clock, engineVersion, emit } = this.#options;
    const lastStep = steps ?? run.step;
    const comparison = new ReplayComparison(store.readSeries(run.id), lastStep);
    const begun = clock.now();
    const { start } = run.spec;
    const weights = start?.weights ? await this.#options.weights.read(start.weights) : null;
    const outcome = await this.#replay(run, steps, comparison, weights, await this.#formsOf(run));
    const sameHash = steps !== undefined || outcome.resultHash === run.resultHash;
    const verification: Verification = {
      run: run.id,
      identical: sameHash && comparison.firstDifference === null && outcome.steps >= lastStep,
      whole: steps === undefined,
      steps: Math.min(outcome.steps, lastStep),
      recordedHash: steps === undefined ? run.resultHash : null,
      replayedHash: outcome.resultHash,
      compared: comparison.compared,
      firstDifference: comparison.firstDifference,
      recordedEngine: run.engineVersion,
      replayedEngine: engineVersion,
      threads: outcome.threads,
      seconds: (clock.now() - begun) / 1000,
    };
    const what = verification.whole ? 'The whole run' : `Its first ${lastStep} steps`;
    const text = `${what} replayed with engine ${engineVersion}: ${verification.identical ? 'identical' : 'it differs'}.`;
    // the run may have been deleted in the meantime
    if (store.getRun(run.id)) {
      store.appendEvent(run.id, { at: clock.now(), step: verification.steps, kind: 'verified', text });
    }
    emit({ name: 'run.verifying', data: { id: run.id, step: verification.steps, steps: lastStep, evaluation: null } });
    return verification;
  }

  /** Ends the replay under way, whose call is answered with an error. */
  close(): void {
    this.#closed = true;
    this.#end?.(interrupted());
  }

  async #requireData({ id, spec, dataHash }: RunDetails): Promise<void> {
    const dataset = (await this.#options.datasets.list()).find((each) => each.id === spec.data.dataset);
    if (!dataset) {
      throw new LabError('data', `There is no data set ${spec.data.dataset} any more, on which run ${id} was trained.`);
    }
    if (dataset.hash !== dataHash) {
      throw new LabError(
        'data',
        `The data set ${dataset.id} is not the one that run ${id} was trained on: its hash has changed.`,
      );
    }
  }

  /** Forms of kernels that the run's backend had measured and chosen; they decide the order of sums. */
  async #formsOf(run: RunDetails): Promise<Readonly<Record<string, string>> | undefined> {
    try {
      const bytes = await readCheckpoint(run, this.#options.store, this.#options.checkpoints);
      return bytes === null ? undefined : decodeCheckpoint(bytes).forms;
    } catch {
      // the checkpoint is gone or damaged: what the backend chooses now may be the same, and the comparison will tell
      return undefined;
    }
  }

  #replay(
    run: RunDetails,
    steps: number | undefined,
    comparison: ReplayComparison,
    start: Uint8Array | null,
    forms: Readonly<Record<string, string>> | undefined,
  ): Promise<Outcome> {
    const { trainer, emit, clock } = this.#options;
    const threads = run.spec.backend.threads > 0 ? run.spec.backend.threads : this.#options.threads();
    if (this.#closed) return Promise.reject(interrupted());
    return new Promise<Outcome>((resolve, reject) => {
      let handle: TrainingHandle | null = null;
      let over = false;
      let used = threads;
      let told = clock.now();
      const end = (settle: () => void): void => {
        if (over) return;
        over = true;
        this.#end = null;
        // a worker that has said its last word is not harmed by this
        void handle?.kill();
        settle();
      };
      const tell = (step: number, evaluation: EvaluationProgress | null = null): void => {
        if (clock.now() - told < tellEvery) return;
        told = clock.now();
        emit({ name: 'run.verifying', data: { id: run.id, step, steps: steps ?? run.step, evaluation } });
      };
      const hear = (event: TrainingEvent): void => {
        if (over) return;
        if (event.kind === 'ready') used = event.threads;
        else if (event.kind === 'evaluating') tell(event.step, evaluationProgress(event));
        else if (event.kind === 'evaluation') comparison.evaluation(event);
        else if (event.kind === 'progress') {
          comparison.progress(event);
          tell(event.step);
          if (steps !== undefined && event.step >= steps) {
            end(() => resolve({ steps: event.step, resultHash: null, threads: used }));
          }
        } else if (event.kind === 'finished') {
          const resultHash = steps === undefined ? event.resultHash : null;
          end(() => resolve({ steps: event.step, resultHash, threads: used }));
        } else if (event.kind === 'failed') {
          end(() => reject(fromErrorRecord(toErrorRecord(event.error))));
        }
      };
      this.#end = (error) => end(() => reject(error));
      try {
        // what is seen inside the layers does not change the result, and is not compared
        const spec = { ...run.spec, training: { ...run.spec.training, diagnostics: null } };
        const choices = { ...sameBackend(run), ...(forms && { forms }) };
        handle = trainer.start({ runId: run.id, spec, threads, resumeFrom: null, start, ...choices }, hear);
      } catch (error) {
        end(() => reject(error instanceof Error ? error : new Error(String(error))));
      }
    });
  }
}

const interrupted = (): LabError =>
  new LabError('interrupted', 'The lab was closed before the replay came to its end; verify once more.');

function requireRecord(run: RunDetails, steps: number | undefined): void {
  if (steps === undefined) {
    if (run.status === 'finished' && run.resultHash !== null) return;
    const first = run.step > 0 ? ` Its first steps can be replayed alone: --steps, up to ${run.step}.` : '';
    throw new LabError('state', `Run ${run.id} is ${run.status}; only a finished run can be replayed whole.${first}`);
  }
  if (run.status === 'running') {
    throw new LabError('state', `Run ${run.id} is still running; pause or stop it, or wait for its end.`);
  }
  const first = run.start?.firstStep ?? 0;
  if (first > 0 && steps <= first) {
    throw new LabError(
      'invalid',
      `Run ${run.id} is a fork that begins behind step ${first}, so there is nothing to compare up to step ${steps}; ask for more.`,
    );
  }
  if (steps > run.step) {
    throw new LabError(
      'invalid',
      `Run ${run.id} made ${run.step} steps, so ${steps} cannot be compared; ask for that many at most.`,
    );
  }
}
