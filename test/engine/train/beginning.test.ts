import { describe, expect, it } from 'vitest';
import { analysed } from '../../../engine/analysis/network.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { initializerKinds, type InitializerKind } from '../../../engine/layers/initializer.ts';
import type { TensorValues } from '../../../engine/tensor.ts';
import { beginningOfRun } from '../../../engine/train/beginning.ts';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import { beginningOf, originOf } from '../../../engine/train/start.ts';
import { stageOfStep } from '../../../engine/train/stages.ts';
import { TrainingRun } from '../../../engine/train/trainingRun.ts';
import { runPreview } from '../../../engine/worker/jobs/preview.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { context } from '../worker/jobs/context.ts';
import { train } from './drive.ts';
import { all, only, smallJob, tickingClock, stage } from './jobs.ts';

/** Without batch norm and dropout, so that weights alone decide what a preview shows. */
const network = (kind: InitializerKind): GraphDocument => ({
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'conv', layer: 'conv2d', props: { filters: 5, padding: 'same', weightInit: { kind } } },
    { id: 'relu', layer: 'relu' },
    { id: 'conv2', layer: 'conv2d', props: { filters: 4, padding: 'same', weightInit: { kind } } },
    { id: 'tanh', layer: 'tanh' },
    { id: 'pool', layer: 'globalAvgPool2d' },
    { id: 'out', layer: 'dense', props: { units: 3, weightInit: { kind } } },
  ],
});

const augmentation = { shift: 2, flip: 0.5, rotation: 20, scale: 0.2, brightness: 0.1, contrast: 0.1, cutout: 0.4 };
const length = { epochs: 2 };
const stages = [stage({ length, imageSize: [5, 4], batchSize: 9 }), stage({ length, batchSize: 7 })];
const ways: Readonly<Record<string, readonly [Partial<TrainingJob>, Partial<TrainingJob['data']>]>> = {
  'plain images': [{}, {}],
  'in parts, whitened': [{ batchSize: 12, accumulate: 3, length: { epochs: 2 } }, { preprocessing: 'zcaWhitening' }],
  'augmented and mixed, in stages, whitened': [
    { stages },
    { preprocessing: 'pcaWhitening', augmentation: { ...augmentation, mixup: 0.4 } },
  ],
};

/** What a run has saved before its first step. */
async function atFirstStep(job: TrainingJob): Promise<Uint8Array> {
  const events: TrainingEvent[] = [];
  const run = await TrainingRun.create(job, cpuBackend, {
    compile: { threads: 2, spawn: spawnHelper },
    clock: tickingClock(),
    emit: (event) => events.push(event),
  });
  await run.checkpoint('last');
  await run.settle();
  await run.dispose();
  return only(events, 'checkpoint').bytes;
}

const namesOf = (values: ReadonlyMap<string, TensorValues>): string[] => [...values.keys()];

/** Preview, analyses and `beginningOfRun` against the checkpoint of the run itself, whose values are returned. */
async function agree(job: TrainingJob): Promise<ReadonlyMap<string, TensorValues>> {
  const bytes = await atFirstStep(job);
  const saved = new Map(decodeCheckpoint(bytes).tensors.map(({ name, values }) => [name, values]));
  const prepared = prepareTraining(job);
  const first = stageOfStep(prepared.stages, originOf(job).step);
  const { values } = await beginningOfRun(job, prepared, first, cpuBackend, {});
  for (const name of namesOf(values)) expect(values.get(name), name).toEqual(saved.get(name));

  const looked = await analysed(job, context());
  for (const parameter of looked.parameters)
    expect(parameter.values, parameter.name).toEqual(saved.get(parameter.name));
  await looked.executable.dispose();

  const input = { images: [3, 1, 4, 15, 9, 26], focus: 1, channels: 3 };
  const before = await runPreview({ ...input, training: job }, context());
  const after = await runPreview({ ...input, training: { ...job, start: null, resumeFrom: bytes } }, context());
  expect(before.nodes).toEqual(after.nodes);
  return values;
}

describe('previews and analyses of a run that has not begun see the weights that it begins with', () => {
  it.each(Object.keys(ways))(
    '%s, every initialiser',
    async (way) => {
      const [changes, data] = ways[way]!;
      for (const kind of Object.keys(initializerKinds) as InitializerKind[]) {
        const job = smallJob({ graph: network(kind), ...changes }, data);
        const values = await agree(job);
        const prepared = prepareTraining(job);
        const drawn = beginningOf(job, prepared.stages[0]!.checked, prepared.totalSteps).values;
        const moved = namesOf(values).filter((name) =>
          values.get(name)!.some((value, i) => value !== drawn.get(name)![i]),
        );
        expect(moved).toEqual(kind === 'lsuv' ? ['conv.weight', 'conv2.weight', 'out.weight'] : []);
      }
    },
    120_000,
  );

  it('whose last layer is LSUV behind weights that it takes over', async () => {
    const source = await train(smallJob({ graph: network('he'), stages }), cpuBackend);
    const weights = all(source.events, 'checkpoint').findLast(({ role }) => role === 'last')!;
    const start = { carry: 'weights', hash: weights.hash, weights: weights.bytes, map: {}, fresh: ['out'] } as const;
    const values = await agree(smallJob({ graph: network('lsuv'), stages, start }));
    const stored = new Map(decodeCheckpoint(weights.bytes).tensors.map((tensor) => [tensor.name, tensor.values]));
    expect(values.get('conv.weight')).toEqual(stored.get('conv.weight'));
    expect(values.get('out.weight')).not.toEqual(stored.get('out.weight'));
  });
});
