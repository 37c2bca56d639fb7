import type { Backend, CompileOptions, Executable } from '../backend.ts';
import { EngineError } from '../errors.ts';
import type { CheckedGraph } from '../graph/check.ts';
import { randomSize, type TensorId } from '../ops/op.ts';
import { appendBackward } from '../plan/backward.ts';
import { PlanBuilder } from '../plan/builder.ts';
import { lowerModel } from '../plan/forward.ts';
import type { Plan } from '../plan/plan.ts';
import { verifyPlan } from '../plan/verify.ts';
import { formatShape, sizeOf, type Shape } from '../tensor.ts';
import { l2Norm } from './gradientNorm.ts';

export interface CovariateShiftOptions {
  readonly backend: Backend;
  readonly compile?: CompileOptions;
  /** A faultless model whose output is logits [K]. */
  readonly checked: CheckedGraph;
  /** One batch: values [N, ...input shape] as the input node gives them, and the class of each sample. */
  readonly x: Float32Array;
  readonly labels: ArrayLike<number>;
  /** Every parameter by "<node>.<name>". */
  readonly parameters: ReadonlyMap<string, Float32Array>;
  readonly learningRate: number;
  /** Nodes whose weights are looked at. Default: all that have a parameter "weight", in the order of the graph. */
  readonly layers?: readonly string[];
}

export interface CovariateShift {
  readonly layers: readonly string[];
  /** Norm of the layer's weight gradient G. */
  readonly gradientNorm: Float64Array;
  /** Norm of G - G'. */
  readonly l2Difference: Float64Array;
  /** Cosine of the angle between G and G'. */
  readonly cosine: Float64Array;
}

/**
 * Internal covariate shift as change of the gradient (Santurkar et al. 2018, "How does batch normalization help optimization?",
 * definition 2.1). For each layer: its weight gradient G at the present parameters, and G' on the same batch once all parameters of
 * the layers below it have made their plain SGD step. Normalisation is in training mode; the loss is the mean cross entropy. A layer
 * with nothing below has difference 0 and cosine 1. Throws EngineError.
 */
export async function covariateShift(options: CovariateShiftOptions): Promise<CovariateShift> {
  const { checked, parameters, learningRate } = options;
  const layers = options.layers ?? layersWithWeights(checked);
  const probe = gradientPlan(options);
  for (const layer of layers) requireParameter(probe, `${layer}.weight`, 'has no weight to look at');
  const executable = await options.backend.compile(probe.plan, options.compile);
  try {
    const values = (name: string): Float32Array => parameters.get(name)!;
    executable.write(probe.x, options.x);
    executable.write(probe.target, Int32Array.from(options.labels));
    for (const [name, { tensor }] of probe.parameters) executable.write(tensor, values(name));
    for (const { tensor, size, initial } of probe.buffers)
      executable.write(tensor, new Float32Array(size).fill(initial));

    executable.run(segment);
    const before = new Map<string, Float32Array>();
    for (const [name, { gradient, size }] of probe.parameters) {
      before.set(name, await readValues(executable, gradient, size));
    }
    const stepped = new Map(
      [...before].map(([name, g]) => [name, values(name).map((value, i) => value - learningRate * g[i]!)]),
    );
    const result = {
      layers,
      gradientNorm: new Float64Array(layers.length),
      l2Difference: new Float64Array(layers.length),
      cosine: new Float64Array(layers.length),
    };
    for (const [at, layer] of layers.entries()) {
      const below = ancestors(checked, layer);
      for (const [name, { tensor, node }] of probe.parameters) {
        executable.write(tensor, below.has(node) ? stepped.get(name)! : values(name));
      }
      executable.run(segment);
      const { gradient, size } = probe.parameters.get(`${layer}.weight`)!;
      compare(before.get(`${layer}.weight`)!, await readValues(executable, gradient, size), result, at);
    }
    return result;
  } finally {
    await executable.dispose();
  }
}

const segment = 'gradient';

async function readValues(executable: Executable, tensor: TensorId, size: number): Promise<Float32Array> {
  const values = new Float32Array(size);
  await executable.read(tensor, values);
  return values;
}

function compare(before: Float32Array, after: Float32Array, into: CovariateShift, at: number): void {
  const norm = l2Norm(before);
  let product = 0;
  let squares = 0;
  for (let i = 0; i < before.length; i++) {
    product += before[i]! * after[i]!;
    squares += (before[i]! - after[i]!) ** 2;
  }
  into.gradientNorm[at] = norm;
  into.l2Difference[at] = Math.sqrt(squares);
  into.cosine[at] = squares === 0 ? 1 : product / (norm * l2Norm(after));
}

const layersWithWeights = (checked: CheckedGraph): string[] =>
  checked.nodes.filter(({ parameters }) => parameters.some(({ name }) => name === 'weight')).map(({ id }) => id);

/** The nodes whose values reach `id`, without itself. */
function ancestors(checked: CheckedGraph, id: string): Set<string> {
  const inputs = new Map(checked.nodes.map((node) => [node.id, node.inputs]));
  const found = new Set<string>();
  const visit = (node: string): void => {
    for (const input of inputs.get(node) ?? []) {
      if (found.has(input)) continue;
      found.add(input);
      visit(input);
    }
  };
  visit(id);
  return found;
}

interface GradientPlan {
  readonly plan: Plan;
  readonly x: TensorId;
  readonly target: TensorId;
  readonly parameters: ReadonlyMap<string, ProbedParameter>;
  readonly buffers: readonly { readonly tensor: TensorId; readonly size: number; readonly initial: number }[];
}

interface ProbedParameter {
  readonly node: string;
  readonly tensor: TensorId;
  readonly gradient: TensorId;
  readonly size: number;
}

function requireParameter(plan: GradientPlan, name: string, why: string): void {
  if (plan.parameters.has(name)) return;
  const known = [...plan.parameters.keys()].join(', ');
  throw new EngineError('graph', `Covariate shift: ${name} ${why}; the model's parameters are ${known}.`);
}

/** Forward pass, loss and gradients of all parameters for one given batch. */
function gradientPlan({ checked, x, labels, parameters: given }: CovariateShiftOptions): GradientPlan {
  if (!checked.ok) {
    throw new EngineError('graph', checked.faults.map(({ message }) => message).join('\n'), checked.faults);
  }
  const batch = labels.length;
  const builder = new PlanBuilder();
  const named = new Map<string, TensorId>();
  const specs = checked.nodes.flatMap(({ id, parameters }) =>
    parameters.map(({ name, shape }) => ({ node: id, name: `${id}.${name}`, shape })),
  );
  requireParameters(specs, given);
  for (const { node, name, shape } of specs) named.set(name, builder.tensor(name, shape, 'f32', 'parameter', node));
  const gradients = specs.map(({ node, name, shape }) =>
    builder.tensor(`${name}.grad`, shape, 'f32', 'gradient', node),
  );
  const buffers = checked.nodes.flatMap(({ id, buffers: list }) =>
    list.map(({ name, shape, dtype, initial }) => {
      const tensor = builder.tensor(`${id}.${name}`, shape, dtype, 'buffer', id);
      named.set(`${id}.${name}`, tensor);
      return { tensor, size: sizeOf(shape), initial };
    }),
  );
  const random = builder.tensor('step.random', [randomSize], 'i32', 'input');
  const target = builder.tensor('step.target', [batch], 'i32', 'input');
  let input: TensorId | undefined;
  const { logits } = lowerModel(
    { builder, checked, named, random },
    {
      segment,
      mode: 'train',
      prefix: '',
      logits: undefined,
      batch,
      input: (id) => {
        const shape = checked.nodes.find((node) => node.id === id)!.outputShape;
        if (x.length !== batch * sizeOf(shape)) {
          throw new EngineError(
            'data',
            `Covariate shift: ${batch} labels and inputs of ${formatShape(shape)} need ${batch * sizeOf(shape)} values, not ${x.length}.`,
          );
        }
        input = builder.tensor(`${id}.y`, [batch, ...shape], 'f32', 'input', id);
        return input;
      },
    },
  );
  const loss = builder.tensor('loss.value', [1], 'f32', 'result');
  const dlogits = builder.tensor('loss.dlogits', builder.shape(logits), 'f32', 'activation');
  builder.op(segment, {
    op: 'softmaxCrossEntropy',
    attrs: { reduction: 'mean', labelSmoothing: 0 },
    inputs: { logits, target },
    outputs: { loss, dlogits },
    phase: 'loss',
  });
  appendBackward(builder, segment, {
    seeds: [{ tensor: logits, gradient: dlogits }],
    targets: specs.map(({ name }, i) => ({ tensor: named.get(name)!, gradient: gradients[i]! })),
  });
  const plan = builder.build();
  verifyPlan(plan);
  const entries = specs.map(({ node, name, shape }, i): [string, ProbedParameter] => [
    name,
    { node, tensor: named.get(name)!, gradient: gradients[i]!, size: sizeOf(shape) },
  ]);
  return { plan, x: input!, target, parameters: new Map(entries), buffers };
}

function requireParameters(
  specs: readonly { readonly name: string; readonly shape: Shape }[],
  given: ReadonlyMap<string, Float32Array>,
): void {
  const faults = specs
    .filter(({ name, shape }) => given.get(name)?.length !== sizeOf(shape))
    .map(({ name, shape }) => {
      const found = given.get(name);
      const what = found === undefined ? 'is missing' : `has ${found.length} values`;
      return { message: `Covariate shift: ${name} (${formatShape(shape)}) ${what}.` };
    });
  if (faults.length > 0) throw new EngineError('graph', faults.map(({ message }) => message).join('\n'), faults);
}
