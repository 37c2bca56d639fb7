import type { DatasetRecord, RunRecord } from '../contract/records.ts';
import type { CheckedSpec, SpecCheck } from '../spec/check.ts';
import { groupHash, specHash } from '../spec/hash.ts';
import { imagesAfter, paceOfStages } from '../spec/pace.ts';
import type { Spec } from '../spec/schema.ts';
import type { ResolvedStart } from '../transfer/weights.ts';
import { newRunId } from './id.ts';
import { noMetrics } from './progress.ts';

export interface NewRun {
  readonly run: RunRecord;
  readonly spec: Spec;
  /** Stored weights that it starts from. */
  readonly start: ResolvedStart | null;
}

/** What tells the runs of a group apart. */
export interface Replicate {
  readonly seed: number;
  /** Null: the one that the spec names, if any. */
  readonly fold: number | null;
}

/** The record of a run that has just been put into the queue. `taken` says whether an id is in use. */
export async function newRun(
  check: CheckedSpec & { readonly start: ResolvedStart | null },
  { seed, fold }: Replicate,
  options: { tags: readonly string[]; now: number; engineVersion: string; taken: (id: string) => boolean },
): Promise<NewRun> {
  const { dataset, checked, length, start } = check;
  const { count } = check.spec.data.folds ?? {};
  const folds = fold === null || count === undefined ? check.spec.data.folds : { count, fold };
  const spec: Spec = { ...check.spec, data: { ...check.spec.data, folds }, seed, start: start?.start ?? null };
  let id = newRunId();
  while (options.taken(id)) id = newRunId();
  const run: RunRecord = {
    id,
    group: await groupHash(spec),
    name: spec.name.trim() || defaultName(dataset, checked),
    seed,
    fold: folds?.fold ?? null,
    folds: folds?.count ?? null,
    status: 'queued',
    reason: null,
    error: null,
    createdAt: options.now,
    startedAt: null,
    endedAt: null,
    step: start?.record.firstStep ?? 0,
    totalSteps: length.totalSteps,
    stepsPerEpoch: length.stepsPerEpoch,
    // of a run in stages: the mean over its steps
    batchSize: imagesAfter(paceOfStages(length.stages), length.totalSteps) / length.totalSteps,
    seconds: 0,
    imagesPerSecond: null,
    dataset: dataset.id,
    parameters: sum(checked, (node) => node.parameterCount),
    macsPerImage: sum(checked, (node) => node.macs),
    backend: null,
    backendChoice: null,
    threads: null,
    metrics: { ...noMetrics },
    sparkline: [],
    tags: [...new Set(options.tags)],
    note: '',
    starred: false,
    specHash: await specHash(spec),
    dataHash: null,
    engineVersion: options.engineVersion,
    resultHash: null,
    start: start?.record ?? null,
    checkpointStep: null,
  };
  return { run, spec, start };
}

type Checked = NonNullable<SpecCheck['checked']>;

const sum = (checked: Checked, of: (node: Checked['nodes'][number]) => number): number =>
  checked.nodes.reduce((total, node) => total + of(node), 0);

/** "MNIST, 784-100-100-10" or "Fashion-MNIST, 4 convolutions, 2 dense". */
function defaultName(dataset: DatasetRecord, checked: Checked): string {
  const of = (layer: string): Checked['nodes'] => checked.nodes.filter((node) => node.layer === layer);
  const dense = of('dense');
  const convolutions = of('conv2d').length;
  if (convolutions === 0) {
    const inputs = dataset.imageShape.reduce((product, extent) => product * extent, 1);
    return `${dataset.title}, ${[inputs, ...dense.map((node) => node.outputShape.join('×'))].join('-')}`;
  }
  const count = (n: number, name: string): string => `${n} ${name}${n === 1 ? '' : 's'}`;
  return `${dataset.title}, ${count(convolutions, 'convolution')}, ${dense.length} dense`;
}
