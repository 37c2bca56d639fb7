import {
  carriesPlateau,
  carriesStopping,
  checkGraph,
  decodeWeights,
  forkFaults,
  stageOfStep,
  stageShape,
  trainingOf,
  transferFaults,
  transferReport,
  type CheckedGraph,
  type StoredWeights,
  type TransferReport,
} from '../../engine/index.ts';
import { asLabError, type LabFault } from '../contract/errors.ts';
import type { DatasetRecord, RunDetails } from '../contract/records.ts';
import type { Store } from '../ports.ts';
import { canonicalJson } from '../spec/hash.ts';
import { checkSpec, faultsError, type CheckedSpec, type SpecCheck } from '../spec/check.ts';
import { effectiveGraph, lengthOf } from '../spec/resolve.ts';
import type { Spec } from '../spec/schema.ts';
import { stageSettings } from '../spec/stages.ts';
import type { ResolvedStart, StartWeights } from './weights.ts';

/** A spec and the stored weights that it starts from. */
export interface StartCheck extends SpecCheck {
  /** Null for a spec without a start, and where its weights were not found. */
  readonly start: ResolvedStart | null;
  /** What becomes of every weight; null where the model has faults. */
  readonly report: TransferReport | null;
  /** What is not wrong but should be known, in sentences. */
  readonly notes: readonly string[];
}

interface CheckOptions {
  readonly store: Store;
  readonly weights: StartWeights;
}

/** Checks a spec with the weights that it starts from: their faults come with the others. Never throws for what is in the spec. */
export async function checkWithStart(
  json: unknown,
  datasets: readonly DatasetRecord[],
  { store, weights }: CheckOptions,
): Promise<StartCheck> {
  const check = checkSpec(json, datasets);
  const { spec, dataset, graph, faults } = check;
  const plain = { ...check, start: null, report: null, notes: [] };
  if (!spec?.start) return plain;
  let start: ResolvedStart;
  let stored: StoredWeights;
  try {
    start = await weights.resolve({ ...spec, start: spec.start });
    stored = decodeWeights(start.bytes);
  } catch (error) {
    const { message } = asLabError(error);
    const fault = { message: message.startsWith('start.') ? message : `start.from: ${message}` };
    return { ...plain, ok: false, faults: [...faults, fault] };
  }
  const filled: Spec = { ...spec, start: start.start };
  const found = { ...check, spec: filled, start };
  if (!dataset || graph === null || faults.length > 0) return { ...found, report: null, notes: [] };
  const { checked, own } = startFaults(filled, dataset, stored, start.record.firstStep);
  const stages = stageSettings(spec.training);
  const unstaged = [{ frozen: [], frozenBatchNorm: 'running' as const }];
  return {
    ...found,
    ok: own.length === 0,
    faults: own,
    report: transferReport(stored.tensors, checked, filled.start!, stages.length > 0 ? stages : unstaged),
    notes: notesOf(filled, start, stored, store, checked),
  };
}

/** The same, for callers that go on only with a good spec. */
export async function requireWithStart(
  json: unknown,
  datasets: readonly DatasetRecord[],
  options: CheckOptions,
): Promise<CheckedSpec & StartCheck> {
  const check = await checkWithStart(json, datasets, options);
  const { ok, spec, dataset, checked, length, faults } = check;
  if (ok && spec && dataset && checked && length) return { ...check, spec, dataset, checked, length };
  throw faultsError(faults);
}

/** The model as it is trained, at the image size at which the run begins. */
export function beginningModel(spec: Spec, dataset: DatasetRecord, firstStep: number): CheckedGraph {
  const { settings } = stageOfStep(lengthOf(spec, dataset).stages, firstStep);
  const inputShape = stageShape(dataset.imageShape, settings);
  return checkGraph(effectiveGraph(spec.model), { inputShape, classes: dataset.classes.length });
}

/** That model, and what is wrong with the weights for it. */
function startFaults(
  spec: Spec,
  dataset: DatasetRecord,
  stored: StoredWeights,
  firstStep: number,
): { readonly checked: CheckedGraph; readonly own: readonly LabFault[] } {
  const checked = beginningModel(spec, dataset, firstStep);
  const start = spec.start!;
  const training = { ...spec.training, totalSteps: lengthOf(spec, dataset).totalSteps };
  const faults = [
    ...transferFaults(stored.tensors, checked, start),
    ...(start.carry === 'everything' ? forkFaults(stored, checked, start, training) : []),
  ];
  return { checked, own: faults.map((fault) => ({ ...fault })) };
}

function notesOf(
  spec: Spec,
  { record }: ResolvedStart,
  stored: StoredWeights,
  store: Store,
  checked: CheckedGraph,
): readonly string[] {
  const run = record.run === null ? null : store.getRun(record.run);
  return [...(run ? sourceNotes(spec, run) : []), ...forkNotes(spec, stored, checked)];
}

/** Where the source was trained on something else. */
function sourceNotes({ data, seed }: Spec, { id, spec }: RunDetails): string[] {
  const notes: string[] = [];
  const theirs = spec.data;
  if (theirs.dataset !== data.dataset)
    notes.push(`Run ${id} was trained on ${theirs.dataset}, this one is on ${data.dataset}.`);
  else if (heldOutKey(theirs, spec.seed) !== heldOutKey(data, seed)) {
    const why = spec.seed === seed ? heldOutWords(theirs) : `seed ${spec.seed}`;
    notes.push(
      `Run ${id} held out other validation images (${why}), so it was trained on some of those that are held out here: validation will look better than it is. The test images are not concerned.`,
    );
  }
  if (theirs.preprocessing !== data.preprocessing) {
    notes.push(
      `Run ${id} saw images prepared by "${theirs.preprocessing}", here they are prepared by "${data.preprocessing}": its first layers expect other values.`,
    );
  }
  return notes;
}

/** The same text for the same validation images of a data set; none where nothing is held out. */
const heldOutKey = ({ validation, split, folds }: Spec['data'], seed: number): string =>
  validation === 0 && folds === null ? 'none' : canonicalJson([seed, split, folds, folds === null ? validation : 0]);

const heldOutWords = ({ validation, split, folds }: Spec['data']): string =>
  folds === null ? `${validation} images, ${split}` : `fold ${folds.fold} of ${folds.count}, ${split}`;

/** What a fork cannot go on with, and where its position in the data comes to lie. */
function forkNotes({ training, start }: Spec, { checkpoint }: StoredWeights, checked: CheckedGraph): string[] {
  if (start?.carry !== 'everything' || checkpoint === null) return [];
  const notes: string[] = [];
  const parent = trainingOf(checkpoint);
  const { step, stopping, plateau } = checkpoint;
  if (training.stages.length === 0 && parent.batchSize !== undefined && parent.batchSize !== training.batchSize) {
    notes.push(
      `Batches have ${training.batchSize} images instead of ${parent.batchSize}: step ${step} is taken as step ${step} of a run with such batches, somewhere else in an epoch. Two stages, with the boundary at step ${step}, begin a new epoch there.`,
    );
  }
  if (stopping.bestStep !== null && !carriesStopping(checkpoint, training, checked)) {
    const why = carriesStopping(checkpoint, training, null)
      ? 'the best model so far is none of this network, so it could not be put back'
      : 'what is watched is not what the run watched before';
    notes.push(`Early stopping and the best weights begin anew: ${why}.`);
  }
  if (plateau !== null && !carriesPlateau(checkpoint, training)) {
    notes.push('What reduceOnPlateau had made of the rate is left behind.');
  }
  return notes;
}
