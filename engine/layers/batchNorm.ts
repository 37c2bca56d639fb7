import { defineLayer, type BufferSpec } from './layer.ts';

/** Per channel of an image [C, H, W], per feature of [F]. gamma and beta [C]; runningMean and runningVar [C]. */
export const batchNorm = defineLayer({
  name: 'batchNorm',
  title: 'Batch normalisation',
  category: 'normalisation',
  summary: 'Brings each channel to mean 0 and variance 1 over the batch.',
  help: 'In training, each channel (or feature) is shifted and scaled to mean 0 and variance 1 over the images of the batch, then by a trained gamma and beta. For evaluation it uses running averages of those statistics. It may stand anywhere: before the activation as in the paper, or behind it.',
  reference: {
    text: 'Ioffe & Szegedy, Batch normalization: accelerating deep network training by reducing internal covariate shift, 2015',
    url: 'https://arxiv.org/abs/1502.03167',
  },
  props: {
    momentum: {
      kind: 'number',
      label: 'Momentum',
      help: 'Share of the newest batch in the running statistics: new = (1 - momentum) * old + momentum * batch.',
      nullMeans: 'the average over all batches so far',
      default: 0.1,
      min: 0,
      max: 1,
    },
    eps: {
      kind: 'number',
      label: 'Epsilon',
      help: 'Added to the variance, against division by zero.',
      default: 1e-5,
      min: 1e-12,
      max: 1,
    },
    affine: {
      kind: 'boolean',
      label: 'Gamma and beta',
      help: 'Whether it learns a scale (from 1) and a shift (from 0) per channel.',
      default: true,
    },
    replacesBias: {
      kind: 'choice',
      label: 'Bias of the layer in front',
      help: 'What taking this batch norm out of the network does to `bias` of the layer in front, which lost it to beta.',
      hidden: true,
      options: [
        { value: 'default', label: 'Put back the default' },
        { value: 'set', label: 'Put back true' },
        { value: 'empty', label: 'Put back the default and leave empty props' },
        { value: 'never', label: 'Leave it as it is' },
      ],
      default: 'default',
    },
  },
  describe(props) {
    const parts: string[] = [];
    if (props.momentum !== 0.1) parts.push(props.momentum === null ? 'cumulative' : `momentum ${props.momentum}`);
    if (props.eps !== 1e-5) parts.push(`eps ${props.eps}`);
    if (!props.affine) parts.push('no gamma and beta');
    return parts.join(', ');
  },
  shape: (_props, [input]) => input!.shape,
  parameters(props, [input]) {
    const shape = [input![0]!];
    const fans = { fanIn: 1, fanOut: 1 };
    return props.affine
      ? [
          { name: 'gamma', shape, initializer: { kind: 'constant', value: 1 }, ...fans },
          { name: 'beta', shape, initializer: { kind: 'zeros' }, ...fans },
        ]
      : [];
  },
  buffers(props, [input]) {
    const shape = [input![0]!];
    const buffers: BufferSpec[] = [
      { name: 'runningMean', shape, dtype: 'f32', initial: 0 },
      { name: 'runningVar', shape, dtype: 'f32', initial: 1 },
    ];
    if (props.momentum === null) buffers.push({ name: 'batchesTracked', shape: [1], dtype: 'i32', initial: 0 });
    return buffers;
  },
  lower(props, context) {
    const x = context.inputs[0]!;
    const shared = {
      x,
      ...(props.affine ? { gamma: context.parameter('gamma'), beta: context.parameter('beta') } : {}),
      runningMean: context.buffer('runningMean'),
      runningVar: context.buffer('runningVar'),
    };
    if (context.mode === 'evaluate') {
      context.emit({
        op: 'batchNormInference',
        attrs: { eps: props.eps },
        inputs: shared,
        outputs: { y: context.output },
      });
      return;
    }
    const channels = [context.shape(x)[1]!];
    context.emit({
      op: 'batchNorm',
      attrs: { momentum: props.momentum, eps: props.eps },
      inputs: {
        ...shared,
        ...(props.momentum === null ? { batchesTracked: context.buffer('batchesTracked') } : {}),
      },
      outputs: {
        y: context.output,
        batchMean: context.tensor('batchMean', channels, 'f32'),
        batchVar: context.tensor('batchVar', channels, 'f32'),
      },
    });
  },
});
