import {
  checkGraph,
  heldOut,
  mostWhitened,
  stageFaults,
  stageShape,
  type CheckedGraph,
  type GraphDocument,
  type Shape,
} from '../../engine/index.ts';
import { LabError, type LabFault } from '../contract/errors.ts';
import { suggestion } from '../contract/near.ts';
import type { DatasetRecord } from '../contract/records.ts';
import { faultsOf, valueAt } from '../contract/validate.ts';
import { drawnGraph, effectiveGraph, lengthOf, type RunLength } from './resolve.ts';
import { specSchema, type Spec } from './schema.ts';
import { stageSettings } from './stages.ts';
import { upgradeSpec } from './upgrade.ts';

export interface SpecCheck {
  readonly ok: boolean;
  /** All of them; faults of the document begin with the path, faults of the graph name the node. */
  readonly faults: readonly LabFault[];
  /** Validated, defaults filled in; null when the document itself is faulty. */
  readonly spec: Spec | null;
  readonly dataset: DatasetRecord | null;
  /** The graph with the network-wide switches applied, and what the engine says about it; null when it could not be checked. */
  readonly graph: GraphDocument | null;
  readonly checked: CheckedGraph | null;
  readonly length: RunLength | null;
}

/**
 * Checks any JSON as a spec against the data sets there are. Never throws. What a spec starts from is not looked at: that takes files
 * (lab/transfer/check.ts).
 */
export function checkSpec(json: unknown, datasets: readonly DatasetRecord[]): SpecCheck {
  const none = { spec: null, dataset: null, graph: null, checked: null, length: null };
  const upgraded = upgradeSpec(json);
  if (upgraded.fault) return { ok: false, faults: [upgraded.fault], ...none };
  const document = upgraded.document;
  const parsed = specSchema.safeParse(document);
  const faults: LabFault[] = parsed.success
    ? []
    : faultsOf(parsed.error, document, specSchema).map((fault) => onNode(fault, document));

  const id = valueAt(document, ['data', 'dataset']);
  const dataset = datasets.find((each) => each.id === id) ?? null;
  if (!dataset && typeof id === 'string' && id !== '') {
    const known = datasets.map((each) => each.id);
    const list = known.length > 0 ? ` The lab has ${known.join(', ')}.` : ' The lab has none.';
    const near = suggestion(id, known).startsWith(' Did') ? suggestion(id, known) : '';
    faults.push({ message: `data.dataset: there is no data set ${JSON.stringify(id.slice(0, 80))}.${near}${list}` });
  }

  // a fault elsewhere in the document is no reason to keep quiet about the graph
  const model = specSchema.shape.model.safeParse(valueAt(document, ['model']));
  const graph = model.success ? checkModel(model.data, dataset) : null;
  if (graph) faults.push(...graph.faults);
  const staged = parsed.success && dataset && graph?.checked?.ok ? checkStages(parsed.data, dataset) : null;
  if (staged) faults.push(...staged);
  const spec = parsed.success ? parsed.data : null;
  if (spec && graph?.checked?.ok) faults.push(...watchedFaults(spec, graph.checked));
  if (spec && dataset) faults.push(...crossFaults(spec, dataset));
  if (spec) faults.push(...storageFaults(spec.backend));
  return {
    ok: faults.length === 0,
    faults,
    spec,
    dataset,
    graph: graph?.graph ?? null,
    checked: graph?.checked ?? null,
    length: spec && dataset ? lengthOf(spec, dataset) : null,
  };
}

/** A spec without faults. */
export interface CheckedSpec extends SpecCheck {
  readonly spec: Spec;
  readonly dataset: DatasetRecord;
  readonly checked: CheckedGraph;
  readonly length: RunLength;
}

/** The same, for callers that go on only with a good spec. */
export function requireSpec(json: unknown, datasets: readonly DatasetRecord[]): CheckedSpec {
  const check = checkSpec(json, datasets);
  const { ok, spec, dataset, checked, length, faults } = check;
  if (ok && spec && dataset && checked && length) return { ...check, spec, dataset, checked, length };
  throw faultsError(faults);
}

/** All faults of a spec in one error. */
export function faultsError(faults: readonly LabFault[]): LabError {
  const head = faults.length === 1 ? 'The spec has a fault' : `The spec has ${faults.length} faults`;
  return new LabError('spec', `${head}:\n${faults.map(({ message }) => `- ${message}`).join('\n')}`, faults);
}

interface ModelCheck {
  readonly graph: GraphDocument | null;
  readonly checked: CheckedGraph | null;
  readonly faults: readonly LabFault[];
}

function checkModel(model: Spec['model'], dataset: DatasetRecord | null): ModelCheck {
  const options = dataset ? { inputShape: dataset.imageShape, classes: dataset.classes.length } : { inputShape: null };
  // the switches need a sound graph to work on
  const drawn = checkGraph(drawnGraph(model), options);
  if (!drawn.ok) return { graph: null, checked: drawn, faults: drawn.faults };
  const graph = effectiveGraph(model);
  const checked = checkGraph(graph, options);
  return { graph, checked, faults: checked.faults };
}

/** The model at the image size of every stage, and what the stages have to share. */
function checkStages({ model, training }: Spec, dataset: DatasetRecord): readonly LabFault[] {
  const stages = stageSettings(training);
  const faults: LabFault[] = [];
  const models = stages.map((stage, index) => {
    const inputShape = stageShape(dataset.imageShape, stage);
    const checked = checkGraph(effectiveGraph(model), { inputShape, classes: dataset.classes.length });
    for (const fault of checked.faults) {
      faults.push({ ...fault, message: `training.stages[${index}].imageSize: ${fault.message}` });
    }
    return checked;
  });
  if (faults.length > 0 || models.length === 0) return faults;
  return stageFaults(stages, models, dataset.imageShape);
}

/** Nodes to look at that the model does not have; those of the network-wide switches count. */
function watchedFaults({ training }: Spec, { nodes }: CheckedGraph): readonly LabFault[] {
  const known = nodes.filter(({ layer }) => layer !== 'input').map(({ id }) => id);
  return (training.diagnostics?.layers ?? []).flatMap((id, i) =>
    known.includes(id)
      ? []
      : [
          {
            message: `training.diagnostics.layers[${i}]: the model has no layer ${JSON.stringify(id.slice(0, 80))} to look at.${suggestion(id, known)}`,
          },
        ],
  );
}

/** Faults inside a node carry its id, so that the canvas can show them there. */
function onNode(fault: LabFault, document: unknown): LabFault {
  const match = /^model\.nodes\[(\d+)\](?:\.props\.([^.:[]+))?/.exec(fault.message);
  if (!match) return fault;
  const id = valueAt(document, ['model', 'nodes', Number(match[1]), 'id']);
  return typeof id === 'string' ? { node: id, ...(match[2] === undefined ? {} : { prop: match[2] }), ...fault } : fault;
}

const images = (n: number): string => (n === 1 ? '1 image' : `${n} images`);

/** What fits no single field. */
/** A processor stores float32 alone; what asks for a processor and for halves cannot mean both. */
function storageFaults({ kind, storage }: Spec['backend']): LabFault[] {
  if (storage === 'f32' || kind === 'webgpu' || kind === 'auto') return [];
  const message = `backend.storage: f16 is for graphics cards, and backend.kind is ${kind}, which keeps float32; choose backend.kind=webgpu or auto, or backend.storage=f32.`;
  return [{ message }];
}

function crossFaults(spec: Spec, dataset: DatasetRecord): LabFault[] {
  const faults: LabFault[] = [];
  const { trainImages, folds } = spec.data;
  const { batchSize, earlyStopping, loss } = spec.training;
  const total = dataset.trainImages;
  const split = splitFaults(spec.data, dataset);
  if (split.length > 0) return split;
  const validation = heldOut(spec.data, total);
  const rest = total - validation;
  if (rest <= 0) {
    const message = `data.validation: ${validation} of the ${images(total)} of ${dataset.id} are held out, so none is left to train on; take fewer.`;
    return [{ message }];
  }
  if (trainImages !== null && trainImages > rest) {
    const held =
      folds === null ? `the ${validation} held out for validation` : `the ${validation} of fold ${folds.fold}`;
    const message = `data.trainImages: ${trainImages} are wanted, but ${dataset.id} has ${rest} beside ${held}; take at most ${rest}.`;
    faults.push({ message });
  }
  faults.push(...whiteningFaults(spec, dataset));
  const trained = Math.min(trainImages ?? rest, rest);
  const batches =
    spec.training.stages.length === 0
      ? [{ path: 'training.batchSize', size: batchSize }]
      : stageSettings(spec.training).map((stage, i) => ({
          path: spec.training.stages[i]!.batchSize === null ? 'training.batchSize' : `training.stages[${i}].batchSize`,
          size: stage.batchSize,
        }));
  const tooLarge = new Map(batches.filter(({ size }) => size > trained).map(({ path, size }) => [path, size]));
  for (const [path, size] of tooLarge) {
    const message = `${path}: a batch of ${size} is larger than the training split of ${images(trained)}; take at most ${trained}.`;
    faults.push({ message });
  }
  const { accumulate } = spec.training;
  const uneven = new Map(batches.filter(({ size }) => size % accumulate !== 0).map(({ path, size }) => [path, size]));
  for (const [path, size] of uneven) {
    const named = path === 'training.batchSize' ? '' : ` (${path})`;
    const message = `training.accumulate: a batch of ${size}${named} cannot be taken in ${accumulate} equal parts; choose a number that divides it.`;
    faults.push({ message });
  }
  faults.push(...mixupFaults(spec, batches));
  if (loss.kind === 'crossEntropy' && loss.classWeight && loss.classWeight.length !== dataset.classes.length) {
    const message = `training.loss.classWeight: it has ${loss.classWeight.length} weights, but ${dataset.id} has ${dataset.classes.length} classes; give one per class, or leave it out.`;
    faults.push({ message });
  }
  if (earlyStopping && validation === 0) {
    const message = `training.earlyStopping: it watches ${earlyStopping.metric}, but data.validation is 0; hold out some images or set it to null.`;
    faults.push({ message });
  }
  faults.push(...scheduleFaults(spec, tooLarge.size === 0 ? lengthOf(spec, dataset).totalSteps : Infinity));
  return faults;
}

/** Images that are too large to be whitened, as they are or as a stage resizes them. */
function whiteningFaults({ data, training }: Spec, { id, imageShape }: DatasetRecord): LabFault[] {
  if (!data.preprocessing.endsWith('Whitening')) return [];
  const valuesOf = (shape: Shape): number => shape.reduce((product, extent) => product * extent, 1);
  const most = `whitening takes images of at most ${mostWhitened} values`;
  if (valuesOf(imageShape) > mostWhitened) {
    const message = `data.preprocessing: ${most}, those of ${id} have ${valuesOf(imageShape)}; choose standardiseFeatures.`;
    return [{ message }];
  }
  return stageSettings(training).flatMap((stage, i) => {
    const shape = stageShape(imageShape, stage);
    if (valuesOf(shape) <= mostWhitened) return [];
    const message = `training.stages[${i}].imageSize: ${most}, at ${shape.slice(1).join('×')} pixels they have ${valuesOf(shape)}; take smaller ones, or data.preprocessing=standardiseFeatures.`;
    return [{ message }];
  });
}

/** Folds that there are not. */
function splitFaults({ folds }: Spec['data'], { id, trainImages }: DatasetRecord): LabFault[] {
  if (folds === null) return [];
  if (folds.count > trainImages) {
    const message = `data.folds.count: ${folds.count} folds of the ${images(trainImages)} of ${id} would leave some empty; take at most ${trainImages}.`;
    return [{ message }];
  }
  if (folds.fold > folds.count) {
    const message = `data.folds.fold: there is no fold ${folds.fold} of ${folds.count}; take 1 to ${folds.count}.`;
    return [{ message }];
  }
  return [];
}

/** Stages that mix images but have only one in a part. */
function mixupFaults({ data, training }: Spec, batches: readonly { path: string; size: number }[]): LabFault[] {
  const mixup = data.augmentation?.mixup ?? 0;
  const lone = batches.filter(
    ({ size }, i) => size === training.accumulate && mixup * (training.stages[i]?.augmentationStrength ?? 1) > 0,
  );
  return [...new Set(lone.map(({ path }) => path))].map((path) => ({
    message: `data.augmentation.mixup: it mixes every image with the next one of its batch, or of its part of it, but ${path} and training.accumulate leave one image in each; take larger batches or parts, or 0.`,
  }));
}

/** What fits no single field of a schedule. */
function scheduleFaults({ data, training }: Spec, totalSteps: number): LabFault[] {
  const { schedule } = training;
  const messages: string[] = [];
  if ('steps' in schedule && schedule.steps !== null && schedule.steps > totalSteps) {
    messages.push(
      `training.schedule.steps: the schedule takes ${schedule.steps} steps, the run only ${totalSteps}; take fewer, or null for the whole run.`,
    );
  }
  switch (schedule.kind) {
    case 'multiStep': {
      const { milestones } = schedule;
      if (milestones.some((milestone, i) => i > 0 && milestone <= milestones[i - 1]!)) {
        messages.push('training.schedule.milestones: each must lie behind the one before it; put them in order.');
      }
      break;
    }
    case 'warmupCosine': {
      const end = schedule.steps ?? totalSteps;
      if (schedule.warmupSteps >= end) {
        messages.push(
          `training.schedule.warmupSteps: the warm-up takes ${schedule.warmupSteps} steps, the whole schedule only ${end}; take fewer.`,
        );
      }
      break;
    }
    case 'oneCycle':
      if (schedule.threePhase && schedule.risePart > 0.5) {
        messages.push(
          `training.schedule.risePart: with three phases the way up is as long as the way down, so at most 0.5 of the steps, not ${schedule.risePart}.`,
        );
      }
      break;
    case 'reduceOnPlateau':
      if (data.validation === 0 && data.folds === null) {
        messages.push(
          `training.schedule: it watches ${schedule.metric}, but data.validation is 0; hold out some images or choose another schedule.`,
        );
      }
      break;
    default:
  }
  return messages.map((message) => ({ message }));
}
