import type { Fault } from '../errors.ts';
import type { CheckedGraph } from '../graph/check.ts';
import type { EarlyStoppingSettings } from '../worker/protocol.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { LossSettings, OptimizerSettings, ScheduleSettings } from './settings.ts';
import { formatShape, type Shape } from '../tensor.ts';
import type { StoredWeights } from './start.ts';
import { matchTensors, type TransferSettings } from './transfer.ts';

/** What of a job matters to the state that a fork takes over. */
export interface ForkedTraining {
  readonly optimizer: OptimizerSettings;
  readonly loss: LossSettings;
  readonly schedule: ScheduleSettings;
  readonly earlyStopping: EarlyStoppingSettings | null;
  /** For the words of faults: of a run in stages they give its length. */
  readonly stages?: readonly unknown[] | undefined;
}

interface ParentTraining {
  readonly optimizer?: Pick<OptimizerSettings, 'kind'>;
  readonly loss?: Pick<LossSettings, 'kind'>;
  readonly schedule?: Partial<Extract<ScheduleSettings, { kind: 'reduceOnPlateau' }>>;
  readonly earlyStopping?: EarlyStoppingSettings | null;
  readonly batchSize?: number;
}

/** Settings of the run that made a checkpoint. */
export function trainingOf({ job }: Pick<Checkpoint, 'job'>): ParentTraining {
  try {
    return JSON.parse(job.training) as ParentTraining;
  } catch {
    return {};
  }
}

const metricOf = (stopping: EarlyStoppingSettings | null | undefined): string => stopping?.metric ?? 'validation.loss';

/**
 * Whether the best value so far and the evaluations since go on: they are values of the same measure, and where the best model is put
 * back at the end, it is one of `checked` (null: of whatever network).
 */
export function carriesStopping(
  checkpoint: Pick<Checkpoint, 'job' | 'best'>,
  { loss, earlyStopping }: ForkedTraining,
  checked: Pick<CheckedGraph, 'nodes'> | null,
): boolean {
  const parent = trainingOf(checkpoint);
  const metric = metricOf(earlyStopping);
  if (earlyStopping?.restoreBest === true) {
    // a run that puts its best model back must have kept it
    if (parent.earlyStopping?.restoreBest !== true) return false;
    if (checkpoint.best.length > 0 && checked && !isModelOf(checkpoint.best, checked)) return false;
  }
  return metric === metricOf(parent.earlyStopping) && (metric !== 'validation.loss' || parent.loss?.kind === loss.kind);
}

/** Whether these are the parameters and running statistics of a network, all of them and no others. */
function isModelOf(tensors: Checkpoint['best'], { nodes }: Pick<CheckedGraph, 'nodes'>): boolean {
  const line = (name: string, shape: Shape): string => `${name} ${formatShape(shape)}`;
  const own = nodes.flatMap(({ id, parameters, buffers }) =>
    [...parameters, ...buffers].map(({ name, shape }) => line(`${id}.${name}`, shape)),
  );
  const found = new Set(tensors.map(({ name, shape }) => line(name, shape)));
  return own.length === found.size && own.every((each) => found.has(each));
}

/** Whether what reduceOnPlateau has made of the rate goes on. */
export function carriesPlateau(
  checkpoint: Pick<Checkpoint, 'job' | 'plateau'>,
  { loss, schedule }: ForkedTraining,
): boolean {
  const parent = trainingOf(checkpoint);
  if (checkpoint.plateau === null || schedule.kind !== 'reduceOnPlateau') return false;
  return (
    schedule.metric === parent.schedule?.metric &&
    (schedule.metric !== 'validation.loss' || parent.loss?.kind === loss.kind)
  );
}

/** Why a run cannot go on from where another one was, all reasons. */
export function forkFaults(
  stored: StoredWeights,
  checked: CheckedGraph,
  settings: TransferSettings,
  training: ForkedTraining & { readonly totalSteps: number },
): readonly Fault[] {
  const { checkpoint, tensors } = stored;
  const elsewhere = 'set start.carry to "weights" to begin at step 0 with its weights alone';
  if (checkpoint === null) {
    return [
      { message: `start.carry: these are weights alone, not a run's checkpoint, so nothing can go on; ${elsewhere}.` },
    ];
  }
  const faults: Fault[] = [];
  const { step, stopping } = checkpoint;
  const { totalSteps, optimizer, earlyStopping } = training;
  if (totalSteps <= step) {
    faults.push({
      message: `${(training.stages?.length ?? 0) > 0 ? 'training.stages' : 'training.length'}: the run ends after ${totalSteps} steps, but the fork begins behind step ${step}, as steps count from the start of the run that it goes on from; ask for more.`,
    });
  }
  const { kind } = trainingOf(checkpoint).optimizer ?? optimizer;
  if (kind !== optimizer.kind) {
    faults.push({
      message: `training.optimizer: a fork goes on with the optimiser's state, but that of ${kind} means nothing to ${optimizer.kind}; keep ${kind}, or ${elsewhere}.`,
    });
  } else if (optimizer.kind === 'adam' && optimizer.biasCorrection === false) {
    const source = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    const added = checked.nodes
      .flatMap((node) => matchTensors(node, source, settings))
      .filter((tensor) => tensor.kind === 'parameter' && tensor.state === 'new')
      .map(({ name }) => name);
    if (added.length > 0) {
      faults.push({
        message: `start: ${added.slice(0, 5).join(', ')}${added.length > 5 ? ` and ${added.length - 5} more` : ''} would be new, with moments of 0, for which adam without bias correction takes steps that are too large; set training.optimizer.biasCorrection to true, keep the model, or ${elsewhere}.`,
      });
    }
  }
  if (
    earlyStopping !== null &&
    carriesStopping(checkpoint, training, checked) &&
    stopping.waited >= earlyStopping.patience
  ) {
    faults.push({
      message: `training.earlyStopping.patience: ${stopping.waited} evaluations without improvement lie behind the checkpoint already, so the fork would end at once; take more than ${stopping.waited}, or set training.earlyStopping to null.`,
    });
  }
  return faults;
}
