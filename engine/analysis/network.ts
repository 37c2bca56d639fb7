import type { Backend, CompileOptions, Executable } from '../backend.ts';
import type { DiagnosticsSettings } from '../diagnostics/settings.ts';
import { EngineError } from '../errors.ts';
import type { TensorId } from '../ops/op.ts';
import { sizeOf, type TensorValues } from '../tensor.ts';
import { beginningOfRun } from '../train/beginning.ts';
import { decodeCheckpoint } from '../train/checkpoint.ts';
import { OpenStage } from '../train/openStage.ts';
import { prepareTraining, type PlannedStage, type PreparedTraining } from '../train/prepare.ts';
import { stageOfStep } from '../train/stages.ts';
import { originOf } from '../train/start.ts';
import type { TrainingJob } from '../worker/protocol.ts';
import { compileOptionsOf } from '../worker/jobs/compileOptions.ts';
import type { JobContext } from '../worker/jobs/job.ts';

/** A parameter of the network that is looked at, with its values at the checkpoint. */
export interface AnalysedParameter {
  readonly tensor: TensorId;
  readonly gradient: TensorId;
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A network at a checkpoint (or the weights that its run begins with), ready to be evaluated and differentiated at other weights, too. */
export interface Analysed {
  readonly executable: Executable;
  readonly prepared: PreparedTraining;
  readonly stage: PlannedStage;
  /** Completed steps of the weights. */
  readonly step: number;
  readonly parameters: readonly AnalysedParameter[];
  /** Sets the parameters to `values`, in their order, and the running statistics to those of the checkpoint. */
  set(values: readonly Float32Array[]): void;
  /** Mean loss over the images (positions in the training file), in evaluation mode. */
  loss(images: Int32Array): Promise<number>;
  /** Loss and gradients of all parameters for the batch of a step, in training mode. Parameters stay as they are. */
  gradient(step: number): Promise<{ readonly loss: number; readonly gradients: readonly Float32Array[] }>;
}

/** Bytes that an analysis may hold beside the network: a landscape keeps two directions, predictiveness two gradients. */
const mostExtraBytes = 2 ** 30;

/** A rate of 0 makes the optimiser's step leave the parameters as they are, so its gradients can be read. */
const still = {
  optimizer: { kind: 'sgd', learningRate: 0, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
  schedule: { kind: 'constant' },
} as const;

/** Compiles the network of `training` at its checkpoint. The caller disposes of `executable`. Throws EngineError. */
export async function analysed(
  training: TrainingJob,
  context: JobContext,
  diagnostics: DiagnosticsSettings | null = null,
): Promise<Analysed> {
  const { gradient: _gradient, earlyStopping: _stopping, ...rest } = training;
  // images as they are: what a step makes of them is drawn anew in each
  const data = { ...training.data, augmentation: null };
  const job: TrainingJob = { ...rest, data, ...still, earlyStopping: null, diagnostics };
  const prepared = prepareTraining(job);
  const checkpoint = training.resumeFrom === null ? null : decodeCheckpoint(training.resumeFrom);
  const step = checkpoint?.step ?? originOf(training).step;
  const stage = stageOfStep(prepared.stages, step);
  const { plan } = stage;
  const { handles } = plan;
  const floats = handles.parameters.reduce((sum, id) => sum + sizeOf(plan.tensors[id]!.shape), 0);
  if (8 * 4 * floats > mostExtraBytes) {
    throw new EngineError(
      'memory',
      `The network has ${floats} parameters; an analysis keeps several copies of them and takes at most ${mostExtraBytes / 32} parameters.`,
    );
  }
  const backend = await context.backend('cpu');
  const values = checkpoint
    ? new Map<string, TensorValues>(checkpoint.tensors.map((tensor) => [tensor.name, tensor.values]))
    : await initialWeights(training, step, backend, compileOptionsOf(training, context));
  const valueOf = (id: TensorId): TensorValues => {
    const { name, shape } = plan.tensors[id]!;
    const found = values.get(name);
    if (found?.length === sizeOf(shape)) return found;
    throw new EngineError(
      'checkpoint',
      `The checkpoint does not fit the model: "${name}" is missing or of another shape.`,
    );
  };
  const parameters = handles.parameters.map((tensor, i): AnalysedParameter => {
    const { name, shape } = plan.tensors[tensor]!;
    return { tensor, gradient: handles.gradients[i]!, name, shape, values: valueOf(tensor) as Float32Array };
  });
  const buffers = handles.buffers.map((tensor) => ({ tensor, values: valueOf(tensor) }));
  // the very stage that training opens: every data tensor that the plan has is written there, and a step knows its parts
  const open = await OpenStage.open(job, prepared, stage, backend, compileOptionsOf(job, context));
  const { executable, runner } = open;
  const set = (list: readonly Float32Array[]): void => {
    parameters.forEach(({ tensor }, i) => executable.write(tensor, list[i]!));
    for (const { tensor, values: own } of buffers) executable.write(tensor, own);
  };
  set(parameters.map((parameter) => parameter.values));

  const evaluation = new Int32Array(plan.evaluationBatch);
  const number = new Float32Array(1);
  const history = new Float32Array(handles.historySlots * 2);
  return {
    executable,
    prepared,
    stage,
    step,
    parameters,
    set,
    async loss(images) {
      let sum = 0;
      for (let from = 0; from < images.length; from += evaluation.length) {
        for (let i = 0; i < evaluation.length; i++) evaluation[i] = images[from + i] ?? -1;
        executable.write(handles.evaluationIndices, evaluation);
        executable.run('evaluateTrain');
        await executable.read(handles.evaluationLoss, number);
        sum += number[0]!;
      }
      return sum / images.length;
    },
    async gradient(at) {
      runner.run(at);
      await executable.read(handles.history, history);
      const gradients: Float32Array[] = [];
      for (const { gradient, values: own } of parameters) {
        const values = new Float32Array(own.length);
        await executable.read(gradient, values);
        gradients.push(values);
      }
      return { loss: history[(at % handles.historySlots) * 2]!, gradients };
    },
  };
}

/** Those that the run itself begins with, images changed as in its first step. */
async function initialWeights(
  training: TrainingJob,
  step: number,
  backend: Backend,
  compile: CompileOptions,
): Promise<ReadonlyMap<string, TensorValues>> {
  const prepared = prepareTraining(training);
  return (await beginningOfRun(training, prepared, stageOfStep(prepared.stages, step), backend, compile)).values;
}
