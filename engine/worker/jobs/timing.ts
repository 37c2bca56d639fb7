import { OpenStage } from '../../train/openStage.ts';
import { initialState } from '../../train/optimizers.ts';
import { prepareTraining, type PlannedStage, type PreparedTraining } from '../../train/prepare.ts';
import { beginningOf, originOf } from '../../train/start.ts';
import { TrainingState } from '../../train/state.ts';
import type { WhiteningPass } from '../../train/whitening.ts';
import type { TrainingJob } from '../protocol.ts';
import { compileOptionsOf } from './compileOptions.ts';
import type { JobContext } from './job.ts';

export interface TimingInput {
  readonly training: TrainingJob;
  /** Milliseconds of training to measure. */
  readonly milliseconds: number;
}

/** Measured on this machine, with what else it was doing. */
export interface StepTiming {
  /** Median over the measured steps; of a run in stages, their mean over its steps. */
  readonly millisecondsPerStep: number;
  readonly steps: number;
  /** Of the first stage. */
  readonly stepsPerEpoch: number;
  readonly secondsPerEpoch: number;
  /** Seconds of the whole run, with the whitening of its images and without evaluations. */
  readonly secondsOfTraining: number;
  readonly imagesPerSecond: number;
  readonly threads: number;
  readonly planBytes: number;
}

/** Steps before the measurement: V8 compiles the kernels for speed within a few of them. */
const warmUpSteps = 4;
const leastRounds = 3;
/** A device that queues steps is waited for after so many milliseconds of them, as in training, and not after each one. */
const roundMilliseconds = 15;
const mostQueued = 64;

/**
 * Trains a few steps of each stage from the weights that the run begins with and throws them away. Of a fork, what lies before its
 * first step is left out.
 */
export async function runTiming({ training, milliseconds }: TimingInput, context: JobContext): Promise<StepTiming> {
  const prepared = prepareTraining(training);
  const { totalSteps } = prepared;
  const firstStep = Math.min(originOf(training).step, totalSteps - 1);
  const stages = prepared.stages.filter(({ endStep }) => endStep > firstStep);
  const share = milliseconds / stages.length;
  let [steps, threads, planBytes, secondsOfSteps, secondsAhead, epochs, images] = [0, 0, 0, 0, 0, 0, 0];
  for (const [i, stage] of stages.entries()) {
    const tell = (done: number): void => context.progress((i + done) / stages.length);
    const measured = await timeStage(training, prepared, stage, share, context, tell);
    const stageSteps = stage.endStep - Math.max(stage.firstStep, firstStep);
    steps += measured.steps;
    threads = measured.threads;
    planBytes = Math.max(planBytes, measured.planBytes);
    secondsAhead += measured.secondsAhead;
    secondsOfSteps += (median(measured.times) * stageSteps) / 1000;
    epochs += stageSteps / stage.stepsPerEpoch;
    images += stageSteps * stage.settings.batchSize;
  }
  return {
    millisecondsPerStep: (1000 * secondsOfSteps) / (totalSteps - firstStep),
    steps,
    stepsPerEpoch: stages[0]!.stepsPerEpoch,
    secondsPerEpoch: secondsOfSteps / epochs,
    secondsOfTraining: secondsAhead + secondsOfSteps,
    imagesPerSecond: secondsOfSteps > 0 ? images / secondsOfSteps : 0,
    threads,
    planBytes,
  };
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0;
}

interface StageTimes {
  /** Milliseconds a step, of each measured round. */
  readonly times: readonly number[];
  readonly steps: number;
  /** That the images of the stage take to be whitened before its first step. */
  readonly secondsAhead: number;
  readonly threads: number;
  readonly planBytes: number;
}

async function timeStage(
  training: TrainingJob,
  prepared: PreparedTraining,
  stage: PlannedStage,
  milliseconds: number,
  context: JobContext,
  tell: (done: number) => void,
): Promise<StageTimes> {
  // who wants to know how fast 'auto' is asks backendChoice.ts; here it is the backend that every machine has
  const backend = await context.backend(training.backend === 'auto' ? 'cpu' : training.backend);
  const open = await OpenStage.forTraining(training, prepared, stage, backend, compileOptionsOf(training, context));
  try {
    const { executable, runner } = open;
    const { handles } = stage.plan;
    const state = new TrainingState(stage.plan);
    state.begin(beginningOf(training, stage.checked, prepared.totalSteps).values, initialState(training.optimizer));
    state.restore(executable);
    const history = new Float32Array(handles.historySlots * 2);
    const secondsAhead = await timeWhitening(open.whitening, milliseconds / 10, context);
    let times: number[] = [];
    let round = 1;
    let step = 0;
    const begin = context.clock();
    for (;;) {
      const before = context.clock();
      for (const end = step + round; step < end; step++) runner.run(stage.firstStep + step);
      // a device answers when it is done
      await executable.read(handles.history, history);
      const now = context.clock();
      if (step > warmUpSteps) times.push((now - before) / round);
      if (executable.queued === true && round < mostQueued && now - before < roundMilliseconds) {
        round *= 2;
        times = [];
      }
      if (times.length >= leastRounds && now - begin >= milliseconds) break;
      if (round > 1 || step % 16 === 1) {
        tell(Math.min(1, (now - begin) / milliseconds));
        await context.turn();
        if (context.cancelled) break;
      }
    }
    return {
      times,
      steps: times.length * round,
      secondsAhead,
      threads: executable.threads,
      planBytes: executable.bytes,
    };
  } finally {
    await open.dispose();
  }
}

/** By its first batches. The images that are not whitened then are black to the steps, which take as long as with any others. */
async function timeWhitening(pass: WhiteningPass | null, milliseconds: number, context: JobContext): Promise<number> {
  if (pass === null) return 0;
  let [before, begin] = [0, context.clock()];
  await pass.advance();
  if (!pass.finished) {
    // V8 has compiled the kernel for speed meanwhile
    [before, begin] = [pass.done, context.clock()];
    do await pass.advance();
    while (!pass.finished && context.clock() - begin < milliseconds);
  }
  return ((context.clock() - begin) / 1000 / (pass.done - before)) * pass.images;
}
