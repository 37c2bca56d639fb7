import type { BackendName } from '../backend.ts';
import type { CheckedGraph } from '../graph/check.ts';
import type { TrainingEvent } from '../worker/protocol.ts';
import type { OpenStage } from './openStage.ts';
import type { PreparedTraining } from './prepare.ts';

/** Multiply-accumulates of a forward pass of one image. */
function macsOf({ nodes }: CheckedGraph): number {
  return nodes.reduce((sum, node) => sum + node.macs, 0);
}

/** What a run is about to do. Sizes are those of the stage that is open. */
export function readyEvent(
  { totalSteps, trainImages, validationImages }: PreparedTraining,
  { stage, executable }: OpenStage,
  backend: BackendName,
  step: number,
): TrainingEvent {
  return {
    kind: 'ready',
    backend,
    threads: executable.threads,
    ...(executable.variant && { variant: executable.variant }),
    parameters: stage.checked.nodes.reduce((sum, node) => sum + node.parameterCount, 0),
    macsPerImage: macsOf(stage.checked),
    planBytes: executable.bytes,
    stepsPerEpoch: stage.stepsPerEpoch,
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
