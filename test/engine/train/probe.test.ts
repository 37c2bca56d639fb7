import { beforeAll, describe, expect, it } from 'vitest';
import { cpuBackend, tunedCpuBackend } from '../../../engine/cpu/index.ts';
import { cadenceOf } from '../../../engine/diagnostics/cadence.ts';
import { covariateShift } from '../../../engine/diagnostics/covariateShift.ts';
import { measureNames, type MeasureName, type StepProbe } from '../../../engine/diagnostics/measures.ts';
import { defaultDiagnostics, measureGroups, type DiagnosticsSettings } from '../../../engine/diagnostics/settings.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { cnn, mlp, smallJob, stripes, stage } from './jobs.ts';
import { train, type Outcome } from './drive.ts';

const everything: DiagnosticsSettings = {
  ...defaultDiagnostics,
  every: 6,
  deepEvery: 12,
  measures: [...measureGroups],
  histogram: { bins: 8, range: null },
};
const probesOf = (events: readonly TrainingEvent[]): StepProbe[] =>
  events.filter((event) => event.kind === 'probe').map(({ kind: _, ...probe }) => probe);
const value = (probe: StepProbe, layer: string, name: MeasureName): number =>
  probe.layers.find((each) => each.layer === layer)!.values[measureNames.indexOf(name)]!;

describe('cadence', () => {
  const probed = (settings: Pick<DiagnosticsSettings, 'every' | 'early'>, totalSteps: number): number[] => {
    const { isProbed } = cadenceOf({ ...settings, deepEvery: 1000 }, totalSteps);
    return Array.from({ length: totalSteps }, (_, step) => step).filter((step) => isProbed(step));
  };

  it('takes step 0, the powers of two below the cadence, and its multiples', () => {
    expect(probed({ every: 12, early: true }, 30)).toEqual([0, 1, 2, 4, 8, 12, 24]);
    expect(probed({ every: 7, early: false }, 10)).toEqual([0, 7]);
  });

  it('by default takes as many early steps as a short run can afford, spread over their powers', () => {
    const { every } = defaultDiagnostics;
    expect(probed({ every, early: 'auto' }, 40)).toEqual([0]);
    expect(probed({ every, early: 'auto' }, 200)).toEqual([0, 4, 32, 128]);
    expect(probed({ every, early: 'auto' }, 400)).toEqual([0, 2, 4, 8, 32, 64, 128, 200]);
    expect(probed({ every, early: 'auto' }, 1000)).toEqual(probed({ every, early: true }, 1000));
    for (let total = 60; total < 5000; total += 7) {
      // as many as there may be of probes that take as long as two and a half steps
      expect(2.5 * probed({ every, early: 'auto' }, total).length, `${total} steps`).toBeLessThanOrEqual(0.05 * total);
    }
  });

  it('takes what is asked for, however short the run', () => {
    expect(probed({ every: 200, early: true }, 40)).toEqual([0, 1, 2, 4, 8, 16, 32]);
    // so close a cadence costs more than the early steps do
    expect(probed({ every: 10, early: 'auto' }, 25)).toEqual([0, 1, 2, 4, 8, 10, 20]);
  });

  it('measures what is costly at the first probed step at or after each of its multiples', () => {
    const { isDeep } = cadenceOf({ every: 12, early: true, deepEvery: 10 }, 1000);
    expect([0, 1, 2, 4, 8, 12, 24, 36].filter((step) => isDeep(step))).toEqual([0, 12, 24, 36]);
  });
});

describe('a watched run', () => {
  const job = (changes: Partial<TrainingJob> = {}): TrainingJob =>
    smallJob({ graph: cnn, length: { steps: 7 }, ...changes });
  let watched: Outcome;
  beforeAll(async () => {
    watched = await train(job({ diagnostics: everything }), cpuBackend);
  });

  it.each([1, 2, 3])('ends with the same bits as an unwatched one, on %i threads', async (threads) => {
    const backend = tunedCpuBackend({ worthSharing: 0 });
    const plain = await train(job({ diagnostics: null }), backend, { threads });
    const seen = await train(job({ diagnostics: everything }), backend, { threads });
    expect(seen.hash).toBe(plain.hash);
    expect(seen.hash).toBe(watched.hash);
    const bits = ({ events }: Outcome): unknown => probesOf(events).map(({ layers }) => layers);
    expect(bits(seen)).toEqual(bits(watched));
  });

  it('sees the same as on the reference backend', async () => {
    const steps = { length: { steps: 3 } };
    const [cpu, reference] = await Promise.all(
      [cpuBackend, referenceBackend].map(async (backend) =>
        probesOf((await train(job({ ...steps, diagnostics: everything }), backend)).events),
      ),
    );
    expect(cpu!.map(({ step }) => step)).toEqual([0, 1, 2]);
    expect(reference!.map(({ step }) => step)).toEqual([0, 1, 2]);
    cpu!.forEach((probe, i) => {
      expect(probe.layers.map(({ layer }) => layer)).toEqual(reference![i]!.layers.map(({ layer }) => layer));
      probe.layers.forEach(({ layer, values }, l) => {
        const other = reference![i]!.layers[l]!.values;
        values.forEach((each, m) => {
          const name = `step ${probe.step}, ${layer} ${measureNames[m]}`;
          if (Number.isNaN(other[m]!)) expect(each, name).toBeNaN();
          else expect(Math.abs(each - other[m]!), name).toBeLessThan(2e-4 + 2e-3 * Math.abs(other[m]!));
        });
      });
    });
  });

  it('gives each layer what it has', () => {
    const first = probesOf(watched.events)[0]!;
    expect(first.layers.map(({ layer }) => layer)).toEqual(expect.arrayContaining(['conv', 'norm', 'relu', 'out', '']));
    expect(value(first, 'norm', 'mean')).toBeCloseTo(0, 5);
    expect(value(first, 'norm', 'std')).toBeCloseTo(1, 3);
    expect(value(first, 'relu', 'p15')).toBe(0);
    expect(value(first, 'relu', 'deadFraction')).toBe(0);
    expect(value(first, 'relu', 'zeroFraction')).toBeGreaterThan(0.3);
    expect(value(first, 'relu', 'gradientNorm')).toBeNaN();
    expect(value(first, 'conv', 'saturation')).toBeNaN();
    // the moving variance begins at 1, the mean at 0
    expect(value(first, 'norm', 'bnVarianceShift')).toBeGreaterThan(1);
    expect(value(first, 'conv', 'gradientShift')).toBeNaN();
    expect(value(first, 'out', 'gradientShift')).toBeGreaterThan(0);
    const histogram = first.layers.find(({ layer }) => layer === 'conv')!.histograms[0]!;
    expect(histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(8 * 5 * 6 * 5);
  });

  it('says how long it took, and counts no such time as training', () => {
    for (const { seconds } of probesOf(watched.events)) expect(seconds).toBeGreaterThan(0);
  });

  it('can be told to look at some layers and measures only', async () => {
    const diagnostics: DiagnosticsSettings = { ...everything, layers: ['conv2'], measures: ['updates'] };
    const [first] = probesOf((await train(job({ length: { steps: 1 }, diagnostics }), cpuBackend)).events);
    expect(first!.layers.map(({ layer }) => layer)).toEqual(['conv2']);
    expect(first!.layers[0]!.histograms).toEqual([]);
    expect(value(first!, 'conv2', 'mean')).toBeNaN();
    expect(value(first!, 'conv2', 'updateRatio')).toBeGreaterThan(0);
  });
});

describe('values', () => {
  it('agree with the gradient shift of the measure by itself, and with the update of plain SGD', async () => {
    const optimizer = {
      kind: 'sgd',
      learningRate: 0.2,
      momentum: 0,
      dampening: 0,
      nesterov: false,
      weightDecay: 0,
    } as const;
    const job = smallJob({ optimizer, length: { steps: 1 }, diagnostics: everything });
    const [probe] = probesOf((await train(job, referenceBackend)).events);
    const { stages, transform } = prepareTraining(job);
    const { checked, order } = stages[0]!;
    const indices = new Int32Array(job.batchSize);
    order.fill(0, indices);
    const size = 30;
    const x = new Float32Array(job.batchSize * size);
    indices.forEach((image, n) => {
      for (let i = 0; i < size; i++) {
        const at = transform.offset.length === 1 ? 0 : i;
        const pixel = job.data.train.pixels[image * size + i]!;
        x[n * size + i] = (pixel - transform.offset[at]!) * transform.scale[at]!;
      }
    });
    const shift = await covariateShift({
      backend: referenceBackend,
      checked,
      x,
      labels: Array.from(indices, (image) => job.data.train.labels[image]!),
      parameters: initialValues(checked.nodes, job.seed) as ReadonlyMap<string, Float32Array>,
      learningRate: 0.2,
    });
    expect(shift.layers).toEqual(['hidden', 'out']);
    shift.layers.forEach((layer, i) => {
      const norm = shift.gradientNorm[i]!;
      expect(value(probe!, layer, 'gradientNorm')).toBeCloseTo(norm, 5);
      expect(value(probe!, layer, 'updateNorm')).toBeCloseTo(0.2 * norm, 5);
      if (i === 0) return;
      expect(value(probe!, layer, 'gradientShift')).toBeCloseTo(shift.l2Difference[i]! / norm, 4);
      expect(value(probe!, layer, 'gradientCosine')).toBeCloseTo(shift.cosine[i]!, 5);
    });
  });

  it('of a batch that is taken in parts compare the first part with itself, before and after the step', async () => {
    const none = { shift: 0, flip: 0, rotation: 0, scale: 0, brightness: 0, contrast: 0, cutout: 0 };
    const diagnostics: DiagnosticsSettings = { ...everything, every: 1, deepEvery: 1, measures: ['gradientShift'] };
    const optimizer = {
      kind: 'sgd',
      learningRate: 0,
      momentum: 0,
      dampening: 0,
      nesterov: false,
      weightDecay: 0,
    } as const;
    const still = smallJob(
      { graph: mlp, length: { steps: 2 }, accumulate: 4, optimizer, diagnostics },
      { augmentation: { ...none, shift: 2 } },
    );
    const probes = probesOf((await train(still, cpuBackend)).events);
    expect(probes.length).toBeGreaterThan(0);
    // a step of length 0 shifts no gradient
    for (const probe of probes) {
      expect(value(probe, 'out', 'gradientShift')).toBe(0);
      expect(value(probe, 'out', 'gradientCosine')).toBe(1);
    }
  });

  it.each([0, 0.4])('of the noise scale come from the images as the step changes them, mixup %d', async (mixup) => {
    // one weight and gradients of one sign: the gradient of a batch is the mean of its halves', in their lengths too
    const graph: GraphDocument = {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'mean', layer: 'globalAvgPool2d' },
        { id: 'out', layer: 'dense', props: { units: 1, bias: false, weightInit: { kind: 'constant', value: 0.01 } } },
      ],
    };
    const augmentation = { shift: 2, flip: 0, rotation: 0, scale: 0, brightness: 0.4, contrast: 0, cutout: 0 };
    const diagnostics: DiagnosticsSettings = { ...everything, every: 1, deepEvery: 1, measures: ['noiseScale'] };
    const files = { train: stripes(90, [1, 6, 5], 1), test: stripes(31, [1, 6, 5], 1, 2), classes: 1 };
    const probeOf = async (accumulate: number, mixed: number): Promise<StepProbe> => {
      const job = smallJob(
        { graph, length: { steps: 1 }, loss: { kind: 'mse' }, accumulate, diagnostics },
        { ...files, preprocessing: 'unit', augmentation: { ...augmentation, mixup: mixed } },
      );
      return probesOf((await train(job, cpuBackend)).events)[0]!;
    };
    const probe = await probeOf(1, mixup);
    const whole = value(probe, '', 'gradientNorm');
    // of a step in two parts, the first half is what is looked at
    const first = value(await probeOf(2, 0), '', 'gradientNorm');
    const halves = (first ** 2 + (2 * whole - first) ** 2) / 2;
    const signal = (8 * whole ** 2 - 4 * halves) / 4;
    const variance = (halves - whole ** 2) / (1 / 4 - 1 / 8);
    expect(value(probe, '', 'noiseScale')).toBeGreaterThan(0);
    expect(value(probe, '', 'noiseScale')).toBeCloseTo(variance / signal, 3);
  });

  it('are taken at the first step of every stage too', async () => {
    const short = stage({ length: { steps: 3 } });
    const stages = [short, { ...short, imageSize: [8, 8] as const }, short];
    const diagnostics = { ...everything, every: 100, early: false };
    const { events } = await train(smallJob({ graph: cnn, stages, diagnostics }), cpuBackend);
    expect(probesOf(events).map(({ step }) => step)).toEqual([0, 3, 6]);
  });
});
