/** Workloads in TensorFlow.js, with the core and its kernels, without its layers library. The host has loaded backend and gradients. */
import * as tf from '@tensorflow/tfjs-core';
import type { Server } from '../children/answer.ts';
import type { PeerWorkload } from '../workloads.ts';

type Node = PeerWorkload['nodes'][number];
type Layer = (x: tf.Tensor, more: readonly tf.Tensor[]) => tf.Tensor;

const size = (shape: readonly number[]): number => shape.reduce((product, extent) => product * extent, 1);

function weights(shape: number[], inputs: number): tf.Variable {
  return tf.variable(tf.randomNormal(shape, 0, Math.sqrt(2 / inputs)));
}

/** Batch statistics in training; images are [N, H, W, C]. */
function batchNorm(channels: number, training: boolean): Layer {
  const gamma = tf.variable(tf.ones([channels]));
  const beta = tf.variable(tf.zeros([channels]));
  const mean = tf.variable(tf.zeros([channels]), false);
  const variance = tf.variable(tf.ones([channels]), false);
  return (x) => {
    const axes = x.shape.slice(0, -1).map((_, axis) => axis);
    const statistics = training ? tf.moments(x, axes) : { mean, variance };
    if (training) {
      mean.assign(tf.add(tf.mul(mean, 0.9), tf.mul(statistics.mean, 0.1)));
      variance.assign(tf.add(tf.mul(variance, 0.9), tf.mul(statistics.variance, 0.1)));
    }
    const inverse = tf.mul(tf.rsqrt(tf.add(statistics.variance, 1e-5)), gamma);
    return tf.add(tf.mul(tf.sub(x, statistics.mean), inverse), beta);
  };
}

function makeLayer({ layer, props, inputShape, outputShape }: Node, training: boolean): Layer {
  switch (layer) {
    case 'input':
      return (x) => x;
    case 'flatten':
      return (x) => tf.reshape(x, [x.shape[0], -1]);
    case 'sigmoid':
      return (x) => tf.sigmoid(x);
    case 'relu':
      return (x) => tf.relu(x);
    case 'add':
      return (x, more) => more.reduce((sum, other) => tf.add(sum, other), x);
    case 'dense': {
      const [inputs = 1] = inputShape;
      const units = Number(props['units']);
      const kernel = weights([inputs, units], inputs);
      const bias = props['bias'] === true ? tf.variable(tf.zeros([units])) : undefined;
      return (x) => {
        const y = tf.matMul(x, kernel);
        return bias ? tf.add(y, bias) : y;
      };
    }
    case 'conv2d': {
      const [height, width] = props['kernel'] as [number, number];
      const [channels = 1] = inputShape;
      const filters = Number(props['filters']);
      const filter = weights([height, width, channels, filters], height * width * channels);
      const stride = props['stride'] as [number, number];
      const padding = props['padding'] === 'same' ? 'same' : 'valid';
      return (x) => tf.conv2d(x as tf.Tensor4D, filter as unknown as tf.Tensor4D, stride, padding);
    }
    case 'batchNorm':
      return batchNorm(outputShape[0]!, training);
    case 'maxPool2d':
      return (x) =>
        tf.maxPool(
          x as tf.Tensor4D,
          props['kernel'] as [number, number],
          (props['stride'] ?? props['kernel']) as [number, number],
          'valid',
        );
    case 'globalAvgPool2d':
      return (x) => tf.mean(x, [1, 2]);
    case 'dropout':
      return (x) => (training ? tf.dropout(x, Number(props['p'])) : x);
    default:
      throw new Error(`no layer ${layer} in tfjs.ts`);
  }
}

function optimizerOf({ optimizer }: PeerWorkload): tf.Optimizer {
  const { kind, learningRate } = optimizer;
  if (kind === 'adam') return tf.train.adam(learningRate);
  const momentum = kind === 'sgd' ? optimizer.momentum : 0;
  return momentum === 0 ? tf.train.sgd(learningRate) : tf.train.momentum(learningRate, momentum);
}

function build(workload: PeerWorkload): () => tf.Scalar {
  const { nodes, batch, inputShape, classes, mode } = workload;
  const training = mode === 'train';
  const layers = nodes.map((node) => ({ node, layer: makeLayer(node, training) }));
  const [channels, height, width] = inputShape;
  const images = tf.randomUniform([batch, height, width, channels]);
  const labels = tf.oneHot(tf.randomUniform([batch], 0, classes, 'int32'), classes);
  const loss = (): tf.Scalar => {
    const values = new Map<string, tf.Tensor>();
    let last: tf.Tensor = images;
    for (const { node, layer } of layers) {
      const [first = images, ...more] = node.inputs.map((id) => values.get(id)!);
      last = layer(first, more);
      values.set(node.id, last);
    }
    return tf.losses.softmaxCrossEntropy(labels, last);
  };
  if (!training) return loss;
  const optimizer = optimizerOf(workload);
  return () => optimizer.minimize(loss, true) as tf.Scalar;
}

/** On the backend of this name, once it is there. Throws where it cannot be started. */
export async function tfjsServer(backend: string): Promise<Server> {
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js could not start its ${backend} backend`);
  await tf.ready();
  return {
    note: `TensorFlow.js ${tf.version_core}, ${backend}`,
    load: async (workload) => {
      tf.disposeVariables();
      const run = build(workload);
      const step = async (): Promise<void> => {
        const loss = tf.tidy(run);
        // waits for the result
        const [value] = await loss.data();
        if (!Number.isFinite(value)) throw new Error('the loss is not finite');
        loss.dispose();
      };
      await step();
      const parameters = tf.engine().state.registeredVariables;
      const count = Object.values(parameters).reduce((sum, { shape }) => sum + size(shape), 0);
      return { step, note: `${count} parameters` };
    },
  };
}
