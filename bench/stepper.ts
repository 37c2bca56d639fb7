import type { Backend, Executable, SpawnHelper } from '../engine/backend.ts';
import { initialValues } from '../engine/layers/initialize.ts';
import { hyperSize, randomSize, randomSlot } from '../engine/ops/op.ts';
import { lowerTraining } from '../engine/plan/lower.ts';
import type { TrainingPlan } from '../engine/plan/plan.ts';
import { RandomStream, streamKind } from '../engine/random.ts';
import { fillHyper } from '../engine/train/optimizers.ts';
import { checkWorkload, type Workload } from './workloads.ts';

/** A workload compiled and ready to run on synthetic data. */
export interface Stepper {
  readonly plan: TrainingPlan;
  readonly executable: Executable;
  /** One step, everything included: batch indices, learning rate, random state. */
  step(): void;
  /** Mean loss of the last step's batch. */
  loss(): Promise<number>;
}

const images = 2000;
const historySlots = 64;

/** `spawn`: where helper threads come from, for a backend that has several. */
export async function makeStepper(
  workload: Workload,
  backend: Backend,
  threads: number,
  spawn?: SpawnHelper,
): Promise<Stepper> {
  const { inputShape, classes, batch, optimizer, mode } = workload;
  const checked = checkWorkload(workload);
  const plan = lowerTraining(checked, {
    batchSize: batch,
    evaluationBatch: batch,
    inputShape,
    trainImages: images,
    testImages: batch,
    perFeature: false,
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer,
    historySlots,
  });
  const executable = await backend.compile(plan, { threads, ...(spawn && { spawn }) });
  const { handles } = plan;
  const stream = new RandomStream(1, streamKind.noise);
  const pixels = new Uint8Array(images * inputShape.reduce((product, extent) => product * extent, 1));
  for (let i = 0; i < pixels.length; i++) pixels[i] = stream.below(256);
  const labels = new Uint8Array(images);
  for (let i = 0; i < images; i++) labels[i] = stream.below(classes);
  executable.write(handles.trainPixels, pixels);
  executable.write(handles.trainLabels, labels);
  executable.write(handles.offset, Float32Array.of(0));
  executable.write(handles.scale, Float32Array.of(1 / 255));
  const initial = initialValues(checked.nodes, 1);
  for (const id of [...handles.parameters, ...handles.buffers]) {
    executable.write(id, initial.get(plan.tensors[id]!.name)!);
  }
  const indices = new Int32Array(batch);
  const hyper = new Float32Array(hyperSize);
  const random = new Int32Array(randomSize);
  random[randomSlot.seedLow] = 1;
  let done = 0;
  const nextIndices = (): void => {
    for (let i = 0; i < batch; i++) indices[i] = (done * batch + i) % images;
    done++;
  };
  if (mode === 'infer') {
    return {
      plan,
      executable,
      step: () => {
        nextIndices();
        executable.write(handles.evaluationIndices, indices);
        executable.run('evaluateTrain');
      },
      loss: async () => {
        const loss = new Float32Array(1);
        await executable.read(handles.evaluationLoss, loss);
        return loss[0]! / batch;
      },
    };
  }
  return {
    plan,
    executable,
    step: () => {
      fillHyper(optimizer, optimizer.learningRate, done, hyper);
      random[randomSlot.step] = done;
      nextIndices();
      executable.write(handles.trainIndices, indices);
      executable.write(handles.hyper, hyper);
      executable.write(handles.random, random);
      executable.run('train');
    },
    loss: async () => {
      const history = new Float32Array(historySlots * 2);
      await executable.read(handles.history, history);
      return history[2 * ((done - 1) % historySlots)]!;
    },
  };
}
