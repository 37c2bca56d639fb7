/**
 * The engine's public door for the other rooms: the layer catalogue, checks, costs and transforms of models, plans as text, and
 * the data that travels to and from a training worker. It reaches no backend, so a page that imports it stays small; training
 * itself runs behind engine/worker.
 */
export type { BackendName } from './backend.ts';
export type { AugmentationSettings } from './data/augment.ts';
export { augmentSamples } from './data/augmentSamples.ts';
export {
  heldOut,
  mostFolds,
  splitTrainingFile,
  type FoldSettings,
  type SplitKind,
  type SplitSettings,
} from './data/split.ts';
export { classCounts } from './data/stratify.ts';
export { mostWhitened } from './data/limits.ts';
export { decodeIdx, decodeIdxImages, type IdxArray, type IdxPair } from './data/idx.ts';
export {
  measureNames,
  wholeNetwork,
  type HistogramKind,
  type LayerHistogram,
  type MeasureName,
  type StepProbe,
} from './diagnostics/measures.ts';
export {
  defaultDiagnostics,
  measureGroups,
  type DiagnosticsSettings,
  type MeasureGroup,
} from './diagnostics/settings.ts';
export { estimateMemory, type MemoryEstimate } from './estimate.ts';
export { EngineError, type EngineErrorCode, type Fault } from './errors.ts';

export { checkGraph, type CheckedGraph, type CheckedNode, type CheckOptions } from './graph/check.ts';
export { costOf, type Cost, type CostOptions } from './graph/cost.ts';
export { describeGraph, type NodeDescription } from './graph/describe.ts';
export {
  blockFault,
  followEdit,
  freeBlockId,
  groupNodes,
  mostRepeats,
  repeatFault,
  setRepeats,
  ungroup,
} from './graph/blocks.ts';
export {
  diffGraphs,
  type DiffChange,
  type DiffEntry,
  type DiffNode,
  type DiffTotals,
  type GraphDiff,
} from './graph/diff.ts';
export { inputsOf, type BlockDocument, type GraphDocument, type NodeDocument } from './graph/document.ts';
export { reaches, shortenInputs, writeInputs } from './graph/inputs.ts';
export { scaleIn, type LayoutGaps, type LayoutNode, type LayoutResult, type Point } from './graph/layout/geometry.ts';
export { cardGaps, layoutGraph } from './graph/layout/layout.ts';
export { wirePath } from './graph/layout/wirePath.ts';
export { darkColours, lightColours, type PictureColours } from './graph/picture/colours.ts';
export { drawPicture, type PictureNode, type PictureOptions } from './graph/picture/picture.ts';
export { drawThumbnail, type ThumbnailOptions } from './graph/picture/thumbnail.ts';
export type { Repair } from './graph/repair/change.ts';
export { applyRepair, withRepairs, type RepairedFault } from './graph/repair/repair.ts';
export {
  outputLayer,
  redundantBiases,
  withActivation,
  withDepth,
  withInitializer,
  withoutRedundantBiases,
  withWidth,
} from './graph/transforms/network.ts';
export { withStem, type Prepended, type PrependOptions, type Stem } from './graph/transforms/prepend.ts';
export { withBatchNorm, withDropout, type BatchNormPlace } from './graph/transforms.ts';

export { initialValues } from './layers/initialize.ts';
export { activationCurve, type ActivationCurve } from './layers/activationCurve.ts';
export { layers } from './layers/index.ts';
export { initialParameter } from './layers/initialize.ts';
export {
  describeInitializer,
  initializerKinds,
  type Initializer,
  type InitializerInfo,
  type InitializerKind,
} from './layers/initializer.ts';
export {
  describeShape,
  type LayerCategory,
  type LayerDefinition,
  type LayerWindow,
  type ParameterSpec,
} from './layers/layer.ts';
export { isLayerName, layerNames, type LayerName } from './layers/layerName.ts';
export { defaultProps, normaliseProp, type PropSchema, type PropSchemas, type PropValues } from './layers/props.ts';
export { nodeSchema, propsSchema, type JsonSchema } from './layers/schema.ts';

export { resizeTaps, type ResizeMode } from './ops/resample.ts';
export type { Plan, TrainingPlan } from './plan/plan.ts';
export { printPlan } from './plan/print.ts';
export { formatShape, sizeOf, type DType, type Shape, type TensorValues } from './tensor.ts';

export { defaultPrecision, defaultStorage, precisions, storages, type Precision, type Storage } from './backend.ts';
export { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './train/checkpoint.ts';
export { carriesPlateau, carriesStopping, forkFaults, trainingOf, type ForkedTraining } from './train/fork.ts';
export { prepareTraining, type PreparedTraining } from './train/prepare.ts';
export { decodeSafetensors, encodeSafetensors, type NamedTensor } from './train/safetensors.ts';
export { learningRateFactor } from './train/schedules.ts';
export {
  stageFaults,
  stageOfStep,
  stageShape,
  stageSpans,
  type StageSettings,
  type StageSpan,
} from './train/stages.ts';
export { prependStages, type PrependStagesOptions } from './train/prependStages.ts';
export { decodeWeights, type JobStart, type StartSettings, type StoredWeights } from './train/start.ts';
export {
  matchTensors,
  transferFaults,
  transferReport,
  type SourceTensor,
  type TransferReport,
  type TransferSettings,
} from './train/transfer.ts';
export type { LossSettings, OptimizerSettings, ScheduleSettings } from './train/settings.ts';
export {
  chooseBackend,
  measuredFor,
  type BackendChoice,
  type BackendWish,
  type ChoosingHost,
  type GraphicsAdapter,
} from './worker/backendChoice.ts';
export { onCpu } from './worker/fallback.ts';
export type { WorkerCommand, WorkerEvent } from './worker/serve.ts';
export type { FormsEvent, KnownForms } from './worker/sharedForms.ts';
export type { JobCommand, JobEvent } from './worker/jobServer.ts';
export type { JobInput, JobName, JobOutput, JobTable } from './worker/jobs/index.ts';
export type {
  EarlyStoppingSettings,
  ImageFile,
  Preprocessing,
  TrainingCommand,
  TrainingEvent,
  TrainingJob,
} from './worker/protocol.ts';
