import { describe, expect, it } from 'vitest';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import type { AugmentationSettings } from '../../../engine/data/augment.ts';
import { spawnHelper } from '../../../engine/host/spawn.node.ts';
import { forwardPlan } from '../../../engine/plan/derive.ts';
import { OpenStage } from '../../../engine/train/openStage.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import type { Preprocessing, TrainingJob } from '../../../engine/worker/protocol.ts';
import { smallJob } from '../train/jobs.ts';

const none: AugmentationSettings = { shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 };
const all = { shift: 2, flip: 0.5, rotation: 20, scale: 0.2, brightness: 0.1, contrast: 0.1, cutout: 0.4 };
/** Each kind by itself, and all of them. */
const changes: Readonly<Record<string, AugmentationSettings | null>> = {
  nothing: null,
  ...Object.fromEntries(Object.entries(all).map(([kind, value]) => [kind, { ...none, [kind]: value }])),
  everything: all,
};
const preparations: readonly Preprocessing[] = [
  ...(['raw', 'unit', 'standardise', 'standardiseFeatures', 'pcaWhitening', 'zcaWhitening'] as const),
];
const epoch = 2;

/** What the model sees of each image in an epoch, by position in the file. */
async function seen(job: TrainingJob, threads: number): Promise<Map<number, Float32Array>> {
  const prepared = prepareTraining(job);
  const stage = prepared.stages[0]!;
  const compile = { threads, spawn: spawnHelper };
  const open = await OpenStage.open(job, prepared, stage, cpuBackend, compile);
  const { id, shape } = stage.plan.tensors.find(({ name }) => name === 'image.y')!;
  const forward = await cpuBackend.compile(forwardPlan(stage.plan, { keep: new Set([id]) }), compile);
  const x = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
  const size = x.length / shape[0]!;
  const rows = new Map<number, Float32Array>();
  for (let i = 0; i < stage.stepsPerEpoch; i++) {
    open.writeStep(forward, epoch * stage.stepsPerEpoch + i);
    forward.run('forward');
    await forward.read(id, x);
    open.runner.indices.forEach((image, n) => rows.set(image, x.slice(n * size, (n + 1) * size)));
  }
  await forward.dispose();
  await open.dispose();
  return rows;
}

const job = (
  batchSize: number,
  imageSize: readonly [number, number] | null,
  data: Partial<TrainingJob['data']>,
): TrainingJob =>
  smallJob(
    {
      stages: [
        {
          ...{ length: { epochs: 4 }, imageSize, batchSize, learningRateFactor: 1, augmentationStrength: 1 },
          ...{ frozen: [], frozenBatchNorm: 'running' },
        },
      ],
    },
    { folds: { count: 4, fold: 3 }, split: 'stratified', ...data },
  );

describe('what the model sees of an image follows from seed, epoch and image alone', () => {
  it.each(preparations)(
    '%s, with each change, in stages of two sizes',
    async (preprocessing) => {
      for (const [kind, augmentation] of Object.entries(changes)) {
        // each kind by itself in front of two of the preparations
        const single = kind !== 'everything' && kind !== 'nothing';
        if (single && preprocessing !== 'unit' && preprocessing !== 'zcaWhitening') continue;
        for (const imageSize of single ? [null] : [null, [4, 7] as const]) {
          const data = { preprocessing, augmentation };
          const rows = await seen(job(7, imageSize, data), 1);
          const held = prepareTraining(job(7, imageSize, data)).validationImages;
          for (const image of held) expect(rows.has(image)).toBe(false);
          // other batches, hence other neighbours and other steps; on more threads
          for (const [batchSize, threads] of [
            [15, 2],
            [22, 3],
          ] as const) {
            let both = 0;
            for (const [image, row] of await seen(job(batchSize, imageSize, data), threads)) {
              if (!rows.has(image)) continue;
              both++;
              expect(rows.get(image), `${kind}, image ${image}`).toEqual(row);
            }
            // the incomplete batch at the end of an epoch is dropped, another one in each order
            expect(both).toBeGreaterThan(40);
          }
        }
      }
    },
    120_000,
  );
});
