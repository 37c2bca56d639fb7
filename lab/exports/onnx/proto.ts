/**
 * The part of ONNX's protobuf schema (onnx.proto3, IR version 10) that models of this lab need: field numbers from
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3. Fields that are not listed are skipped on reading; graphs inside
 * attributes stay bytes, so nothing here nests without end.
 */
export type FieldKind = 'int' | 'float' | 'double' | 'text' | 'bytes' | MessageSchema;

export interface FieldSchema {
  readonly name: string;
  readonly kind: FieldKind;
  readonly repeated?: boolean;
}

export interface MessageSchema {
  readonly message: string;
  readonly fields: Readonly<Record<number, FieldSchema>>;
}

export interface OnnxTensor {
  readonly dims: readonly number[];
  readonly dataType?: number;
  readonly floatData: readonly number[];
  readonly int32Data: readonly number[];
  readonly int64Data: readonly number[];
  readonly doubleData: readonly number[];
  readonly name?: string;
  readonly rawData?: Uint8Array;
  readonly externalData: readonly OnnxEntry[];
  /** 1: the values lie in another file. */
  readonly dataLocation?: number;
}

export interface OnnxAttribute {
  readonly name?: string;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly t?: OnnxTensor;
  readonly g?: Uint8Array;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
  readonly type?: number;
}

export interface OnnxEntry {
  readonly key?: string;
  readonly value?: string;
}

export interface OnnxNode {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name?: string;
  readonly opType?: string;
  readonly attribute: readonly OnnxAttribute[];
  readonly domain?: string;
}

export interface OnnxDimension {
  readonly dimValue?: number;
  readonly dimParam?: string;
}

export interface OnnxValueInfo {
  readonly name?: string;
  readonly type?: {
    readonly tensorType?: { readonly elemType?: number; readonly shape?: { readonly dim: readonly OnnxDimension[] } };
  };
}

export interface OnnxGraph {
  readonly node: readonly OnnxNode[];
  readonly name?: string;
  readonly initializer: readonly OnnxTensor[];
  readonly input: readonly OnnxValueInfo[];
  readonly output: readonly OnnxValueInfo[];
  readonly sparseInitializer: readonly Uint8Array[];
}

export interface OnnxModel {
  readonly irVersion?: number;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly docString?: string;
  readonly graph?: OnnxGraph;
  readonly opsetImport: readonly { readonly domain?: string; readonly version?: number }[];
  readonly metadataProps: readonly OnnxEntry[];
}

const one = (name: string, kind: FieldKind): FieldSchema => ({ name, kind });
const many = (name: string, kind: FieldKind): FieldSchema => ({ name, kind, repeated: true });

const entry: MessageSchema = {
  message: 'StringStringEntryProto',
  fields: { 1: one('key', 'text'), 2: one('value', 'text') },
};

const tensor: MessageSchema = {
  message: 'TensorProto',
  fields: {
    1: many('dims', 'int'),
    2: one('dataType', 'int'),
    4: many('floatData', 'float'),
    5: many('int32Data', 'int'),
    7: many('int64Data', 'int'),
    8: one('name', 'text'),
    9: one('rawData', 'bytes'),
    10: many('doubleData', 'double'),
    13: many('externalData', entry),
    14: one('dataLocation', 'int'),
  },
};

const attribute: MessageSchema = {
  message: 'AttributeProto',
  fields: {
    1: one('name', 'text'),
    2: one('f', 'float'),
    3: one('i', 'int'),
    4: one('s', 'bytes'),
    5: one('t', tensor),
    6: one('g', 'bytes'),
    7: many('floats', 'float'),
    8: many('ints', 'int'),
    20: one('type', 'int'),
  },
};

const node: MessageSchema = {
  message: 'NodeProto',
  fields: {
    1: many('input', 'text'),
    2: many('output', 'text'),
    3: one('name', 'text'),
    4: one('opType', 'text'),
    5: many('attribute', attribute),
    7: one('domain', 'text'),
  },
};

const dimension: MessageSchema = {
  message: 'TensorShapeProto.Dimension',
  fields: { 1: one('dimValue', 'int'), 2: one('dimParam', 'text') },
};
const shape: MessageSchema = { message: 'TensorShapeProto', fields: { 1: many('dim', dimension) } };
const tensorType: MessageSchema = {
  message: 'TypeProto.Tensor',
  fields: { 1: one('elemType', 'int'), 2: one('shape', shape) },
};
const type: MessageSchema = { message: 'TypeProto', fields: { 1: one('tensorType', tensorType) } };
const valueInfo: MessageSchema = {
  message: 'ValueInfoProto',
  fields: { 1: one('name', 'text'), 2: one('type', type) },
};

const graph: MessageSchema = {
  message: 'GraphProto',
  fields: {
    1: many('node', node),
    2: one('name', 'text'),
    5: many('initializer', tensor),
    11: many('input', valueInfo),
    12: many('output', valueInfo),
    15: many('sparseInitializer', 'bytes'),
  },
};

const opset: MessageSchema = {
  message: 'OperatorSetIdProto',
  fields: { 1: one('domain', 'text'), 2: one('version', 'int') },
};

export const modelSchema: MessageSchema = {
  message: 'ModelProto',
  fields: {
    1: one('irVersion', 'int'),
    2: one('producerName', 'text'),
    3: one('producerVersion', 'text'),
    6: one('docString', 'text'),
    7: one('graph', graph),
    8: many('opsetImport', opset),
    14: many('metadataProps', entry),
  },
};

export const attributeType = { float: 1, int: 2, text: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const;
export const dataType = {
  float: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
  bfloat16: 16,
} as const;
