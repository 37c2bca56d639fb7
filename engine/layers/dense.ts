import { describeInitializer } from './initializer.ts';
import { defineLayer, describeShape, isFeatures } from './layer.ts';

export const biasProp = {
  kind: 'boolean',
  label: 'Bias',
  help: 'Adds a trained number to every output. Without use directly before a batch norm, whose beta does the same.',
  default: true,
} as const;

/** He, for ReLU and its relatives, is the default everywhere; it does not look at the activation that follows. */
export const weightInitProp = {
  kind: 'initializer',
  label: 'Initial weights',
  help: 'How the weights start. He suits ReLU and its relatives, Glorot sigmoid and tanh. A bias starts at 0.',
  default: { kind: 'he', distribution: 'normal', gain: 1 },
} as const;

/** y = x weight^T + bias; weight [units, inputs], bias [units]. */
export const dense = defineLayer({
  name: 'dense',
  title: 'Dense',
  category: 'linear',
  summary: 'Every output sees every input.',
  help: 'A fully connected layer: each output is a weighted sum of all inputs plus a bias. It takes features; put a flatten or a global pooling between an image and the first dense layer. The last one gives one number per class.',
  props: {
    units: {
      kind: 'integer',
      label: 'Units',
      help: 'Number of outputs.',
      unit: 'units',
      default: 100,
      min: 1,
      max: 65536,
    },
    bias: biasProp,
    weightInit: weightInitProp,
  },
  describe: (props) => {
    const init = props.weightInit.kind === 'he' ? '' : `, ${describeInitializer(props.weightInit)}`;
    return `${props.units} ${props.units === 1 ? 'unit' : 'units'}${props.bias ? '' : ', no bias'}${init}`;
  },
  shape(props, [input], self) {
    if (isFeatures(input!.shape)) return [props.units];
    return {
      fault: `${self} takes features, but ${input!.id} gives ${describeShape(input!.shape)}; put a flatten or a global pooling between them.`,
    };
  },
  parameters(props, [input]) {
    const features = input![0]!;
    const fans = { fanIn: features, fanOut: props.units };
    const weight = { name: 'weight', shape: [props.units, features], initializer: props.weightInit, ...fans };
    const bias = { name: 'bias', shape: [props.units], initializer: { kind: 'zeros' }, ...fans } as const;
    return props.bias ? [weight, bias] : [weight];
  },
  macs: (props, [input]) => props.units * input![0]!,
  lower(props, context) {
    context.emit({
      op: 'linear',
      attrs: {},
      inputs: {
        x: context.inputs[0]!,
        weight: context.parameter('weight'),
        ...(props.bias ? { bias: context.parameter('bias') } : {}),
      },
      outputs: { y: context.output },
    });
  },
});
