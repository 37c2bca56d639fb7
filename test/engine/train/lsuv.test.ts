import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import type { Backend, Executable } from '../../../engine/backend.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { scaleToUnitVariance, type LsuvLayer } from '../../../engine/train/lsuv.ts';
import { OpenStage } from '../../../engine/train/openStage.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import type { TensorValues } from '../../../engine/tensor.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, smallJob, stripes } from './jobs.ts';
import { train } from './drive.ts';

const lsuv = { kind: 'lsuv' } as const;

/** A residual net with a branch, batch norm and dropout; one layer begins otherwise. */
const residual: GraphDocument = {
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'conv1', layer: 'conv2d', props: { filters: 6, padding: 'same', weightInit: lsuv } },
    { id: 'relu1', layer: 'relu' },
    { id: 'conv2', layer: 'conv2d', props: { filters: 6, padding: 'same', weightInit: lsuv } },
    { id: 'bn', layer: 'batchNorm' },
    { id: 'sum', layer: 'add', inputs: ['bn', 'relu1'] },
    { id: 'drop', layer: 'dropout', props: { p: 0.4 } },
    { id: 'he', layer: 'conv2d', props: { filters: 4 } },
    { id: 'tanh', layer: 'tanh' },
    { id: 'pool', layer: 'globalAvgPool2d' },
    { id: 'out', layer: 'dense', props: { units: 3, weightInit: lsuv } },
  ],
};

async function scale(
  job: TrainingJob,
  backend: Backend,
): Promise<{ values: Map<string, TensorValues>; report: readonly LsuvLayer[] }> {
  const prepared = prepareTraining(job);
  const { plan, checked } = prepared.stages[0]!;
  const open = await OpenStage.open(job, prepared, prepared.stages[0]!, backend);
  const values = initialValues(checked.nodes, job.seed);
  const write = (executable: Executable): void => open.writeStep(executable, 0);
  const report = await scaleToUnitVariance({ plan, nodes: checked.nodes, backend, compile: {}, write }, values);
  await open.dispose();
  return { values, report };
}

const job = (changes: Partial<TrainingJob> = {}, data: Partial<TrainingJob['data']> = {}): TrainingJob =>
  smallJob({ graph: residual, length: { steps: 2 }, ...changes }, data);

describe.each([
  ['reference', referenceBackend],
  ['cpu', cpuBackend],
] as const)('LSUV on %s', (_, backend) => {
  it('brings the outputs of each layer that asks for it to variance 1, in the order of the data', async () => {
    const { values, report } = await scale(job(), backend);
    expect(report.map(({ node }) => node)).toEqual(['conv1', 'conv2', 'out']);
    for (const { before, after, iterations } of report) {
      expect(Math.abs(before - 1)).toBeGreaterThan(0.01);
      expect(Math.abs(after - 1)).toBeLessThan(1e-4);
      // biases are 0, so outputs follow the weights exactly
      expect(iterations).toBe(1);
    }
    const plain = initialValues(prepareTraining(job()).stages[0]!.checked.nodes, 3);
    expect(values.get('he.weight')).toEqual(plain.get('he.weight'));
    const ratio = values.get('conv2.weight')![0]! / plain.get('conv2.weight')![0]!;
    for (const [i, value] of values.get('conv2.weight')!.entries()) {
      expect(Math.abs(value - ratio * plain.get('conv2.weight')![i]!)).toBeLessThan(1e-5);
    }
  });

  it('leaves a layer alone within its tolerance, and stops after its iterations', async () => {
    const tolerant = { nodes: residual.nodes.map((node) => ({ ...node, props: { ...node.props } })) };
    for (const node of tolerant.nodes) {
      if ('weightInit' in node.props) (node.props as Record<string, unknown>)['weightInit'] = { ...lsuv, tolerance: 1 };
    }
    const { report } = await scale(job({ graph: tolerant }), backend);
    expect(report.some(({ iterations }) => iterations === 0)).toBe(true);
  });

  it('keeps orthonormal weights where nothing varies', async () => {
    const train = { ...stripes(90, [1, 6, 5], 3), pixels: new Uint8Array(90 * 30) };
    const { values, report } = await scale(job({}, { train, preprocessing: 'unit' }), backend);
    expect(report[0]).toEqual({ node: 'conv1', before: 0, after: 0, iterations: 0 });
    expect(values.get('conv1.weight')!.every(Number.isFinite)).toBe(true);
  });

  it('begins a run, the same whenever it is started, and not when it is resumed', async () => {
    const whole = await train(job({ length: { steps: 6 } }), backend);
    const again = await train(job({ length: { steps: 6 } }), backend);
    expect(again.hash).toBe(whole.hash);
    const stopped = await train(job({ length: { steps: 6 } }), backend, { stopAt: 3 });
    const checkpoint = all(stopped.events, 'checkpoint').at(-1)!;
    expect(decodeCheckpoint(checkpoint.bytes).step).toBe(3);
    const resumed = await train(job({ length: { steps: 6 }, resumeFrom: checkpoint.bytes }), backend);
    expect(resumed.hash).toBe(whole.hash);
  });
});

it('gives the same weights with any number of threads', async () => {
  const one = await train(job(), cpuBackend, { threads: 1 });
  const three = await train(job(), cpuBackend, { threads: 3 });
  expect(three.hash).toBe(one.hash);
});
