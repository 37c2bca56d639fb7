import { cpuBackend } from '../engine/cpu/index.ts';
import type { AugmentationSettings } from '../engine/data/augment.ts';
import { spawnHelper } from '../engine/host/spawn.node.ts';
import { initialValues } from '../engine/layers/initialize.ts';
import { RandomStream, streamKind } from '../engine/random.ts';
import { OpenStage } from '../engine/train/openStage.ts';
import { initialState } from '../engine/train/optimizers.ts';
import { prepareTraining } from '../engine/train/prepare.ts';
import { TrainingState } from '../engine/train/state.ts';
import type { ImageFile, TrainingJob } from '../engine/worker/protocol.ts';
import type { Options } from './options.ts';
import type { Workload } from './workloads.ts';

/** What preparing the images adds to a step, against the same step with images that are only gathered and scaled. */
export interface PipelineLine {
  readonly workload: string;
  readonly threads: number;
  readonly way: string;
  /** Milliseconds of the fastest step of all rounds. */
  readonly least: number;
  /** Part of the step that it adds, as a share of that step; 0 for the plain one. */
  readonly share: number;
}

const none: AugmentationSettings = {
  ...{ shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 },
};
/** `ahead` false: whitened by each step, as a run does that is too short for more, or whose images take too much memory. */
type Way = Partial<TrainingJob['data']> & { readonly ahead?: boolean };
const ways: Readonly<Record<string, Way>> = {
  'gather and scale': {},
  'every pixel by itself': { preprocessing: 'standardiseFeatures' },
  'shift and flip': { augmentation: { ...none, shift: 2, flip: 0.5 } },
  'all augmentation but mixup': {
    augmentation: { ...{ shift: 2, flip: 0.5, rotation: 10, scale: 0.1, brightness: 0.1, contrast: 0.1, cutout: 0.3 } },
  },
  mixup: { augmentation: { ...none, mixup: 0.4 } },
  'ZCA whitening, once': { preprocessing: 'zcaWhitening' },
  'ZCA whitening, by each step': { preprocessing: 'zcaWhitening', ahead: false },
};

const images = 2000;

function randomImages({ inputShape: [c, h, w], classes }: Workload, count: number): ImageFile {
  const stream = new RandomStream(1, streamKind.noise);
  const pixels = Uint8Array.from({ length: count * c * h * w }, () => stream.below(256));
  return { pixels, labels: Uint8Array.from({ length: count }, () => stream.below(classes)), count };
}

async function opened(workload: Workload, { ahead = true, ...data }: Way, threads: number): Promise<OpenStage> {
  const { document, inputShape, classes, batch, optimizer } = workload;
  const job: TrainingJob = {
    graph: document,
    data: {
      ...{
        train: randomImages(workload, images),
        test: randomImages(workload, batch),
        imageShape: inputShape,
        classes,
      },
      ...{ validation: 0, trainImages: null, preprocessing: 'unit' },
      ...data,
    },
    batchSize: batch,
    length: { steps: 1_000_000 },
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer,
    schedule: { kind: 'constant' },
    earlyStopping: null,
    evaluateEvery: { steps: 1_000_000 },
    seed: 1,
    backend: 'cpu',
    threads,
    checkpointSeconds: 1e9,
    resumeFrom: null,
  };
  const prepared = prepareTraining(job);
  const stage = prepared.stages[0]!;
  const options = { threads, spawn: spawnHelper };
  const open = await (ahead ? OpenStage.forTraining : OpenStage.open)(job, prepared, stage, cpuBackend, options);
  while (open.whitening?.finished === false) await open.whitening.advance();
  const state = new TrainingState(stage.plan);
  state.begin(initialValues(stage.checked.nodes, 1), initialState(optimizer));
  state.restore(open.executable);
  return open;
}

/** All ways take turns, so that what else the machine does falls on all of them alike. */
export async function measurePipeline(workload: Workload, threads: number, options: Options): Promise<PipelineLine[]> {
  const names = Object.keys(ways);
  const stages: OpenStage[] = [];
  try {
    for (const name of names) stages.push(await opened(workload, ways[name]!, threads));
    const least = stages.map(() => Infinity);
    const step = stages.map(() => 0);
    for (let round = 0; round <= options.rounds; round++) {
      for (const [i, { runner }] of stages.entries()) {
        const until = performance.now() + 1000 * options.seconds;
        do {
          const before = performance.now();
          runner.run(step[i]!++);
          // the first round lets the compiler finish
          if (round > 0) least[i] = Math.min(least[i]!, performance.now() - before);
        } while (performance.now() < until);
      }
    }
    return names.map((way, i) => ({
      ...{ workload: workload.name, threads, way, least: least[i]! },
      share: Math.max(0, 1 - least[0]! / least[i]!),
    }));
  } finally {
    for (const open of stages) await open.dispose();
  }
}

export function printPipeline(lines: readonly PipelineLine[]): void {
  const [first] = lines;
  if (!first) return;
  console.log(`\n${first.workload}, ${first.threads} threads: what preparing the images adds to a step`);
  for (const { way, least, share } of lines) {
    console.log(`  ${way.padEnd(28)} ${least.toFixed(3).padStart(9)} ms  ${(100 * share).toFixed(1).padStart(5)} %`);
  }
}
