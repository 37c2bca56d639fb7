/**
 * What a look inside the layers costs beside a step: `npm run bench:probes -- [--threads n] [--rounds n] [workload ...]`. Steps and probes take turns in
 * one process; the least time of each over the rounds counts, on one thread of processor time, which other programs leave alone.
 */
import { parseArgs } from 'node:util';
import { cadenceOf } from '../engine/diagnostics/cadence.ts';
import { defaultDiagnostics } from '../engine/diagnostics/settings.ts';
import { loadBackend } from '../engine/host/backends.node.ts';
import { spawnHelper } from '../engine/host/spawn.node.ts';
import { initialValues } from '../engine/layers/initialize.ts';
import { RandomStream, streamKind } from '../engine/random.ts';
import { OpenStage } from '../engine/train/openStage.ts';
import { initialState } from '../engine/train/optimizers.ts';
import { prepareTraining } from '../engine/train/prepare.ts';
import { Probe } from '../engine/train/probe.ts';
import { TrainingState } from '../engine/train/state.ts';
import type { ImageFile, TrainingJob } from '../engine/worker/protocol.ts';
import { workloads, type Workload } from './workloads.ts';

const { values, positionals } = parseArgs({
  options: { threads: { type: 'string', default: '1' }, rounds: { type: 'string', default: '12' } },
  allowPositionals: true,
});
const threads = Number(values.threads);
const rounds = Number(values.rounds);
const names = positionals.length > 0 ? positionals : ['W1', 'W1bn', 'W2'];

const clock = (): number => {
  if (threads > 1) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

function imagesOf({ inputShape, classes }: Workload, count: number): ImageFile {
  const stream = new RandomStream(1, streamKind.noise);
  const size = inputShape.reduce((product, extent) => product * extent, 1);
  return {
    pixels: Uint8Array.from({ length: count * size }, () => stream.below(256)),
    labels: Uint8Array.from({ length: count }, () => stream.below(classes)),
    count,
  };
}

/** Lengths of runs that the cost at the default cadence is told of. */
const runs = [60, 200, 400, 850, 2000, 20_000];

function probesOf(totalSteps: number): number {
  const { isProbed } = cadenceOf(defaultDiagnostics, totalSteps);
  let count = 0;
  for (let step = 0; step < totalSteps; step++) if (isProbed(step)) count++;
  return count;
}

async function measure(workload: Workload): Promise<void> {
  const job: TrainingJob = {
    graph: workload.document,
    data: {
      train: imagesOf(workload, 2000),
      test: imagesOf(workload, 64),
      imageShape: workload.inputShape,
      classes: workload.classes,
      validation: 0,
      trainImages: null,
      preprocessing: 'unit',
    },
    batchSize: workload.batch,
    length: { steps: 100_000 },
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer: workload.optimizer,
    schedule: { kind: 'constant' },
    earlyStopping: null,
    evaluateEvery: { steps: 100_000 },
    diagnostics: defaultDiagnostics,
    seed: 1,
    backend: 'cpu',
    threads,
    checkpointSeconds: 3600,
    resumeFrom: null,
  };
  const prepared = prepareTraining(job);
  const [stage] = prepared.stages;
  const open = await OpenStage.open(job, prepared, stage!, await loadBackend('cpu'), { threads, spawn: spawnHelper });
  const state = new TrainingState(stage!.plan);
  state.begin(initialValues(stage!.checked.nodes, job.seed), initialState(job.optimizer));
  state.restore(open.executable);
  const probe = Probe.of(open.executable, stage!, defaultDiagnostics, prepared.totalSteps, clock)!;
  let step = 0;
  const train = (count: number): number => {
    const begin = clock();
    for (let i = 0; i < count; i++) open.runner.run(step++);
    return (clock() - begin) / count;
  };
  const look = async (): Promise<number> => {
    open.runner.give(step);
    const begin = clock();
    await probe.before(step, open.runner.indices, open.runner.augmentation);
    const before = clock() - begin;
    train(1);
    const behind = clock();
    await probe.after();
    return before + clock() - behind;
  };
  // long enough for the clock of processor time, and for V8's second tier
  const some = Math.max(2, Math.ceil(40 / train(8)));
  for (let i = 0; i < 4; i++) await look();
  let [least, leastLook] = [Infinity, Infinity];
  for (let round = 0; round < rounds; round++) {
    least = Math.min(least, train(some));
    leastLook = Math.min(leastLook, await look());
  }
  await open.dispose();
  const steps = leastLook / least;
  const shares = runs.map((total) => `${total} steps ${((100 * steps * probesOf(total)) / total).toFixed(1)} %`);
  process.stdout.write(
    `${workload.name}, ${threads} thread${threads === 1 ? '' : 's'}: step ${least.toPrecision(3)} ms, probe ${leastLook.toPrecision(3)} ms (${steps.toFixed(1)} steps); of a run of ${shares.join(', ')}\n`,
  );
}

for (const name of names) {
  const workload = workloads.find((each) => each.name === name);
  if (workload === undefined)
    throw new TypeError(`There is no workload ${name}: ${workloads.map((each) => each.name).join(', ')}.`);
  await measure(workload);
}
