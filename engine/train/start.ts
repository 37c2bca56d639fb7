import { EngineError } from '../errors.ts';
import { checkGraph, type CheckedGraph } from '../graph/check.ts';
import { initialValues } from '../layers/initialize.ts';
import type { TensorValues } from '../tensor.ts';
import type { TrainingJob } from '../worker/protocol.ts';
import { checkpointFormat, decodeCheckpoint, type Checkpoint } from './checkpoint.ts';
import { noEvaluationYet, type StoppingState } from './earlyStopping.ts';
import { carriesStopping, carriesPlateau, forkFaults } from './fork.ts';
import { optimizerState } from './optimizers.ts';
import type { PlateauState } from './schedules.ts';
import { decodeSafetensors, type NamedTensor } from './safetensors.ts';
import { isFinite } from './state.ts';
import { missedUpdates, noUpdates, stageShape, stagesOf, type UpdateCount } from './stages.ts';
import { matchTensors, nodeOf, transferFaults, type TransferSettings } from './transfer.ts';

/** What a run starts from, in place of drawn weights. */
export interface StartSettings extends TransferSettings {
  /**
   * `weights`: parameters and running statistics alone; the run begins at step 0. `everything`: a fork; the optimiser's state, the
   * count of steps, early stopping and the schedule go on from the checkpoint.
   */
  readonly carry: 'weights' | 'everything';
}

/** The same with its file. */
export interface JobStart extends StartSettings {
  /** SHA-256 of the file: what decides the result. */
  readonly hash: string;
  /** Safetensors: weights alone, or the checkpoint that a fork goes on from. Null: not needed, as the job resumes from its own. */
  readonly weights: Uint8Array | null;
}

/** What a file of stored weights holds. */
export interface StoredWeights {
  /** Parameters and running statistics. */
  readonly tensors: readonly NamedTensor[];
  /** State of the optimiser; empty for weights alone. */
  readonly state: readonly NamedTensor[];
  /** The checkpoint, if it is one: what a fork needs. */
  readonly checkpoint: Checkpoint | null;
}

/** Reads a file of weights: a checkpoint, or any safetensors file of parameters. Throws EngineError('checkpoint'). */
export function decodeWeights(bytes: Uint8Array): StoredWeights {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata['format'] !== checkpointFormat) return { tensors, state: [], checkpoint: null };
  const checkpoint = decodeCheckpoint(bytes);
  const names = new Set(checkpoint.tensors.map(({ name }) => name));
  // a tensor of state is called after its parameter
  const isState = ({ name }: NamedTensor): boolean => names.has(name.slice(0, name.lastIndexOf('.')));
  return {
    tensors: checkpoint.tensors.filter((tensor) => !isState(tensor)),
    state: checkpoint.tensors.filter(isState),
    checkpoint,
  };
}

/** The state before the first step of a run. */
export interface Beginning {
  /** Parameters, running statistics and, of a fork, state of the optimiser, by name. */
  readonly values: Map<string, TensorValues>;
  /** Nodes whose weights come from the source. */
  readonly reused: ReadonlySet<string>;
  /** Completed steps: 0, or those of the checkpoint that a fork goes on from. */
  readonly step: number;
  readonly evaluatedStep: number;
  readonly stopping: StoppingState;
  /** Null: the schedule begins anew. */
  readonly plateau: PlateauState | null;
  /** The model at its best evaluation, of a fork that goes on with early stopping; else null. */
  readonly best: readonly NamedTensor[] | null;
  /** Forms of kernels that are chosen already: by the job, which repeats a run, or by what a fork goes on from. */
  readonly forms?: Readonly<Record<string, string>>;
}

/** The updates that a checkpoint says its parameters have had; undefined: it says nothing, as they follow from the run's stages. */
export function countsOf({
  step,
  missed,
  missedAlone = new Map(),
}: Pick<Checkpoint, 'step' | 'missed' | 'missedAlone'>): UpdateCount | undefined {
  return missed && { step, missed, missedAlone };
}

/**
 * Completed steps with which a job begins that resumes from nothing, and the updates that its parameters have had by then. A parameter
 * goes on with the count of the one that it takes the values of, if it takes the optimiser's state as well; else with none, as at the
 * start of a run (PyTorch: add_param_group, whose parameters have no state['step'] yet).
 */
export function originOf(job: Pick<TrainingJob, OriginParts>): UpdateCount {
  const { start, optimizer } = job;
  if (start?.carry !== 'everything') return noUpdates;
  const { checkpoint, tensors, state } = decodeWeights(bytesOf(start));
  if (checkpoint === null) return noUpdates;
  const { step } = checkpoint;
  const counts = countsOf(checkpoint) ?? { ...noUpdates, step };
  const source = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const states = new Set(state.map(({ name }) => name));
  const hasState = (from: string): boolean => optimizerState(optimizer).every((each) => states.has(`${from}.${each}`));
  const missed = new Map<string, number>();
  const missedAlone = new Map<string, number>();
  for (const node of modelOf(job).nodes) {
    const own = matchTensors(node, source, start)
      .filter(({ kind }) => kind === 'parameter')
      .map(({ name, from, state: fate }) => {
        const goesOn = fate === 'reused' && from !== null && hasState(from);
        return { name, count: goesOn ? missedUpdates(counts, nodeOf(from), from) : step };
      });
    const least = Math.min(...own.map(({ count }) => count));
    if (own.length > 0 && least > 0) missed.set(node.id, least);
    for (const { name, count } of own) if (count > least) missedAlone.set(name, count - least);
  }
  return { step, missed, missedAlone };
}

type OriginParts = 'start' | 'graph' | 'data' | 'optimizer' | 'stages' | 'batchSize' | 'length';

/** At the image size of the first stage; what is wrong with it is told where it is prepared. */
function modelOf(job: Pick<TrainingJob, OriginParts>): CheckedGraph {
  const { imageShape, classes } = job.data;
  return checkGraph(job.graph, { inputShape: stageShape(imageShape, stagesOf(job)[0]!), classes });
}

/**
 * What a run begins with: weights drawn by its seed, and over them what the start of the job gives. Pure. Throws
 * EngineError('checkpoint') with every fault of the transfer, or that names a tensor which is not finite.
 */
export function beginningOf(job: TrainingJob, checked: CheckedGraph, totalSteps: number): Beginning {
  const values = initialValues(checked.nodes, job.seed);
  const scratch = {
    step: 0,
    evaluatedStep: 0,
    stopping: noEvaluationYet,
    plateau: null,
    best: null,
    ...(job.forms && { forms: job.forms }),
  };
  const { start } = job;
  if (!start) return { values, reused: new Set(), ...scratch };
  const stored = decodeWeights(bytesOf(start));
  const { checkpoint } = stored;
  const fork = start.carry === 'everything';
  const faults = [
    ...transferFaults(stored.tensors, checked, start),
    ...(fork ? forkFaults(stored, checked, start, { ...job, totalSteps }) : []),
  ];
  if (faults.length > 0) {
    throw new EngineError('checkpoint', faults.map(({ message }) => message).join('\n'), faults);
  }
  const reused = takeOver(stored, checked, job, values);
  if (!fork || checkpoint === null) return { values, reused, ...scratch };
  const { step, evaluatedStep, stopping, plateau, best } = checkpoint;
  const stops = carriesStopping(checkpoint, job, checked);
  return {
    values,
    reused,
    step,
    evaluatedStep,
    stopping: stops ? stopping : noEvaluationYet,
    plateau: carriesPlateau(checkpoint, job) ? plateau : null,
    best: stops && best.length > 0 ? best : null,
    // with other forms its sums would have other bits than those of the run that it goes on from
    forms: { ...checkpoint.forms, ...job.forms },
  };
}

function bytesOf({ weights }: JobStart): Uint8Array {
  if (weights === null) {
    throw new EngineError('checkpoint', 'The job starts from stored weights, but was not given the file of them.');
  }
  return weights;
}

/** Writes the values of the source over the drawn ones; returns the nodes that got any. */
function takeOver(
  { tensors, state, checkpoint }: StoredWeights,
  { nodes }: CheckedGraph,
  { start, optimizer }: TrainingJob,
  values: Map<string, TensorValues>,
): ReadonlySet<string> {
  const source = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const states = new Map(state.map((tensor) => [tensor.name, tensor]));
  const kept = start!.carry === 'everything' && checkpoint !== null ? optimizerState(optimizer) : [];
  const reused = new Set<string>();
  for (const node of nodes) {
    for (const { name, from, state: fate } of matchTensors(node, source, start!)) {
      if (fate === 'new' || from === null) continue;
      const { values: taken } = source.get(from)!;
      if (taken instanceof Float32Array && !isFinite(taken)) {
        throw new EngineError(
          'checkpoint',
          `The stored weights cannot be started from: "${from}" holds values that are not finite. Choose a checkpoint from before.`,
          [{ node: node.id, message: `"${from}" is not finite.` }],
        );
      }
      values.set(name, taken.slice());
      reused.add(node.id);
      for (const each of kept) {
        const old = states.get(`${from}.${each}`);
        if (old !== undefined) values.set(`${name}.${each}`, old.values.slice());
      }
    }
  }
  return reused;
}
