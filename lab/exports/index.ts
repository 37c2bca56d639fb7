import {
  decodeCheckpoint,
  describeGraph,
  drawPicture,
  encodeSafetensors,
  initialValues,
  type JobOutput,
  type NamedTensor,
} from '../../engine/index.ts';
import type { ExportFormat } from '../contract/architectureRecords.ts';
import { LabError } from '../contract/errors.ts';
import type { DatasetRecord } from '../contract/records.ts';
import { architectureVersion } from '../imports/document.ts';
import { effectiveGraph } from '../spec/resolve.ts';
import type { Spec } from '../spec/schema.ts';
import { kerasSource } from './keras/export.ts';
import { exportModel, inputShapeAt, tensorsOf, type ExportModel, type Weights } from './model.ts';
import { encodeOnnx, onnxOpset } from './onnx/export.ts';
import { fittedJson, fittedTensors, preprocessingWords } from './preprocessing.ts';
import { pytorchSource, torchNotes } from './pytorch/export.ts';
import type { ExportTraining } from './training.ts';

/** What is exported: a model with how it is trained, and weights where it has any. */
export interface ExportSource {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly spec: Spec;
  readonly dataset: DatasetRecord;
  /** As the model is drawn, for formats that keep it so. */
  readonly weights: Weights | null;
  /** Completed steps that the weights are of; left out: those that the run begins with. The network sees images of that stage's size. */
  readonly step?: number;
  /** Tensors that a run of the spec takes from stored weights instead of drawing them; left out or null: none. */
  readonly taken?: Weights | null;
  /** What data.preprocessing is fitted to the training images as; left out or null: nothing is, or nobody has fitted it. */
  readonly fitted?: JobOutput<'fit'> | null;
  /** "run r1, step 400 (best)", told in files that hold weights. */
  readonly origin: string;
}

export interface ExportedFile {
  /** A file name without folders. */
  readonly file: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What the format does not keep of this model, in sentences. */
  readonly notes: readonly string[];
}

const kinds: Readonly<Record<ExportFormat, { readonly extension: string; readonly mediaType: string }>> = {
  json: { extension: 'json', mediaType: 'application/json' },
  onnx: { extension: 'onnx', mediaType: 'application/octet-stream' },
  pytorch: { extension: 'py', mediaType: 'text/x-python' },
  keras: { extension: 'py', mediaType: 'text/x-python' },
  safetensors: { extension: 'safetensors', mediaType: 'application/octet-stream' },
  svg: { extension: 'svg', mediaType: 'image/svg+xml' },
};

/** Writes a model in a format. Throws LabError: 'graph' for a faulty one (JSON takes it), 'checkpoint' for weights of another. */
export function exportAs(format: ExportFormat, source: ExportSource, version: string): ExportedFile {
  const { extension, mediaType } = kinds[format];
  const suffix = format === 'keras' ? '-keras' : format === 'pytorch' ? '-pytorch' : '';
  const file = `${fileName(source.name)}${suffix}.${extension}`;
  const { content, notes } = write(format, source, version);
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : new Uint8Array(content);
  return { file, mediaType, bytes, notes };
}

interface Written {
  readonly content: string | Uint8Array;
  readonly notes: readonly string[];
}

function write(format: ExportFormat, source: ExportSource, version: string): Written {
  if (format === 'json') return { content: architectureJson(source), notes: [] };
  const model = modelOf(source);
  const training: ExportTraining = source;
  switch (format) {
    case 'pytorch':
      return {
        content: pytorchSource(model, training, version),
        notes: [...startNotes(source), ...torchNotes(training)],
      };
    case 'keras': {
      const { source: content, notes } = kerasSource(model, training, version);
      return { content, notes: [...startNotes(source), ...notes] };
    }
    case 'onnx': {
      const whole = { ...model, weights: model.weights ?? drawnWeights(model, source.spec.seed, source.taken) };
      const notes = [...onnxNotes(model, source), ...weightNotes(source)];
      return {
        content: encodeOnnx(whole, { version, metadata: { ...metadataOf(source), ...fittedMetadata(source) } }),
        notes,
      };
    }
    case 'safetensors': {
      const { taken = null, spec } = source;
      // beside weights that were taken over, those that images have yet to scale are left to whoever reads the file
      const open = model.weights === null && taken !== null ? unscaled(model, taken) : [];
      const weights = model.weights ?? drawnWeights(model, spec.seed, taken, open);
      const tensors = tensorsOf(model.checked).flatMap(({ name }) => weights.get(name) ?? []);
      const metadata = { 'ablate.name': source.name, ...metadataOf(source) };
      const left = `Without the weights of ${open.join(', ')}: LSUV scales them by the first batch, which the PyTorch program does as well.`;
      return {
        content: encodeSafetensors([...tensors, ...fittedOf(source)], metadata),
        notes: [...weightNotes(source), ...fittedNotes(source), ...(open.length > 0 ? [left] : [])],
      };
    }
    case 'svg':
      return { content: drawPicture(describeGraph(model.checked), { title: source.name }), notes: [] };
  }
}

function modelOf({ name, spec, dataset, weights, step = 0 }: ExportSource): ExportModel {
  const { classes } = dataset;
  const inputShape = inputShapeAt(spec, dataset, step);
  return exportModel({ name, graph: effectiveGraph(spec.model), inputShape, classes, weights });
}

/** An architecture document: the model as it is drawn, switches and all. */
function architectureJson({ name, description, tags, spec, dataset }: ExportSource): string {
  const document = {
    ablateArchitecture: architectureVersion,
    name,
    description,
    tags,
    dataset: dataset.id,
    inputShape: dataset.imageShape,
    classes: dataset.classes.length,
    model: spec.model,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** What the weights are for: everything that decides how pixels become inputs. */
function metadataOf(source: ExportSource): Readonly<Record<string, string>> {
  const { spec, dataset, origin, step = 0 } = source;
  const { preprocessing, whiteningEps, validation, trainImages, split, folds } = spec.data;
  const inputs = preprocessingWords(spec.data, dataset, inputShapeAt(spec, dataset, step));
  return {
    'ablate.dataset': dataset.id,
    'ablate.classes': JSON.stringify(dataset.classes),
    'ablate.preprocessing': preprocessing,
    'ablate.imageShape': JSON.stringify(dataset.imageShape),
    'ablate.inputs': inputs.text,
    ...(preprocessing.endsWith('Whitening') && { 'ablate.whiteningEps': String(whiteningEps) }),
    // which images it was fitted to
    ...(inputs.fitted && {
      'ablate.split': JSON.stringify({ seed: spec.seed, validation, trainImages, split, folds }),
    }),
    'ablate.weights': origin,
  };
}

const fittedOf = ({ fitted, dataset }: ExportSource): readonly NamedTensor[] =>
  fitted ? fittedTensors(fitted, dataset) : [];

const fittedMetadata = (source: ExportSource): Readonly<Record<string, string>> =>
  source.fitted ? { 'ablate.fitted': fittedJson(fittedOf(source)) } : {};

function fittedNotes(source: ExportSource): string[] {
  const names = fittedOf(source).map(({ name }) => name);
  return names.length === 0 ? [] : [`It holds what the preprocessing was fitted as: ${names.join(', ')}.`];
}

/** What a program of a run with a start needs beside the images. */
const startNotes = ({ spec }: ExportSource): string[] =>
  spec.start === null
    ? []
    : [
        'It begins with stored weights: export them as safetensors, with the weights "initial", and give it that file by --weights.',
      ];

/** What is not as the run ended. */
function weightNotes({ spec, weights }: ExportSource): string[] {
  const { recalibrateBatchNorm } = spec.training;
  return weights !== null && recalibrateBatchNorm > 0
    ? [
        `The run takes the running statistics of batch norms anew at its end (training.recalibrateBatchNorm); checkpoints hold those from before.`,
      ]
    : [];
}

function onnxNotes({ checked, inputShape }: ExportModel, source: ExportSource): string[] {
  const { spec, dataset } = source;
  const { text } = preprocessingWords(spec.data, dataset, inputShape);
  const noisy = checked.nodes.filter(({ layer }) => layer === 'noisyBatchNorm').map(({ id }) => id);
  return [
    `Operator set ${onnxOpset}, as the model computes in evaluation. The input is ${text}`,
    ...fittedNotes(source),
    ...(noisy.length > 0
      ? [`${noisy.join(', ')}: noisy batch norm adds its noise in training only; it is plain batch norm here.`]
      : []),
  ];
}

/** The weights that a run of this seed starts with: drawn, but for those that it takes over. */
export function drawnWeights(
  model: ExportModel,
  seed: number,
  taken: Weights | null = null,
  leftOut: readonly string[] = [],
): Weights {
  const { checked, name } = model;
  const data = unscaled(model, taken).filter((id) => !leftOut.includes(id));
  if (data.length > 0) {
    throw new LabError(
      'state',
      `${name}: the first weights of ${data.slice(0, 5).join(', ')} (LSUV) depend on the training images, so there are none before training. Export a run's checkpoint, or choose another initialiser.`,
    );
  }
  const values = initialValues(checked.nodes, seed);
  const tensors = checked.nodes.flatMap(({ id, parameters, buffers }) =>
    [...parameters, ...buffers].flatMap((spec): NamedTensor[] => {
      const key = `${id}.${spec.name}`;
      const given = taken?.get(key);
      if (given) return [given];
      if (spec.name === 'weight' && leftOut.includes(id)) return [];
      const own = values.get(key)!;
      return [{ name: key, dtype: own instanceof Float32Array ? 'f32' : 'i32', shape: spec.shape, values: own }];
    }),
  );
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
}

/** Nodes whose first weights are scaled by the training images (LSUV), and so do not follow from the seed alone. */
function unscaled({ checked }: ExportModel, taken: Weights | null): string[] {
  return checked.nodes.flatMap(({ id, parameters }) =>
    parameters.some(({ initializer }) => initializer.kind === 'lsuv') && taken?.has(`${id}.weight`) !== true
      ? [id]
      : [],
  );
}

/** Parameters and running statistics of a checkpoint; of a run that puts its best model back, that model. */
export function checkpointWeights(
  bytes: Uint8Array,
  restored: boolean,
): { readonly weights: Weights; readonly step: number } {
  const { tensors, best, step } = decodeCheckpoint(bytes);
  const own = restored && best.length > 0 ? best : tensors;
  return { weights: new Map(own.map((tensor) => [tensor.name, tensor])), step };
}

/** A name that every file system takes. */
export function fileName(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase()
    .slice(0, 60);
  return plain === '' || /^(con|prn|aux|nul|com\d|lpt\d)$/.test(plain) ? 'model' : plain;
}
