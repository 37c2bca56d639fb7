import { hyperSize } from '../../../engine/ops/op.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import type { TrainingPlan } from '../../../engine/plan/plan.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { OpenStage } from '../../../engine/train/openStage.ts';
import { fillHyper, initialState } from '../../../engine/train/optimizers.ts';
import { prepareTraining, type PlannedStage, type PreparedTraining } from '../../../engine/train/prepare.ts';
import { lrAt } from '../../../engine/train/schedules.ts';
import type { StageSettings } from '../../../engine/train/stages.ts';
import { TrainingState } from '../../../engine/train/state.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import type { GoldenCase } from '../cases.ts';
import type { Output } from '../compare.ts';
import { GoldenDataError, Unsupported } from '../errors.ts';
import { inputOf, numberOf } from './adapter.ts';
import type { Device, GroupAdapter } from './adapter.ts';
import { engineName, graphDocumentOf, refuseOtherLoss } from './graph.ts';
import { clipOf, optimizerOf } from './optimizers.ts';
import { scheduleOf } from './schedules.ts';

/** An attribute that is itself an op with attributes, as a case of its own. */
function part(golden: GoldenCase, name: string): GoldenCase | undefined {
  const attrs = golden.attrs[name];
  if (attrs === undefined) return undefined;
  if (typeof attrs !== 'object' || attrs === null || !('op' in attrs) || typeof attrs.op !== 'string') {
    throw new GoldenDataError(`${golden.id}: attribute "${name}" is not {"op": ..., ...}.`);
  }
  return { ...golden, op: attrs.op, attrs: attrs };
}

/** The plan with the masks of dropout nodes as inputs, in place of the ops that draw them. */
function withGivenMasks(
  plan: TrainingPlan,
  given: ReadonlySet<string>,
): { plan: TrainingPlan; masks: Map<string, TensorId> } {
  const masks = new Map<string, TensorId>();
  const segments = plan.segments.map((segment) => ({
    ...segment,
    ops: segment.ops.filter((instance) => {
      if (instance.op !== 'dropoutMask' || instance.node === undefined || !given.has(instance.node)) return true;
      masks.set(instance.node, instance.outputs.mask);
      return false;
    }),
  }));
  const inputs = new Set(masks.values());
  const tensors = plan.tensors.map((spec) => (inputs.has(spec.id) ? { ...spec, role: 'input' as const } : spec));
  const changed = { ...plan, tensors, segments };
  verifyPlan(changed);
  return { plan: changed, masks };
}

/** The case as a job of the lab: its stages are the engine's own. */
function jobOf(golden: GoldenCase): TrainingJob {
  const optimizer = part(golden, 'optimizer');
  if (optimizer === undefined) throw new GoldenDataError(`${golden.id}: has no optimizer.`);
  const file = (images: string, labels: string): TrainingJob['data']['train'] => {
    const pixels = inputOf(golden, images);
    return {
      pixels: Uint8Array.from(pixels.data),
      labels: Uint8Array.from(inputOf(golden, labels).data),
      count: pixels.shape[0]!,
    };
  };
  const [, height, width] = inputOf(golden, 'images').shape as [number, number, number];
  const batchSize = numberOf(golden, 'batch');
  const total = numberOf(golden, 'steps');
  const stages = (golden.attrs['stages'] ?? []) as readonly { steps: number; size: number }[];
  const steps = stages.reduce((sum, stage) => sum + stage.steps, 0);
  if (stages.length > 0 && steps !== total) {
    throw new GoldenDataError(`${golden.id}: its stages have ${steps} steps in all, not ${total}.`);
  }
  return {
    graph: graphDocumentOf(golden),
    data: {
      train: file('images', 'labels'),
      test: file('eval_images', 'eval_labels'),
      imageShape: [1, height, width],
      classes: golden.outputs.get('eval_logits')!.shape[1]!,
      validation: 0,
      trainImages: null,
      preprocessing: 'unit',
    },
    batchSize,
    length: { steps: total },
    stages: stages.map((stage): StageSettings => ({
      length: { steps: stage.steps },
      imageSize: [stage.size, stage.size],
      batchSize,
      learningRateFactor: 1,
      augmentationStrength: 1,
      frozen: [],
      frozenBatchNorm: 'running',
    })),
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer: optimizerOf(optimizer),
    gradient: { clip: clipOf(optimizer), l1: 0 },
    schedule: { kind: 'constant' },
    earlyStopping: null,
    evaluateEvery: { steps: total },
    seed: 0,
    backend: 'reference',
    threads: 1,
    checkpointSeconds: 3600,
    resumeFrom: null,
  };
}

/** A stage under way, with names for what the reference data name. Its steps are the engine's; batches and masks are given. */
class Run {
  readonly open: OpenStage;
  readonly #golden: GoldenCase;
  readonly #job: TrainingJob;
  readonly #masks: ReadonlyMap<string, TensorId>;

  constructor(golden: GoldenCase, job: TrainingJob, open: OpenStage, masks: ReadonlyMap<string, TensorId>) {
    this.#golden = golden;
    this.#job = job;
    this.open = open;
    this.#masks = masks;
  }

  get #plan(): TrainingPlan {
    return this.open.stage.plan;
  }

  step(step: number, rate: number): void {
    const { runner, executable } = this.open;
    const images = this.#job.data.train.count;
    runner.prepare(step);
    runner.indices.forEach((_, i, indices) => (indices[i] = (step * indices.length + i) % images));
    fillHyper(this.#job.optimizer, rate, step, runner.hyper.fill(0, 0, hyperSize));
    for (const [node, mask] of this.#masks) {
      const values = inputOf(this.#golden, `mask.${node}`).data;
      const size = sizeOf(this.#plan.tensors[mask]!.shape);
      executable.write(mask, values.slice(step * size, (step + 1) * size));
    }
    runner.submit();
  }

  async gradientNorms(names: readonly string[]): Promise<number[]> {
    const norms: number[] = [];
    for (const name of names) {
      const gradient = await this.#read(this.#find(`${engineName(this.#golden, name)}.grad`));
      norms.push(Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0)));
    }
    return norms;
  }

  /** The loss of a step that has just been taken. */
  async loss(step: number): Promise<number> {
    const { history, historySlots } = this.#plan.handles;
    return (await this.#read(history))[2 * (step % historySlots)]!;
  }

  /** Logits and mean loss over the evaluation images. */
  async evaluate(): Promise<{ logits: Output; loss: number }> {
    const { handles, evaluationBatch } = this.#plan;
    const { executable } = this.open;
    const images = this.#job.data.test.count;
    const classes = this.#plan.tensors[handles.evaluationLogits]!.shape[1]!;
    const logits = new Float32Array(images * classes);
    let loss = 0;
    for (let first = 0; first < images; first += evaluationBatch) {
      const count = Math.min(evaluationBatch, images - first);
      const indices = Int32Array.from({ length: evaluationBatch }, (_, i) => (i < count ? first + i : -1));
      executable.write(handles.evaluationIndices, indices);
      executable.run('evaluateTest');
      const batch = await this.#read(handles.evaluationLogits);
      logits.set(batch.subarray(0, count * classes), first * classes);
      loss += (await this.#read(handles.evaluationLoss))[0]!;
    }
    return { logits: { shape: [images, classes], data: logits }, loss: loss / images };
  }

  /** A parameter or buffer by the reference data's name. */
  async final(name: string): Promise<Output> {
    const id = this.#find(engineName(this.#golden, name));
    return { shape: this.#plan.tensors[id]!.shape, data: await this.#read(id) };
  }

  async #read(id: TensorId): Promise<Float32Array> {
    const values = new Float32Array(sizeOf(this.#plan.tensors[id]!.shape));
    await this.open.executable.read(id, values);
    return values;
  }

  #find(name: string): TensorId {
    const spec = this.#plan.tensors.find((candidate) => candidate.name === name);
    if (spec === undefined) throw new GoldenDataError(`${this.#golden.id}: the model has no "${name}".`);
    return spec.id;
  }
}

/** Running statistics 0 and 1, and the weights that are given. */
function firstState(golden: GoldenCase, job: TrainingJob, { checked, plan }: PlannedStage): TrainingState {
  const values = initialValues(checked.nodes, job.seed);
  const given = [...golden.inputs].filter(([name]) => name.startsWith('init.'));
  for (const [name, { data }] of given) values.set(engineName(golden, name.slice(5)), data);
  const wanted = plan.handles.parameters.length;
  if (given.length !== wanted) {
    throw new GoldenDataError(`${golden.id}: gives ${given.length} of ${wanted} parameters.`);
  }
  const state = new TrainingState(plan);
  state.begin(values, initialState(job.optimizer));
  return state;
}

async function openRun(
  golden: GoldenCase,
  job: TrainingJob,
  prepared: PreparedTraining,
  stage: PlannedStage,
  { backend, options }: Device,
): Promise<Run> {
  const given = [...golden.inputs.keys()].filter((name) => name.startsWith('mask.')).map((name) => name.slice(5));
  const { plan, masks } = withGivenMasks(stage.plan, new Set(given));
  return new Run(golden, job, await OpenStage.open(job, prepared, { ...stage, plan }, backend, options), masks);
}

export const trajectories: GroupAdapter = async (golden, device) => {
  if (golden.op !== 'trajectory') throw new Unsupported(golden.op);
  refuseOtherLoss(golden);
  const schedule = part(golden, 'schedule');
  const rates = schedule === undefined ? undefined : scheduleOf(schedule);
  const job = jobOf(golden);
  const prepared = prepareTraining(job);
  const normNames = golden.attrs['grad_norms'] as string[];
  const [losses, norms, lrs]: [number[], number[], number[]] = [[], [], []];
  const outputs = new Map<string, Output>();
  let state = firstState(golden, job, prepared.stages[0]!);
  for (const stage of prepared.stages) {
    const run = await openRun(golden, job, prepared, stage, device);
    const { executable } = run.open;
    try {
      state = state.for(stage.plan);
      state.restore(executable);
      for (let step = stage.firstStep; step < stage.endStep; step++) {
        const rate = rates === undefined ? job.optimizer.learningRate : lrAt(rates, step);
        lrs.push(rate);
        run.step(step, rate);
        norms.push(...(await run.gradientNorms(normNames)));
        losses.push(await run.loss(step));
      }
      const { logits, loss } = await run.evaluate();
      if (prepared.stages.length > 1) outputs.set(`eval_logits.stage${stage.index}`, logits);
      outputs.set('eval_logits', logits);
      outputs.set('eval_loss', { shape: [], data: Float32Array.of(loss) });
      await state.save(executable, stage.endStep);
      if (stage !== prepared.stages.at(-1)) continue;
      for (const name of golden.outputs.keys()) {
        if (name.startsWith('final.')) outputs.set(name, await run.final(name.slice(6)));
      }
    } finally {
      await run.open.dispose();
    }
  }
  const steps = losses.length;
  outputs.set('losses', { shape: [steps], data: Float32Array.from(losses) });
  outputs.set('grad_norms', { shape: [steps, normNames.length], data: Float32Array.from(norms) });
  outputs.set('lrs', { shape: [steps], data: Float32Array.from(lrs) });
  return outputs;
};
