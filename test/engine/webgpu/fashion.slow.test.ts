// examples/cnn-fashion.json on both backends, on real images: four convolutions with batch norm, dropout, Adam.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import type { ImageFile, TrainingJob } from '../../../engine/worker/protocol.ts';
import { requireSpec } from '../../../lab/spec/check.ts';
import { setSpecValues } from '../../../lab/spec/set.ts';
import { datasetsFolder } from '../../../node/compose.ts';
import { createDatasets } from '../../../node/datasets.ts';
import { trainingJob } from '../../../node/trainer.ts';
import { all, curve } from '../train/jobs.ts';
import { train } from '../train/drive.ts';
import { gpuBackend, missingGpu } from './device.ts';

const steps = 24;

async function fashion(): Promise<TrainingJob> {
  const datasets = createDatasets(datasetsFolder());
  const example = new URL('../../../examples/cnn-fashion.json', import.meta.url);
  const settings = [`training.length={"steps":${steps}}`, 'training.batchSize=8', 'data.validation=64'];
  const { spec } = requireSpec(
    setSpecValues(JSON.parse(readFileSync(example, 'utf8')), [...settings, 'data.trainImages=2000']),
    await datasets.list(),
  );
  const images = await datasets.images('fashion-mnist');
  const job = trainingJob({ spec, threads: 1, resumeFrom: null }, images);
  const few = ({ pixels, labels }: ImageFile, count: number): ImageFile => ({
    pixels: pixels.subarray(0, count * 784),
    labels: labels.subarray(0, count),
    count,
  });
  // evaluating all of them would take the software adapter minutes
  return { ...job, data: { ...job.data, test: few(images.test, 64) }, diagnostics: null };
}

/** Without Winograd transforms, whose own rounding grows along the path as much as anything a GPU does. */
const exactCpu: Backend = {
  ...cpuBackend,
  compile: (plan, options) => cpuBackend.compile(plan, { ...options, precision: 'exact' }),
};

describe('the Fashion CNN on the GPU', () => {
  it('has the losses of the CPU, step by step', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const job = await fashion();
    const onCpu = await train(job, exactCpu);
    const onGpu = await train(job, gpuBackend());
    const [expected, found] = [curve(onCpu.events, 'loss'), curve(onGpu.events, 'loss')];
    expect(found).toHaveLength(steps);
    const apart = found.map((loss, i) => Math.abs(loss - expected[i]!));
    // Rounding grows along a training path: Adam divides by the root of gradients that are near zero at first. Measured on
    // SwiftShader: 8e-6 at most in the first ten steps, 6e-3 in all (docs/webgpu.md). A wrong kernel is off at the second step.
    apart.forEach((difference, step) => expect(difference, `step ${step + 1}`).toBeLessThan(step < 10 ? 1e-4 : 5e-2));
    const [a, b] = [onCpu, onGpu].map(({ events }) => all(events, 'evaluation').find(({ split }) => split === 'test')!);
    expect(Math.abs(a!.loss - b!.loss)).toBeLessThan(5e-2);
    // it has learned something: chance is ln 10
    expect(expected.slice(-6).reduce((sum, loss) => sum + loss) / 6).toBeLessThan(2);
  }, 900_000);
});
