import { layers, sizeOf } from '../../../engine/index.ts';
import { LabError } from '../../contract/errors.ts';
import { outputNode, tensorsOf, type ExportModel } from '../model.ts';
import { onnxLayers, type Attribute, type OnnxContext } from './layers.ts';
import {
  attributeType,
  dataType,
  modelSchema,
  type OnnxAttribute,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from './proto.ts';
import { encodeMessage } from './wire.ts';

/** Operator set of what is written: 21 has group normalisation with a factor per channel. */
export const onnxOpset = 21;
/** The file format that came with it (onnx 1.16). */
const irVersion = 10;
/** Keys of the model's metadata. */
export const metadataKey = { format: 'ablate.format', model: 'ablate.model', name: 'ablate.name' } as const;
export const metadataFormat = '1';
export const inputName = 'input';
export const outputName = 'logits';

export interface OnnxOptions {
  /** Of the program, as the file's producer. */
  readonly version: string;
  /** Further metadata, such as how pixels become inputs. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * An ONNX file of a model as it computes in evaluation: input "input" f32 [N, C, H, W] of preprocessed images, output "logits"
 * f32 [N, classes]. The whole model document lies in the metadata. Throws LabError when the weights do not belong to the model.
 */
export function encodeOnnx(model: ExportModel, options: OnnxOptions): Uint8Array {
  return encodeMessage(modelSchema, onnxModel(model, options));
}

/** The same as a message. Without weights, tensors of the model have no values. */
export function onnxModel(model: ExportModel, { version, metadata = {} }: OnnxOptions): OnnxModel {
  const { checked, graph, inputShape, name } = model;
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensor[] = tensorsOf(checked)
    // a count of batches has no use in evaluation
    .filter(({ name: tensor }) => !tensor.endsWith('.batchesTracked'))
    .map(({ name: tensor, shape }) => weightTensor(model, tensor, shape));
  const values = new Map<string, string>();
  for (const node of checked.nodes) {
    const output = node.layer === 'input' ? inputName : node.id === checked.outputId ? outputName : `${node.id}/y`;
    values.set(node.id, output);
    let count = 0;
    const constant = (tensor: OnnxTensor): string => {
      tensors.push(tensor);
      return tensor.name!;
    };
    const context: OnnxContext = {
      node,
      inputs: node.inputs.map((id) => values.get(id)!),
      output,
      parameter: (own) => `${node.id}.${own}`,
      value: (own) => `${node.id}/${own}`,
      floats: (own, shape, list) => constant(floatTensor(`${node.id}/${own}`, shape, list)),
      ints: (own, list) => constant(intTensor(`${node.id}/${own}`, list)),
      flag: (own, value) =>
        constant({
          ...bareTensor(`${node.id}/${own}`, []),
          dataType: dataType.bool,
          rawData: Uint8Array.of(value ? 1 : 0),
        }),
      emit: (opType, inputs, to, attributes = {}) => {
        nodes.push({
          name: count++ === 0 ? node.id : `${node.id}/${count}`,
          opType,
          input: inputs,
          output: [to],
          attribute: Object.entries(attributes).map(([key, value]) => attributeOf(key, value)),
        });
      },
    };
    onnxLayers[node.layer](context);
  }
  const outputs = outputNode(checked).outputShape[0]!;
  return {
    irVersion,
    producerName: 'Ablate',
    producerVersion: version,
    docString: `${name}: ${layers.input.title.toLowerCase()} [N, ${inputShape.join(', ')}], preprocessed as the metadata says`,
    graph: {
      name: name === '' ? 'model' : name,
      node: nodes,
      initializer: tensors,
      input: [valueInfo(inputName, inputShape)],
      output: [valueInfo(outputName, [outputs])],
      sparseInitializer: [],
    },
    opsetImport: [{ domain: '', version: onnxOpset }],
    metadataProps: Object.entries({
      [metadataKey.format]: metadataFormat,
      [metadataKey.name]: name,
      [metadataKey.model]: JSON.stringify(graph),
      ...metadata,
    }).map(([key, value]) => ({ key, value })),
  };
}

const valueInfo = (name: string, shape: readonly number[]) => ({
  name,
  type: {
    tensorType: {
      elemType: dataType.float,
      shape: { dim: [{ dimParam: 'N' }, ...shape.map((extent) => ({ dimValue: extent }))] },
    },
  },
});

const bareTensor = (name: string, dims: readonly number[]): OnnxTensor => ({
  name,
  dims,
  floatData: [],
  int32Data: [],
  int64Data: [],
  doubleData: [],
  externalData: [],
});

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const floatTensor = (name: string, dims: readonly number[], values: ArrayLike<number>): OnnxTensor => ({
  ...bareTensor(name, dims),
  dataType: dataType.float,
  rawData: bytesOf(values instanceof Float32Array ? values : Float32Array.from(values)),
});

const intTensor = (name: string, values: readonly number[]): OnnxTensor => ({
  ...bareTensor(name, [values.length]),
  dataType: dataType.int64,
  rawData: bytesOf(BigInt64Array.from(values, BigInt)),
});

function weightTensor({ weights, name: model }: ExportModel, name: string, shape: readonly number[]): OnnxTensor {
  if (weights === null) return { ...bareTensor(name, shape), dataType: dataType.float };
  const found = weights.get(name);
  if (found === undefined || found.shape.join() !== shape.join() || !(found.values instanceof Float32Array)) {
    const has = found === undefined ? 'are missing' : `have the shape ${found.shape.join('×')}`;
    throw new LabError(
      'checkpoint',
      `${model}: the weights do not belong to this model: values of "${name}" (${shape.join('×')}, ${sizeOf(shape)} numbers) ${has}. Choose the checkpoint of this model.`,
    );
  }
  return floatTensor(name, shape, found.values);
}

function attributeOf(name: string, value: Attribute): OnnxAttribute {
  const none = { name, floats: [], ints: [] };
  if ('float' in value) return { ...none, type: attributeType.float, f: value.float };
  if ('int' in value) return { ...none, type: attributeType.int, i: value.int };
  if ('ints' in value) return { ...none, type: attributeType.ints, ints: value.ints };
  return { ...none, type: attributeType.text, s: new TextEncoder().encode(value.text) };
}
