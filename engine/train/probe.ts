import type { Executable } from '../backend.ts';
import {
  measureNames,
  wholeNetwork,
  type LayerHistogram,
  type LayerProbe,
  type MeasureName,
} from '../diagnostics/measures.ts';
import type { StepProbe } from '../diagnostics/measures.ts';
import { cadenceOf, type Cadence } from '../diagnostics/cadence.ts';
import type { DiagnosticsSettings } from '../diagnostics/settings.ts';
import { augmentationSize, compareSize, compareSlot, statisticCount, statisticSlot, type TensorId } from '../ops/op.ts';
import type { ProbeHandles, ProbeTap } from '../plan/probe.ts';
import type { TrainingPlan } from '../plan/plan.ts';

const place = Object.fromEntries(measureNames.map((name, i) => [name, i])) as Record<MeasureName, number>;

/**
 * Looks into the training at the steps that the settings name. `before` runs ahead of a step and `after` behind it; both leave
 * everything that training reads or writes as it is. Time spent here is not training time.
 */
export class Probe {
  readonly #cadence: Cadence;
  readonly #executable: Executable;
  readonly #handles: ProbeHandles;
  readonly #trainIndices: TensorId;
  readonly #images: number;
  readonly #clock: () => number;
  readonly #firstStep: number;
  readonly #statistics = new Float32Array(statisticCount);
  readonly #compared = new Float32Array(compareSize);
  readonly #percentiles = new Float32Array(3);
  /** Values by layer, in the order of the graph; the whole network is the last one. */
  #values = new Map<string, Float32Array>();
  #histograms = new Map<string, LayerHistogram[]>();
  /** Step that has been looked at before it was made, and whether the costly measures are due. */
  #open: { readonly step: number; readonly deep: boolean; milliseconds: number } | null = null;

  /**
   * Null for a plan without probes. `firstStep` of the stage that the plan is for is looked at too: what changes with it shows there.
   *
   * @param totalSteps planned for the whole run
   */
  static of(
    executable: Executable,
    { plan, firstStep }: { readonly plan: TrainingPlan; readonly firstStep: number },
    settings: DiagnosticsSettings | null | undefined,
    totalSteps: number,
    clock: () => number,
  ): Probe | null {
    if (!settings || !plan.probe) return null;
    return new Probe(executable, plan, plan.probe, cadenceOf(settings, totalSteps), clock, firstStep);
  }

  private constructor(
    executable: Executable,
    plan: TrainingPlan,
    handles: ProbeHandles,
    cadence: Cadence,
    clock: () => number,
    firstStep: number,
  ) {
    this.#firstStep = firstStep;
    this.#executable = executable;
    this.#handles = handles;
    this.#trainIndices = plan.handles.trainIndices;
    this.#images = plan.batchSize / plan.accumulate;
    this.#cadence = cadence;
    this.#clock = clock;
  }

  isDue(step: number): boolean {
    return step === this.#firstStep || this.#cadence.isProbed(step);
  }

  /**
   * The step's batch, hyperparameters and random words have been written; its update has not been made.
   * `augmentation`: what happens to the images of the batch, or of its first part.
   */
  async before(step: number, batch: Int32Array, augmentation: Float32Array): Promise<void> {
    const begun = this.#clock();
    // of a batch that is taken in parts the first one is looked at
    const indices = batch.subarray(0, this.#images);
    const deep = this.#cadence.isDeep(step);
    this.#values = new Map();
    this.#histograms = new Map();
    this.#executable.write(this.#trainIndices, indices);
    this.#executable.run('probe');
    for (const tap of this.#handles.taps) await this.#readTap(tap);
    for (const each of this.#handles.batchNorms) await this.#readBatchNorm(each);
    if (deep && this.#handles.noise) await this.#readNoise(this.#handles.noise, indices, augmentation);
    this.#open = { step, deep, milliseconds: this.#clock() - begun };
  }

  /** The step has been made. */
  async after(): Promise<StepProbe> {
    const { step, deep, milliseconds } = this.#open!;
    this.#open = null;
    const begun = this.#clock();
    const { updates, shifts } = this.#handles;
    if (updates.length > 0) this.#executable.run('probeAfter');
    for (const { node, result } of updates) {
      await this.#executable.read(result, this.#compared);
      const norm = this.#compared[compareSlot.normA]!;
      const update = this.#compared[compareSlot.difference]!;
      this.#put(node, 'weightNorm', norm);
      this.#put(node, 'updateNorm', update);
      this.#put(node, 'updateRatio', update / norm);
    }
    if (deep) {
      for (const { node, segment, result } of shifts) {
        this.#executable.run(segment);
        await this.#executable.read(result, this.#compared);
        const [a, b] = [this.#compared[compareSlot.normA]!, this.#compared[compareSlot.normB]!];
        const difference = this.#compared[compareSlot.difference]!;
        this.#put(node, 'gradientShift', difference / a);
        this.#put(node, 'gradientCosine', difference === 0 ? 1 : this.#compared[compareSlot.product]! / (a * b));
      }
    }
    const seconds = (milliseconds + this.#clock() - begun) / 1000;
    const layers = [...this.#values].map(([layer, values]): LayerProbe => {
      return { layer, values, histograms: this.#histograms.get(layer) ?? [] };
    });
    return { step, seconds, layers };
  }

  #put(layer: string, measure: MeasureName, value: number): void {
    let values = this.#values.get(layer);
    if (values === undefined) {
      values = new Float32Array(measureNames.length).fill(Number.NaN);
      this.#values.set(layer, values);
    }
    values[place[measure]] = value;
  }

  async #readTap(tap: ProbeTap): Promise<void> {
    const { node } = tap;
    await this.#executable.read(tap.statistics, this.#statistics);
    const statistics = (slot: keyof typeof statisticSlot): number => this.#statistics[statisticSlot[slot]]!;
    if (tap.of === 'activation') {
      for (const name of ['mean', 'std', 'minimum', 'maximum', 'nonFinite'] as const) {
        this.#put(node, name, statistics(name));
      }
      this.#put(node, 'zeroFraction', statistics('zeros'));
      if (tap.percentiles !== undefined) {
        await this.#executable.read(tap.percentiles, this.#percentiles);
        (['p15', 'p50', 'p85'] as const).forEach((name, i) => this.#put(node, name, this.#percentiles[i]!));
      }
      if (tap.inside) await this.#readUnits(tap, tap.inside);
    } else {
      this.#put(node, 'gradientNorm', statistics('norm'));
      this.#put(node, 'gradientStd', statistics('std'));
    }
    if (tap.histogram === undefined) return;
    const counts = new Int32Array(this.#handles.bins + 2);
    await this.#executable.read(tap.histogram, counts);
    const list = this.#histograms.get(node) ?? [];
    list.push({ of: tap.of, low: statistics('low'), high: statistics('high'), counts });
    this.#histograms.set(node, list);
  }

  async #readUnits({ node, perUnit }: ProbeTap, inside: NonNullable<ProbeTap['inside']>): Promise<void> {
    const counts = new Int32Array(inside.units);
    await this.#executable.read(inside.tensor, counts);
    if (inside.counts === 'zeros') {
      const dead = counts.reduce((sum, count) => sum + (count === perUnit ? 1 : 0), 0);
      this.#put(node, 'deadFraction', dead / inside.units);
    } else {
      const unsaturated = counts.reduce((sum, count) => sum + count, 0);
      this.#put(node, 'saturation', 1 - unsaturated / (perUnit * inside.units));
    }
  }

  async #readBatchNorm({ node, eps, channels, ...tensors }: ProbeHandles['batchNorms'][number]): Promise<void> {
    const read = async (tensor: TensorId): Promise<Float32Array> => {
      const values = new Float32Array(channels);
      await this.#executable.read(tensor, values);
      return values;
    };
    const [mean, variance] = [await read(tensors.batchMean), await read(tensors.batchVar)];
    const [movingMean, movingVariance] = [await read(tensors.runningMean), await read(tensors.runningVar)];
    let gap = 0;
    let shift = 0;
    for (let c = 0; c < channels; c++) {
      const own = variance[c]! + eps;
      const moving = movingVariance[c]! + eps;
      gap += Math.abs(mean[c]! - movingMean[c]!) / Math.sqrt(moving);
      shift += Math.max(own / moving, moving / own);
    }
    this.#put(node, 'bnMeanGap', gap / channels);
    this.#put(node, 'bnVarianceShift', shift / channels);
  }

  /** The simple noise scale from two batch sizes (McCandlish et al. 2018, appendix A.1), from the batch and its halves. */
  async #readNoise(
    noise: NonNullable<ProbeHandles['noise']>,
    indices: Int32Array,
    augmentation: Float32Array,
  ): Promise<void> {
    const squares = async (results: readonly TensorId[]): Promise<number> => {
      let sum = 0;
      for (const result of results) {
        await this.#executable.read(result, this.#compared);
        sum += this.#compared[compareSlot.normA]! ** 2;
      }
      return sum;
    };
    const whole = await squares(noise.whole);
    this.#put(wholeNetwork, 'gradientNorm', Math.sqrt(whole));
    const { images } = noise;
    if (indices.length < 2 * images || images < 1) return;
    let halves = 0;
    for (const from of [0, images]) {
      this.#executable.write(noise.indices, indices.subarray(from, from + images));
      if (noise.augmentation !== undefined) {
        const rows = augmentation.subarray(from * augmentationSize, (from + images) * augmentationSize);
        this.#executable.write(noise.augmentation, rows);
      }
      this.#executable.run('probeHalf');
      halves += (await squares(noise.half)) / 2;
    }
    const signal = (indices.length * whole - images * halves) / (indices.length - images);
    const variance = (halves - whole) / (1 / images - 1 / indices.length);
    // a single estimate of either may fall below 0, where it says nothing
    this.#put(wholeNetwork, 'noiseScale', signal > 0 && variance > 0 ? variance / signal : Number.NaN);
  }
}
