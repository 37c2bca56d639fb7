/** Workloads in jax-js. The whole step (forward, gradients, update) is one jitted function. */
import { blockUntilReady, defaultDevice, init, jit, lax, nn, numpy as np, random, valueAndGrad } from '@jax-js/jax';
import type { Server } from '../children/answer.ts';
import type { PeerWorkload } from '../workloads.ts';

type Node = PeerWorkload['nodes'][number];
type Parameters = Record<string, np.Array>;
/** Every function takes what it is given: a value that is read again is passed as `.ref`. */
type Layer = (x: np.Array, parameters: Parameters, key: np.Array | undefined) => np.Array;

let seed = 0;
const normal = (shape: number[], inputs: number): np.Array => {
  const bound = Math.sqrt(6 / inputs);
  return random.uniform(random.key(seed++), shape, { minval: -bound, maxval: bound });
};

/** Of training; running statistics are left out, which only saves the library work. */
function batchNorm(x: np.Array, gamma: np.Array, beta: np.Array): np.Array {
  const axes = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1);
  const shape = x.shape.map((extent, axis) => (axis === 1 ? extent : 1));
  const centred = x.ref.sub(np.mean(x, axes, { keepdims: true }));
  const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
  const inverse = np.reciprocal(np.sqrt(variance.add(1e-5)));
  return centred.mul(inverse).mul(gamma.reshape(shape)).add(beta.reshape(shape));
}

function makeLayer({ id, layer, props, inputShape, outputShape }: Node, parameters: Parameters): Layer {
  const add = (name: string, value: np.Array): string => {
    parameters[`${id}.${name}`] = value;
    return `${id}.${name}`;
  };
  switch (layer) {
    case 'input':
      return (x) => x;
    case 'flatten':
      return (x) => x.reshape([x.shape[0]!, -1]);
    case 'sigmoid':
      return (x) => nn.sigmoid(x);
    case 'relu':
      return (x) => nn.relu(x);
    case 'dense': {
      const [inputs = 1] = inputShape;
      const units = Number(props['units']);
      const weight = add('weight', normal([inputs, units], inputs));
      const bias = props['bias'] === true ? add('bias', np.zeros([units])) : undefined;
      return (x, p) => {
        const y = np.matmul(x, p[weight]!);
        return bias === undefined ? y : y.add(p[bias]!);
      };
    }
    case 'conv2d': {
      const kernel = props['kernel'] as number[];
      const [channels = 1] = inputShape;
      const inputs = channels * kernel[0]! * kernel[1]!;
      const weight = add('weight', normal([Number(props['filters']), channels, ...kernel], inputs));
      // the same pixels as PyTorch's, also with a stride
      const pads = kernel.map((size): [number, number] => [size >> 1, size >> 1]);
      return (x, p) =>
        lax.conv(x, p[weight]!, props['stride'] as number[], props['padding'] === 'same' ? pads : 'VALID');
    }
    case 'batchNorm': {
      const gamma = add('gamma', np.ones([outputShape[0]!]));
      const beta = add('beta', np.zeros([outputShape[0]!]));
      return (x, p) => batchNorm(x, p[gamma]!, p[beta]!);
    }
    case 'maxPool2d': {
      const [height, width] = props['kernel'] as [number, number];
      return (x) => {
        const [n, c, h, w] = x.shape as [number, number, number, number];
        return np.max(x.reshape([n, c, h / height, height, w / width, width]), [3, 5]);
      };
    }
    case 'globalAvgPool2d':
      return (x) => np.mean(x, [2, 3]);
    case 'dropout': {
      const p = Number(props['p']);
      return (x, _, key) => {
        if (!key) return x;
        const mask = random.bernoulli(key, 1 - p, x.shape);
        return np.where(mask, x.mul(1 / (1 - p)), 0);
      };
    }
    default:
      throw new Error(`no layer ${layer} in jax.ts`);
  }
}

/** The network as a function of parameters, images and a key for dropout. */
function network({ nodes }: PeerWorkload, parameters: Parameters) {
  const layers = nodes.map((node) => ({ node, layer: node.layer === 'add' ? null : makeLayer(node, parameters) }));
  const readers = new Map<string, number>();
  for (const { inputs } of nodes) for (const id of inputs) readers.set(id, (readers.get(id) ?? 0) + 1);
  return (p: Parameters, images: np.Array, key: np.Array | undefined): np.Array => {
    const values = new Map<string, np.Array>();
    const left = new Map(readers);
    const take = (id: string): np.Array => {
      left.set(id, left.get(id)! - 1);
      return left.get(id)! > 0 ? values.get(id)!.ref : values.get(id)!;
    };
    let last = images;
    for (const { node, layer } of layers) {
      const inputs = node.inputs.length === 0 ? [images] : node.inputs.map(take);
      last = layer ? layer(inputs[0]!, p, key) : inputs.reduce((sum, x) => sum.add(x));
      values.set(node.id, last);
    }
    return last;
  };
}

const refs = (all: Parameters): Parameters =>
  Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value.ref]));

function load(workload: PeerWorkload): () => Promise<void> {
  const { batch, inputShape, classes, mode, optimizer } = workload;
  if (mode === 'infer') throw new Error('not measured: jax-js has no layers with running statistics');
  let parameters: Parameters = {};
  const forward = network(workload, parameters);
  const images = random.uniform(random.key(1000), [batch, ...inputShape]);
  const classOf = np.array(Int32Array.from({ length: batch }, (_, i) => i % classes));
  const labels = nn.oneHot(classOf, classes);
  const withDropout = workload.nodes.some(({ layer }) => layer === 'dropout');
  const loss = (p: Parameters, x: np.Array, y: np.Array, key: np.Array): np.Array => {
    const logits = forward(p, x, withDropout ? key : undefined);
    if (!withDropout) key.dispose();
    return np.sum(nn.logSoftmax(logits, 1).mul(y)).mul(-1 / batch);
  };
  const lossAndGradient = valueAndGrad(loss);
  const momentum = optimizer.kind === 'sgd' ? optimizer.momentum : 0;
  const zeros = (): Parameters =>
    Object.fromEntries(Object.entries(parameters).map(([name, { shape }]) => [name, np.zeros(shape)]));
  const stateful = momentum > 0 || optimizer.kind === 'adam';
  let first: Parameters = stateful ? zeros() : {};
  let second: Parameters = optimizer.kind === 'adam' ? zeros() : {};
  /** One parameter's new value and state. */
  const update = (p: np.Array, g: np.Array, m: np.Array | undefined, v: np.Array | undefined, rates: np.Array[]) => {
    const [rate, correction] = rates as [np.Array, np.Array];
    if (optimizer.kind === 'adam') {
      const m1 = m!.mul(optimizer.beta1).add(g.ref.mul(1 - optimizer.beta1));
      const v1 = v!.mul(optimizer.beta2).add(np.square(g).mul(1 - optimizer.beta2));
      const root = np.sqrt(v1.ref.mul(correction)).add(optimizer.eps);
      return { p: p.sub(m1.ref.div(root).mul(rate)), m: m1, v: v1 };
    }
    correction.dispose();
    const decayed = optimizer.weightDecay > 0 ? g.add(p.ref.mul(optimizer.weightDecay)) : g;
    if (!m) return { p: p.sub(decayed.mul(rate)) };
    const m1 = m.mul(momentum).add(decayed);
    return { p: p.sub(m1.ref.mul(rate)), m: m1 };
  };
  const step = jit(
    (
      p: Parameters,
      m: Parameters,
      v: Parameters,
      x: np.Array,
      y: np.Array,
      key: np.Array,
      rate: np.Array,
      correction: np.Array,
    ) => {
      const [value, gradients] = lossAndGradient(refs(p), x, y, key);
      const next: { p: Parameters; m: Parameters; v: Parameters } = { p: {}, m: {}, v: {} };
      for (const name of Object.keys(p)) {
        const result = update(p[name]!, gradients[name]!, m[name], v[name], [rate.ref, correction.ref]);
        next.p[name] = result.p;
        if (result.m) next.m[name] = result.m;
        if (result.v) next.v[name] = result.v;
      }
      rate.dispose();
      correction.dispose();
      return { value, ...next };
    },
  );
  let done = 0;
  return async () => {
    done++;
    const beta1 = optimizer.kind === 'adam' ? optimizer.beta1 : 0;
    const beta2 = optimizer.kind === 'adam' ? optimizer.beta2 : 0;
    const rate = np.array([optimizer.learningRate / (1 - beta1 ** done)]);
    const correction = np.array([1 / (1 - beta2 ** done)]);
    const out = step(parameters, first, second, images.ref, labels.ref, random.key(done), rate, correction);
    parameters = out.p;
    first = out.m;
    second = out.v;
    await blockUntilReady(parameters);
    const [value] = await out.value.data();
    if (!Number.isFinite(value)) throw new Error('the loss is not finite');
  };
}

/** On a device, with the version that the host knows. */
export async function jaxServer(device: 'wasm' | 'webgpu', version: string): Promise<Server> {
  await init(device);
  defaultDevice(device);
  return {
    note: `jax-js ${version}, ${device}`,
    load: async (workload) => {
      const step = load(workload);
      await step();
      await step();
      return { step, note: '' };
    },
  };
}
