import { initialValues } from '../../layers/initialize.ts';
import { StepRunner } from '../../train/loop.ts';
import { initialState } from '../../train/optimizers.ts';
import { prepareTraining } from '../../train/prepare.ts';
import { TrainingState } from '../../train/state.ts';
import type { TrainingJob } from '../protocol.ts';
import type { JobContext } from './job.ts';

export interface TimingInput {
  readonly training: TrainingJob;
  /** Milliseconds of training to measure. */
  readonly milliseconds: number;
}

/** Measured on this machine, with what else it was doing. */
export interface StepTiming {
  /** Median over the measured steps. */
  readonly millisecondsPerStep: number;
  readonly steps: number;
  readonly stepsPerEpoch: number;
  readonly secondsPerEpoch: number;
  /** Seconds of the whole run, evaluations left out. */
  readonly secondsOfTraining: number;
  readonly imagesPerSecond: number;
  readonly threads: number;
  readonly planBytes: number;
}

/** Steps before the measurement: V8 compiles the kernels for speed within a few of them. */
const warmUpSteps = 4;
const leastSteps = 3;

/** Trains a few steps from initial weights and throws them away. */
export async function runTiming({ training, milliseconds }: TimingInput, context: JobContext): Promise<StepTiming> {
  const prepared = prepareTraining(training);
  const { plan, order, totalSteps } = prepared;
  const backend = await context.backend(training.backend);
  const { spawn } = context;
  const { threads, precision } = training;
  const executable = await backend.compile(plan, {
    threads,
    ...(precision && { precision }),
    ...(spawn ? { spawn } : {}),
  });
  try {
    const { handles } = plan;
    const state = new TrainingState(plan);
    state.begin(initialValues(prepared.checked.nodes, training.seed), initialState(training.optimizer));
    state.restore(executable);
    const { train } = training.data;
    executable.write(handles.trainPixels, train.pixels);
    executable.write(handles.trainLabels, train.labels);
    executable.write(handles.offset, prepared.transform.offset);
    executable.write(handles.scale, prepared.transform.scale);
    const runner = new StepRunner(executable, plan, order, { ...training, totalSteps });
    const history = new Float32Array(handles.historySlots * 2);
    const times: number[] = [];
    const begin = context.clock();
    for (let step = 0; ; step++) {
      const before = context.clock();
      runner.run(step);
      // a device answers when it is done
      await executable.read(handles.history, history);
      const now = context.clock();
      if (step >= warmUpSteps) times.push(now - before);
      if (times.length >= leastSteps && now - begin >= milliseconds) break;
      if (step % 16 === 0) {
        context.progress(Math.min(1, (now - begin) / milliseconds));
        await context.turn();
        if (context.cancelled) break;
      }
    }
    times.sort((a, b) => a - b);
    const millisecondsPerStep = times[times.length >> 1] ?? 0;
    return {
      millisecondsPerStep,
      steps: times.length,
      stepsPerEpoch: order.stepsPerEpoch,
      secondsPerEpoch: (millisecondsPerStep * order.stepsPerEpoch) / 1000,
      secondsOfTraining: (millisecondsPerStep * totalSteps) / 1000,
      imagesPerSecond: millisecondsPerStep > 0 ? (1000 * plan.batchSize) / millisecondsPerStep : 0,
      threads: executable.threads,
      planBytes: executable.bytes,
    };
  } finally {
    await executable.dispose();
  }
}
