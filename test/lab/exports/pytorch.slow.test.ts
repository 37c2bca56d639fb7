import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { encodeSafetensors, decodeSafetensors } from '../../../engine/train/safetensors.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { templates } from '../../../lab/architectures/index.ts';
import type { DatasetRecord } from '../../../lab/contract/records.ts';
import { exportModel } from '../../../lab/exports/model.ts';
import { pytorchSource } from '../../../lab/exports/pytorch/export.ts';
import { effectiveGraph } from '../../../lab/spec/resolve.ts';
import { specSchema, type Spec, type SpecInput } from '../../../lab/spec/schema.ts';
import { trainingJob } from '../../../node/trainer.ts';
import { all, curve, stripes } from '../../engine/train/jobs.ts';
import { train } from '../../engine/train/drive.ts';
import { mnist } from '../../component/fakeLab.ts';
import { withWeights, images, forward, largestDifference } from './forward.ts';
import { noPython, noTorch, runPython } from './python.ts';
import { trials } from './trials.ts';

const folder = mkdtempSync(join(tmpdir(), 'ablate-torch-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

const shape = [2, 9, 8] as const;
const data: DatasetRecord = {
  ...mnist,
  id: 'stripes',
  title: 'Stripes',
  imageShape: [...shape],
  classes: ['a', 'b', 'c'],
  trainImages: 120,
  testImages: 40,
};
const [trainFile, testFile] = [stripes(120, shape, 3), stripes(40, shape, 3, 2)];

const idx = (values: Uint8Array, extents: readonly number[]): Uint8Array => {
  const header = new Uint8Array(4 + 4 * extents.length);
  header.set([0, 0, 8, extents.length]);
  extents.forEach((extent, i) => new DataView(header.buffer).setUint32(4 + 4 * i, extent));
  return Buffer.concat([header, values]);
};

function writeData(): void {
  mkdirSync(path('data'), { recursive: true });
  const put = (name: string, bytes: Uint8Array): void => writeFileSync(path(`data/${name}`), bytes);
  put('train-images-idx3-ubyte', idx(trainFile.pixels, [120, ...shape]));
  put('train-labels-idx1-ubyte', idx(trainFile.labels, [120]));
  put('t10k-images-idx3-ubyte', idx(testFile.pixels, [40, ...shape]));
  put('t10k-labels-idx1-ubyte', idx(testFile.labels, [40]));
}

/**
 * Smooth throughout: a ReLU or a maximum near its kink may fall on either side in two correct programs. No bias in front of a batch
 * norm either: its gradient is rounding noise, which Adam turns into whole steps.
 */
const cnn: GraphDocument['nodes'] = [
  { id: 'image', layer: 'input' },
  {
    id: 'conv.1',
    layer: 'conv2d',
    props: { filters: 6, kernel: [4, 3], padding: 'same', bias: false, weightInit: 'glorot' },
  },
  { id: 'norm', layer: 'batchNorm', props: { momentum: null } },
  { id: 'gelu', layer: 'gelu' },
  { id: 'drop', layer: 'dropout', props: { p: 0.2, channel: true } },
  { id: 'deep', layer: 'conv2d', props: { filters: 6, groups: 3, padding: 'same', bias: false } },
  { id: 'noisy', layer: 'noisyBatchNorm' },
  { id: 'sum', layer: 'add', inputs: ['noisy', 'drop', 'gelu'] },
  { id: 'mish', layer: 'mish' },
  { id: 'pool', layer: 'avgPool2d', props: { kernel: 3, stride: 2, ceilMode: true, padding: 'same' } },
  { id: 'small', layer: 'resize', props: { size: [4, 3] } },
  { id: 'join', layer: 'concat', inputs: ['small', 'small'] },
  { id: 'group', layer: 'groupNorm', props: { groups: 4 } },
  { id: 'flat', layer: 'flatten' },
  { id: 'class', layer: 'dense', props: { units: 7, weightInit: { kind: 'lecun', distribution: 'uniform' } } },
  { id: 'norm2', layer: 'layerNorm' },
  { id: 'silu', layer: 'silu' },
  { id: 'drop2', layer: 'dropout', props: { p: 0.5 } },
  { id: 'out', layer: 'dense', props: { units: 3, weightInit: { kind: 'normal', std: 0.2 } } },
];
const mlp: GraphDocument['nodes'] = [
  { id: 'image', layer: 'input' },
  { id: 'flat', layer: 'flatten' },
  { id: 'd1', layer: 'dense', props: { units: 12, weightInit: { kind: 'uniform', bound: 0.2 } } },
  { id: 'act', layer: 'tanh' },
  { id: 'out', layer: 'dense', props: { units: 3 } },
];

/** For pixels up to 255: tanh must not saturate. */
const faint = mlp.map((node) =>
  node.id === 'd1' ? { ...node, props: { units: 12, weightInit: { kind: 'uniform', bound: 0.001 } } } : node,
);

type Training = SpecInput['training'];
const steps = 24;
const base = { batchSize: 8, length: { steps }, evaluateEvery: { steps: 6 } } as const;
const sgd = { kind: 'sgd', learningRate: 0.05 } as const;

const runs: readonly [string, GraphDocument['nodes'], Training, Partial<SpecInput['data']>?][] = [
  [
    'a network of many layers',
    cnn,
    { ...base, optimizer: { kind: 'adam', learningRate: 0.005 } },
    { preprocessing: 'standardise' },
  ],
  ['momentum', mlp, { ...base, optimizer: { ...sgd, momentum: 0.9, dampening: 0.2, weightDecay: 0.01 } }],
  ['nesterov', mlp, { ...base, optimizer: { ...sgd, momentum: 0.9, nesterov: true }, clip: { norm: 0.5 } }],
  ['damped nesterov', mlp, { ...base, optimizer: { ...sgd, momentum: 0.9, nesterov: true, dampening: 0.3 } }],
  [
    'adamw',
    mlp,
    { ...base, optimizer: { kind: 'adam', decoupled: true, weightDecay: 0.1 }, schedule: { kind: 'cosine' } },
  ],
  [
    'adam without corrections',
    mlp,
    { ...base, optimizer: { kind: 'adam', biasCorrection: false }, clip: { value: 0.01 } },
  ],
  ['rmsprop', mlp, { ...base, optimizer: { kind: 'rmsprop', momentum: 0.5, centered: true, learningRate: 0.002 } }],
  [
    'adagrad',
    mlp,
    { ...base, optimizer: { kind: 'adagrad', learningRateDecay: 0.1, initialAccumulator: 0.1 }, l1: 0.01 },
  ],
  ['adamax', mlp, { ...base, optimizer: { kind: 'adamax' }, schedule: { kind: 'step', stepSize: 5, gamma: 0.5 } }],
  [
    'nadam',
    mlp,
    { ...base, optimizer: { kind: 'nadam' }, schedule: { kind: 'multiStep', milestones: [3, 11], gamma: 0.3 } },
  ],
  [
    'weighted classes',
    mlp,
    { ...base, optimizer: sgd, loss: { kind: 'crossEntropy', labelSmoothing: 0.1, classWeight: [1, 3, 0.5] } },
  ],
  ['mse', mlp, { ...base, optimizer: sgd, loss: { kind: 'mse' }, schedule: { kind: 'exponential', gamma: 0.9 } }],
  [
    'huber',
    mlp,
    { ...base, optimizer: sgd, loss: { kind: 'huber', delta: 0.5 }, schedule: { kind: 'polynomial', power: 2 } },
  ],
  [
    'bce',
    mlp,
    {
      ...base,
      optimizer: sgd,
      loss: { kind: 'binaryCrossEntropy' },
      schedule: { kind: 'warmupCosine', warmupSteps: 5 },
    },
  ],
  [
    'hinge',
    mlp,
    { ...base, optimizer: sgd, loss: { kind: 'hinge', p: 2, margin: 0.5 }, schedule: { kind: 'oneCycle' } },
  ],
  [
    'mae',
    mlp,
    {
      ...base,
      optimizer: sgd,
      loss: { kind: 'mae' },
      schedule: { kind: 'oneCycle', threePhase: true, anneal: 'linear' },
    },
  ],
  [
    'restarts',
    faint,
    {
      ...base,
      optimizer: { ...sgd, learningRate: 0.0005 },
      schedule: { kind: 'warmRestarts', period: 5, periodFactor: 2 },
    },
    { preprocessing: 'raw', trainImages: 40 },
  ],
  ['stratified', mlp, { ...base, optimizer: sgd }, { split: 'stratified', trainImages: 41 }],
  ['a fold', mlp, { ...base, optimizer: sgd }, { folds: { count: 4, fold: 3 } }],
  [
    'a stratified fold',
    mlp,
    { ...base, optimizer: sgd },
    { folds: { count: 4, fold: 1 }, split: 'stratified', trainImages: 50 },
  ],
  [
    'plateau and early stopping',
    mlp,
    {
      ...base,
      evaluateEvery: { steps: 2 },
      optimizer: { ...sgd, learningRate: 0.8 },
      schedule: { kind: 'reduceOnPlateau', patience: 1, factor: 0.5, threshold: 0.05 },
      earlyStopping: { metric: 'validation.accuracy', patience: 4, restoreBest: true },
    },
  ],
];

const specOf = (nodes: GraphDocument['nodes'], training: Training, more: Partial<SpecInput['data']> = {}): Spec =>
  specSchema.parse({
    ablate: 1,
    data: { dataset: data.id, validation: 30, ...more },
    model: { nodes },
    training,
    seed: 4294967299,
  });

const sourceOf = (name: string, spec: Spec): string => {
  const { classes } = data;
  const model = exportModel({ name, graph: effectiveGraph(spec.model), inputShape: shape, classes, weights: null });
  return pytorchSource(model, { spec, dataset: data }, 'test');
};

/** Runs programs one after the other in one Python process: loading PyTorch takes longer than all of them. */
async function runPrograms(
  programs: readonly { readonly file: string; readonly words: readonly string[] }[],
): Promise<void> {
  const driver = `import json, runpy, sys, traceback
for program in json.load(open(sys.argv[1])):
    sys.argv = [program["file"], *program["words"]]
    try:
        runpy.run_path(program["file"], run_name="__main__")
    except BaseException:
        sys.stderr.write(program["file"] + "\\n" + traceback.format_exc())
        sys.exit(1)
`;
  writeFileSync(path('driver.py'), driver);
  writeFileSync(path('programs.json'), JSON.stringify(programs));
  await runPython(path('driver.py'), path('programs.json'));
}

interface Log {
  readonly losses: number[];
  readonly evaluations: { readonly step: number; readonly loss: number; readonly accuracy: number }[];
  readonly test: readonly [number, number];
}

/** Nothing in them that smaller trials lack. */
const large = ['vgg', 'leNet', 'mlp', 'cnn-fashion', 'vgg-small', 'global-pooling'];

/** Float32 sums in another order; after 24 steps with momentum the losses agree to a few 1e-6 of themselves. */
const tolerance = 2e-4;

describe('PyTorch programs', () => {
  it('train along with the cpu engine, from the seed alone, for every optimiser, loss and schedule', async (context) => {
    if (noTorch !== undefined) context.skip(noTorch);
    writeData();
    const specs = runs.map(([, nodes, training, more]) => specOf(nodes, training, more));
    specs.forEach((spec, i) => writeFileSync(path(`run${i}.py`), sourceOf(runs[i]![0], spec)));
    await runPrograms(
      specs.map((_, i) => ({
        file: path(`run${i}.py`),
        words: [
          '--data',
          path('data'),
          '--log',
          path(`run${i}.json`),
          '--save',
          path(`run${i}.safetensors`),
          '--threads',
          '1',
        ],
      })),
    );
    const failures: string[] = [];
    for (const [i, spec] of specs.entries()) {
      const files = { record: data, train: trainFile, test: testFile };
      const job: TrainingJob = trainingJob({ spec, threads: 1, resumeFrom: null }, files);
      const { events } = await train(job, cpuBackend);
      const log = JSON.parse(readFileSync(path(`run${i}.json`), 'utf8')) as Log;
      const ours = curve(events, 'loss');
      const off = (a: number, b: number): number => Math.abs(a - b) / Math.max(1, Math.abs(b));
      const worst = Math.max(...log.losses.map((loss, step) => off(loss, ours[step]!)));
      if (log.losses.length !== ours.length || !(worst < tolerance)) {
        failures.push(`${runs[i]![0]}: ${log.losses.length} of ${ours.length} steps, off by ${worst}`);
      }
      const evaluations = all(events, 'evaluation');
      const validation = evaluations.filter(({ split }) => split === 'validation');
      const theirs = log.evaluations.map(({ step }) => step);
      if (theirs.join() !== validation.map(({ step }) => step).join())
        failures.push(`${runs[i]![0]}: evaluated at ${theirs.join()}`);
      const test = evaluations.find(({ split }) => split === 'test')!;
      if (off(log.test[0], test.loss) > 10 * tolerance)
        failures.push(`${runs[i]![0]}: test loss ${log.test[0]} for ${test.loss}`);
    }
    expect(failures).toEqual([]);
    const saved = decodeSafetensors(new Uint8Array(readFileSync(path('run0.safetensors'))));
    expect(saved.tensors.map(({ name }) => name)).toContain('conv.1.weight');
  }, 120_000);

  it('compute the same outputs as we do from stored weights, for every layer and template', async (context) => {
    if (noTorch !== undefined) context.skip(noTorch);
    const count = 3;
    const spec = specOf(mlp, { ...base, optimizer: sgd });
    const models = trials.filter(({ name }) => !large.includes(name)).map((trial) => withWeights(trial));
    const list = models.map((model, i) => {
      const { pixels, values } = images(model.inputShape, count);
      writeFileSync(path(`net${i}.py`), pytorchSource(model, { spec, dataset: data }, 'test'));
      writeFileSync(path(`net${i}.safetensors`), encodeSafetensors([...model.weights!.values()]));
      writeFileSync(path(`net${i}.bin`), new Uint8Array(values.buffer));
      return { file: path(`net${i}`), shape: [count, ...model.inputShape], pixels };
    });
    writeFileSync(
      path('nets.json'),
      JSON.stringify(list.map(({ file, shape: extents }) => ({ file, shape: extents }))),
    );
    const evaluateAll = `import json, runpy, sys
import numpy as np
import torch
for net in json.load(open(sys.argv[1])):
    program = runpy.run_path(net["file"] + ".py", run_name="exported")
    model = program["Network"]()
    program["start_weights"](model, net["file"] + ".safetensors")
    x = np.fromfile(net["file"] + ".bin", dtype=np.float32).reshape(net["shape"])
    with torch.no_grad():
        model.eval()(torch.from_numpy(x)).numpy().tofile(net["file"] + ".out")
`;
    writeFileSync(path('evaluate.py'), evaluateAll);
    await runPython(path('evaluate.py'), path('nets.json'));
    const failures: string[] = [];
    for (const [i, model] of models.entries()) {
      const bytes = readFileSync(path(`net${i}.out`));
      const theirs = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
      const off = largestDifference(theirs, await forward(model, list[i]!.pixels, count));
      if (!(off < 1e-4)) failures.push(`${model.name}: ${off}`);
    }
    expect(failures).toEqual([]);
  }, 120_000);

  it('are Python for every template', async (context) => {
    if (noPython !== undefined) context.skip(noPython);
    const files = templates.map(({ id, title, spec }) => {
      const { classes, imageShape } = mnist;
      const model = exportModel({
        name: title,
        graph: effectiveGraph(spec.model),
        inputShape: imageShape,
        classes,
        weights: null,
      });
      writeFileSync(path(`${id}.py`), pytorchSource(model, { spec, dataset: mnist }, 'test'));
      return path(`${id}.py`);
    });
    await runPython('-m', 'py_compile', ...files);
  });

  it('carry hostile names as data, never as code', () => {
    const spec = specOf(mlp, { ...base, optimizer: sgd });
    const source = sourceOf('"""\nimport os; os.system("x")\n# \\', spec);
    expect(source).not.toMatch(/^import os; /m);
    expect(source.split('"""')[1]).toContain("'''");
  });
});
