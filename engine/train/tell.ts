import type { BackendName } from '../backend.ts';
import type { CheckedGraph } from '../graph/check.ts';
import type { TrainingEvent } from '../worker/protocol.ts';
import type { OpenStage } from './openStage.ts';
import type { PreparedTraining } from './prepare.ts';

/** Multiply-accumulates of a forward pass of one image. */
function macsOf({ nodes }: CheckedGraph): number {
  return nodes.reduce((sum, node) => sum + node.macs, 0);
}

/** Means over a run: steps of an epoch, and multiply-accumulates of an image that is trained on. */
function averages({ stages }: PreparedTraining): { readonly stepsPerEpoch: number; readonly macsPerImage: number } {
  const [first] = stages;
  if (stages.length === 1) return { stepsPerEpoch: first!.stepsPerEpoch, macsPerImage: macsOf(first!.checked) };
  let [epochs, images, macs] = [0, 0, 0];
  for (const { firstStep, endStep, stepsPerEpoch, settings, checked } of stages) {
    const steps = endStep - firstStep;
    epochs += steps / stepsPerEpoch;
    images += steps * settings.batchSize;
    macs += steps * settings.batchSize * macsOf(checked);
  }
  const alike = stages.every(({ stepsPerEpoch }) => stepsPerEpoch === first!.stepsPerEpoch);
  return {
    stepsPerEpoch: alike ? first!.stepsPerEpoch : stages.at(-1)!.endStep / epochs,
    macsPerImage: Math.round(macs / images),
  };
}

/** What a run is about to do. Sizes are those of the stage that is open, costs the means over all stages. */
export function readyEvent(
  prepared: PreparedTraining,
  { stage, executable }: OpenStage,
  backend: BackendName,
  step: number,
): TrainingEvent {
  const { totalSteps, trainImages, validationImages } = prepared;
  return {
    kind: 'ready',
    backend,
    threads: executable.threads,
    ...(executable.variant && { variant: executable.variant }),
    parameters: stage.checked.nodes.reduce((sum, node) => sum + node.parameterCount, 0),
    ...averages(prepared),
    planBytes: executable.bytes,
    totalSteps,
    step,
    trainImages: trainImages.length,
    validationImages: validationImages.length,
  };
}

/** That the open stage begins. */
export function stageEvent({ stage, executable }: OpenStage, stages: number): TrainingEvent {
  const { checked, settings, index, firstStep, endStep, stepsPerEpoch } = stage;
  const input = checked.nodes.find(({ layer }) => layer === 'input')!;
  const [, height, width] = input.outputShape as readonly [number, number, number];
  return {
    kind: 'stage',
    stage: index,
    stages,
    step: firstStep,
    endStep,
    imageSize: [height, width],
    batchSize: settings.batchSize,
    stepsPerEpoch,
    macsPerImage: macsOf(checked),
    planBytes: executable.bytes,
  };
}
