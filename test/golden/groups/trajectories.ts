import type { Executable } from '../../../engine/backend.ts';
import { EngineError } from '../../../engine/errors.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import type { CheckedGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { hyperSize } from '../../../engine/ops/op.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import { lowerTraining } from '../../../engine/plan/lower.ts';
import type { TrainingPlan } from '../../../engine/plan/plan.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { fillHyper } from '../../../engine/train/optimizers.ts';
import { lrAt } from '../../../engine/train/schedules.ts';
import type { OptimizerSettings } from '../../../engine/train/settings.ts';
import type { GoldenCase } from '../cases.ts';
import type { Output } from '../compare.ts';
import { GoldenDataError, Unsupported } from '../errors.ts';
import { inputOf, numberOf } from './adapter.ts';
import type { Device, GroupAdapter } from './adapter.ts';
import { engineName, graphDocumentOf, refuseOtherLoss } from './graph.ts';
import { clipOf, optimizerOf } from './optimizers.ts';
import { scheduleOf } from './schedules.ts';

/** Small, so that most cases end in a short batch with fillers. */
const largestEvaluationBatch = 32;

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

/** One training run: the executable with names for what the reference data name. */
class Run {
  readonly #golden: GoldenCase;
  readonly #checked: CheckedGraph;
  readonly #plan: TrainingPlan;
  readonly #masks: ReadonlyMap<string, TensorId>;
  readonly #executable: Executable;
  readonly #settings: OptimizerSettings;

  constructor(
    golden: GoldenCase,
    checked: CheckedGraph,
    executable: Executable,
    masks: ReadonlyMap<string, TensorId>,
    settings: OptimizerSettings,
  ) {
    this.#golden = golden;
    this.#checked = checked;
    this.#plan = executable.plan as TrainingPlan;
    this.#masks = masks;
    this.#executable = executable;
    this.#settings = settings;
  }

  get learningRate(): number {
    return this.#settings.learningRate;
  }

  /** Images, labels, initial weights, and running statistics 0 and 1. */
  writeInitial(): void {
    const { handles } = this.#plan;
    const data = {
      trainPixels: 'images',
      trainLabels: 'labels',
      testPixels: 'eval_images',
      testLabels: 'eval_labels',
    } as const;
    for (const [handle, input] of Object.entries(data)) {
      this.#executable.write(handles[handle as keyof typeof data], inputOf(this.#golden, input).data);
    }
    this.#executable.write(handles.offset, Float32Array.of(0));
    this.#executable.write(handles.scale, Float32Array.of(1 / 255));
    for (const { id, buffers } of this.#checked.nodes) {
      for (const { name, shape, initial } of buffers) {
        this.#executable.write(this.#find(`${id}.${name}`), new Float32Array(sizeOf(shape)).fill(initial));
      }
    }
    const given = [...this.#golden.inputs].filter(([name]) => name.startsWith('init.'));
    for (const [name, { data: values }] of given) this.#executable.write(this.#named(name.slice(5)), values);
    if (given.length !== handles.parameters.length) {
      throw new GoldenDataError(
        `${this.#golden.id}: gives ${given.length} of ${handles.parameters.length} parameters.`,
      );
    }
  }

  step(step: number, rate: number): void {
    const { handles, batchSize } = this.#plan;
    const images = inputOf(this.#golden, 'labels').data.length;
    const hyper = new Float32Array(hyperSize);
    fillHyper(this.#settings, rate, step, hyper);
    this.#executable.write(handles.hyper, hyper);
    this.#executable.write(handles.random, Int32Array.of(0, 0, step));
    const indices = Int32Array.from({ length: batchSize }, (_, i) => (step * batchSize + i) % images);
    this.#executable.write(handles.trainIndices, indices);
    for (const [node, mask] of this.#masks) {
      const values = inputOf(this.#golden, `mask.${node}`).data;
      const size = sizeOf(this.#plan.tensors[mask]!.shape);
      this.#executable.write(mask, values.slice(step * size, (step + 1) * size));
    }
    this.#executable.run('train');
  }

  async gradientNorms(names: readonly string[]): Promise<number[]> {
    const norms: number[] = [];
    for (const name of names) {
      const gradient = await this.#values(`${engineName(this.#golden, name)}.grad`);
      norms.push(Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0)));
    }
    return norms;
  }

  /** The losses of some steps of this stage. */
  async losses(from: number, to: number): Promise<Float32Array> {
    const history = await this.#read(this.#plan.handles.history);
    return Float32Array.from({ length: to - from }, (_, i) => history[2 * (from + i)]!);
  }

  /** Goes on where another stage of the same model ended: weights, running statistics and the optimiser's state. */
  async carryOn(before: Run): Promise<void> {
    const { parameters, buffers, optimizerState } = this.#plan.handles;
    for (const id of [...parameters, ...buffers, ...optimizerState.flat()]) {
      const { name, shape, dtype } = this.#plan.tensors[id]!;
      const values = dtype === 'i32' ? new Int32Array(sizeOf(shape)) : new Float32Array(sizeOf(shape));
      await before.#executable.read(before.#find(name), values);
      this.#executable.write(id, values);
    }
  }

  dispose(): Promise<void> {
    return this.#executable.dispose();
  }

  /** Logits and mean loss over the evaluation images. */
  async evaluate(): Promise<{ logits: Output; loss: number }> {
    const { handles, evaluationBatch } = this.#plan;
    const images = inputOf(this.#golden, 'eval_labels').data.length;
    const classes = this.#plan.tensors[handles.evaluationLogits]!.shape[1]!;
    const logits = new Float32Array(images * classes);
    let loss = 0;
    for (let first = 0; first < images; first += evaluationBatch) {
      const count = Math.min(evaluationBatch, images - first);
      const indices = Int32Array.from({ length: evaluationBatch }, (_, i) => (i < count ? first + i : -1));
      this.#executable.write(handles.evaluationIndices, indices);
      this.#executable.run('evaluateTest');
      const batch = await this.#read(handles.evaluationLogits);
      logits.set(batch.subarray(0, count * classes), first * classes);
      loss += (await this.#read(handles.evaluationLoss))[0]!;
    }
    return { logits: { shape: [images, classes], data: logits }, loss: loss / images };
  }

  /** A parameter or buffer by the reference data's name. */
  async final(name: string): Promise<Output> {
    const id = this.#named(name);
    return { shape: this.#plan.tensors[id]!.shape, data: await this.#read(id) };
  }

  async #values(name: string): Promise<Float32Array> {
    return this.#read(this.#find(name));
  }

  async #read(id: TensorId): Promise<Float32Array> {
    const values = new Float32Array(sizeOf(this.#plan.tensors[id]!.shape));
    await this.#executable.read(id, values);
    return values;
  }

  #named(name: string): TensorId {
    return this.#find(engineName(this.#golden, name));
  }

  #find(name: string): TensorId {
    const spec = this.#plan.tensors.find((candidate) => candidate.name === name);
    if (spec === undefined) throw new GoldenDataError(`${this.#golden.id}: the model has no "${name}".`);
    return spec.id;
  }
}

/** Steps from..to on images of one size; undefined: as they are. */
interface Stage {
  readonly from: number;
  readonly to: number;
  readonly size: number | undefined;
}

function stagesOf(golden: GoldenCase): readonly Stage[] {
  const total = numberOf(golden, 'steps');
  const { stages } = golden.attrs;
  if (stages === undefined) return [{ from: 0, to: total, size: undefined }];
  let to = 0;
  const list = (stages as readonly { steps: number; size: number }[]).map(({ steps, size }): Stage => {
    to += steps;
    return { from: to - steps, to, size };
  });
  if (to !== total) throw new GoldenDataError(`${golden.id}: its stages have ${to} steps in all, not ${total}.`);
  return list;
}

/** The model with its images brought to a size first: what reads "x" reads them resized. */
function resizedTo(document: GraphDocument, size: number | undefined): GraphDocument {
  if (size === undefined) return document;
  const [input, ...model] = document.nodes;
  const { id } = input!;
  const props = { size, mode: 'bilinearAntialias' };
  return { nodes: [{ ...input!, id: `${id}.given` }, { id, layer: 'resize', props }, ...model] };
}

/** The model of a stage, compiled, with its data. */
async function openStage(golden: GoldenCase, device: Device, { size }: Stage): Promise<Run> {
  const optimizer = part(golden, 'optimizer');
  if (optimizer === undefined) throw new GoldenDataError(`${golden.id}: has no optimizer.`);
  const settings = optimizerOf(optimizer);
  const [trainImages, ...imageShape] = inputOf(golden, 'images').shape as [number, number, number];
  const testImages = inputOf(golden, 'eval_images').shape[0]!;
  const inputShape = [1, ...imageShape];
  const checked = checkGraph(resizedTo(graphDocumentOf(golden), size), { inputShape });
  if (!checked.ok) {
    throw new EngineError('graph', checked.faults.map(({ message }) => message).join(' '), checked.faults);
  }
  const lowered = lowerTraining(checked, {
    batchSize: numberOf(golden, 'batch'),
    evaluationBatch: Math.min(testImages, largestEvaluationBatch),
    inputShape,
    trainImages,
    testImages,
    perFeature: false,
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer: settings,
    gradient: { clip: clipOf(optimizer), l1: 0 },
    historySlots: numberOf(golden, 'steps'),
  });
  const given = [...golden.inputs.keys()].filter((name) => name.startsWith('mask.')).map((name) => name.slice(5));
  const { plan, masks } = withGivenMasks(lowered, new Set(given));
  const run = new Run(golden, checked, await device.backend.compile(plan, device.options), masks, settings);
  run.writeInitial();
  return run;
}

export const trajectories: GroupAdapter = async (golden, device) => {
  if (golden.op !== 'trajectory') throw new Unsupported(golden.op);
  refuseOtherLoss(golden);
  const schedule = part(golden, 'schedule');
  const rates = schedule === undefined ? undefined : scheduleOf(schedule);
  const stages = stagesOf(golden);
  const normNames = golden.attrs['grad_norms'] as string[];
  const [losses, norms, lrs]: [number[], number[], number[]] = [[], [], []];
  const outputs = new Map<string, Output>();
  const runs: Run[] = [];
  try {
    for (const [index, stage] of stages.entries()) {
      const run = await openStage(golden, device, stage);
      const before = runs.at(-1);
      runs.push(run);
      if (before !== undefined) await run.carryOn(before);
      for (let step = stage.from; step < stage.to; step++) {
        const rate = rates === undefined ? run.learningRate : lrAt(rates, step);
        lrs.push(rate);
        run.step(step, rate);
        norms.push(...(await run.gradientNorms(normNames)));
      }
      losses.push(...(await run.losses(stage.from, stage.to)));
      const { logits, loss } = await run.evaluate();
      if (stage.size !== undefined) outputs.set(`eval_logits.stage${index}`, logits);
      outputs.set('eval_logits', logits);
      outputs.set('eval_loss', { shape: [], data: Float32Array.of(loss) });
    }
    const steps = losses.length;
    outputs.set('losses', { shape: [steps], data: Float32Array.from(losses) });
    outputs.set('grad_norms', { shape: [steps, normNames.length], data: Float32Array.from(norms) });
    outputs.set('lrs', { shape: [steps], data: Float32Array.from(lrs) });
    for (const name of golden.outputs.keys()) {
      if (name.startsWith('final.')) outputs.set(name, await runs.at(-1)!.final(name.slice(6)));
    }
    return outputs;
  } finally {
    for (const run of runs) await run.dispose();
  }
};
