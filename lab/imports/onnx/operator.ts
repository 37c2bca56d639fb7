import type { LayerName } from '../../../engine/index.ts';
import type { OnnxNode } from '../../exports/onnx/proto.ts';
import type { Attributes, LayerValue, ModelBuilder, Value } from './builder.ts';
import type { Constant } from './tensor.ts';

/** One operator of the file, seen by its handler. */
export interface Operator {
  readonly builder: ModelBuilder;
  readonly node: OnnxNode;
  readonly attributes: Attributes;
  /** "node "/conv1/Conv" (Conv)", for messages. */
  readonly place: string;
  /** Version of the operator set. */
  readonly opset: number;
  /** Values in the order of the inputs; undefined where one is left out or could not be understood. */
  readonly inputs: readonly (Value | undefined)[];
}

/** The operator's output, or undefined after telling what is wrong. */
export type Handler = (operator: Operator) => Value | undefined;

export const fault = ({ builder, place }: Operator, what: string): undefined => {
  builder.faults.push(`${place}: ${what}.`);
  return undefined;
};

/** The layer that an input comes from. A pooled value stands for its [N, C, 1, 1]. */
export function layerAt(operator: Operator, index = 0): LayerValue | undefined {
  const value = operator.inputs[index];
  if (value?.kind === 'layer') return value;
  if (value === undefined) return undefined;
  return fault(operator, `input ${index + 1} is ${wordsOf(value)}, where the output of a layer was expected`);
}

/** What a value is that no layer gives. */
function wordsOf(value: Exclude<Value, LayerValue>): string {
  switch (value.kind) {
    case 'constant':
      return 'a constant';
    case 'padded':
      return `padding behind ${value.of.id}, which is only read in front of a convolution or pooling`;
    case 'pooled':
      return `a global average of ${value.of.id}, which is only read in front of Flatten, Reshape or Squeeze`;
    case 'grouped':
      return `channels of ${value.of.id} in groups, which are only read as part of a group norm`;
    case 'gate': {
      const part = { hardSigmoid: 'a hard sigmoid of', halved: 'half of' } as const;
      const what = value.step in part ? part[value.step as keyof typeof part] : 'a part of a GELU of';
      return `${what} ${value.of.id}, which is only read as part of ${value.step === 'hardSigmoid' ? 'a hard swish' : 'a GELU'}`;
    }
  }
}

export function constantAt(operator: Operator, index: number, what: string): Constant | undefined {
  const value = operator.inputs[index];
  if (value?.kind === 'constant') return value.constant;
  if (value === undefined) return fault(operator, `its ${what} is missing or could not be read`);
  return fault(operator, `its ${what} is computed while it runs; only constants are read`);
}

export const idOf = ({ builder, node, attributes: _attributes }: Operator, fallback: string): string =>
  builder.idFor(node.name ?? '', fallback, node.opType ?? '');

/** A layer of one input. */
export const single =
  (layer: LayerName, props: (operator: Operator) => Readonly<Record<string, unknown>> = () => ({})): Handler =>
  (operator) => {
    const x = layerAt(operator);
    return x && operator.builder.add(layer, idOf(operator, layer), [x], props(operator), operator.place);
  };

/** A constant of zeros in the same shape. */
export const zeros = ({ shape, values }: Constant): Constant => ({
  shape,
  values: new Float32Array(values.length),
});
