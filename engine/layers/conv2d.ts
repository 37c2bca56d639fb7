import { sizeOf } from '../tensor.ts';
import { biasProp, weightInitProp } from './dense.ts';
import { describeInitializer } from './initializer.ts';
import { defineLayer, isImage, needsImage, type LayerWindow } from './layer.ts';
import type { Pads, Pair } from './props.ts';
import { describeWindow, largestExtent, paddingProps, padsOf, slide, type Padding } from './window.ts';

interface WindowProps {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
  readonly pads: Pads;
  readonly dilation: Pair;
}

const windowOf = ({ kernel, stride, padding, pads, dilation }: WindowProps): LayerWindow => ({
  kernel,
  stride,
  dilation,
  pads: padsOf(padding, pads, kernel, dilation),
});

/** Cross-correlation; weight [filters, channels / groups, kH, kW], bias [filters]. */
export const conv2d = defineLayer({
  name: 'conv2d',
  title: 'Convolution',
  category: 'linear',
  summary: 'Small filters that slide over the image.',
  help: 'Each filter looks at a small window of all channels and slides over the image, so the same pattern is found everywhere with few weights. The output has one channel per filter.',
  reference: {
    text: 'LeCun, Bottou, Bengio & Haffner, Gradient-based learning applied to document recognition, 1998',
    url: 'https://doi.org/10.1109/5.726791',
  },
  props: {
    filters: {
      kind: 'integer',
      label: 'Filters',
      help: 'Number of output channels.',
      unit: 'channels',
      default: 32,
      min: 1,
      max: 65536,
    },
    kernel: {
      kind: 'pair',
      label: 'Kernel',
      help: 'Height and width of the window.',
      unit: 'px',
      default: [3, 3],
      min: 1,
      max: largestExtent,
    },
    stride: {
      kind: 'pair',
      label: 'Stride',
      help: 'Step of the window; 2 halves the image.',
      unit: 'px',
      default: [1, 1],
      min: 1,
      max: largestExtent,
    },
    ...paddingProps,
    dilation: {
      kind: 'pair',
      label: 'Dilation',
      help: 'Distance between the taps of the kernel; 2 leaves every other pixel out.',
      unit: 'px',
      default: [1, 1],
      min: 1,
      max: largestExtent,
    },
    groups: {
      kind: 'integer',
      label: 'Groups',
      help: 'Splits the channels into parts that do not see each other; as many as channels is a depthwise convolution.',
      default: 1,
      min: 1,
      max: 65536,
    },
    bias: biasProp,
    weightInit: weightInitProp,
  },
  describe(props) {
    const window = describeWindow(props.kernel, props.stride, props.padding, props.pads, props.dilation);
    const init = props.weightInit.kind === 'he' ? '' : `, ${describeInitializer(props.weightInit)}`;
    const groups = props.groups === 1 ? '' : `, ${props.groups} groups`;
    return `${props.filters} ${props.filters === 1 ? 'filter' : 'filters'}, ${window}${groups}${props.bias ? '' : ', no bias'}${init}`;
  },
  shape(props, [input], self) {
    if (!isImage(input!.shape)) return needsImage(self, input!);
    const channels = input!.shape[0]!;
    const { groups, filters } = props;
    if (channels % groups !== 0) {
      return {
        prop: 'groups',
        fault: `${self} splits its input into ${groups} groups, but ${input!.id} gives ${input!.shape.join('×')}; choose a number of groups that divides ${channels}.`,
      };
    }
    if (filters % groups !== 0) {
      return {
        prop: 'groups',
        fault: `${self} splits ${filters} filters into ${groups} groups; choose a number of filters that ${groups} divides.`,
      };
    }
    const size = slide(windowOf(props), input!, self);
    return 'fault' in size ? size : [filters, ...size];
  },
  parameters(props, [input]) {
    const shape = [props.filters, input![0]! / props.groups, ...props.kernel];
    const taps = sizeOf(props.kernel);
    const fans = { fanIn: sizeOf(shape.slice(1)), fanOut: props.filters * taps };
    const weight = { name: 'weight', shape, initializer: props.weightInit, ...fans };
    const bias = { name: 'bias', shape: [props.filters], initializer: { kind: 'zeros' }, ...fans } as const;
    return props.bias ? [weight, bias] : [weight];
  },
  macs: (props, [input], output) => (sizeOf(output) * input![0]! * sizeOf(props.kernel)) / props.groups,
  window: (props) => windowOf(props),
  lower(props, context) {
    const { stride, pads, dilation } = windowOf(props);
    context.emit({
      op: 'conv2d',
      attrs: { stride, pads, dilation, groups: props.groups },
      inputs: {
        x: context.inputs[0]!,
        weight: context.parameter('weight'),
        ...(props.bias ? { bias: context.parameter('bias') } : {}),
      },
      outputs: { y: context.output },
    });
  },
});
