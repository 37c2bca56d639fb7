import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { decodeIdxImages } from '../../../engine/data/idx.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { ImageFile, TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, smallJob } from './jobs.ts';
import { train } from './drive.ts';

const folder = new URL('../../../resources/datasets/mnist/', import.meta.url);

async function mnist(prefix: string): Promise<ImageFile> {
  const unpack = async (name: string): Promise<Uint8Array> => gunzipSync(await readFile(new URL(name, folder)));
  const [imagesName, labelsName] = [`${prefix}-images-idx3-ubyte.gz`, `${prefix}-labels-idx1-ubyte.gz`];
  const [images, labels] = await Promise.all([unpack(imagesName), unpack(labelsName)]);
  return decodeIdxImages({ images, imagesName, labels, labelsName }, 10).file;
}

/** The first images only: a test that takes seconds on the slow backend too. */
const first = ({ pixels, labels }: ImageFile, count: number): ImageFile => ({
  pixels: pixels.slice(0, count * 784),
  labels: labels.slice(0, count),
  count,
});

describe('a small network learns handwritten digits', () => {
  it.each<[string, Backend]>([
    ['reference', referenceBackend],
    ['cpu', cpuBackend],
  ])('on %s', { timeout: 120_000 }, async (_name, backend) => {
    const job: TrainingJob = smallJob({
      graph: {
        nodes: [
          { id: 'image', layer: 'input' },
          { id: 'flat', layer: 'flatten' },
          { id: 'dense1', layer: 'dense', props: { units: 32 } },
          { id: 'relu1', layer: 'relu' },
          { id: 'out', layer: 'dense', props: { units: 10 } },
        ],
      },
      data: {
        train: first(await mnist('train'), 3500),
        test: first(await mnist('t10k'), 1000),
        imageShape: [1, 28, 28],
        classes: 10,
        validation: 500,
        trainImages: null,
        preprocessing: 'unit',
      },
      batchSize: 32,
      length: { epochs: 4 },
      optimizer: { kind: 'sgd', learningRate: 0.2, momentum: 0.5, dampening: 0, nesterov: false, weightDecay: 0 },
      evaluateEvery: { epochs: 1 },
    });
    const { events } = await train(job, backend, { slice: 1000, clock: () => performance.now() });
    const evaluations = all(events, 'evaluation');
    const validation = evaluations.filter(({ split }) => split === 'validation');
    expect(validation.length).toBe(4);
    expect(validation.at(-1)!.accuracy).toBeGreaterThan(0.88);
    expect(evaluations.at(-1)!.accuracy).toBeGreaterThan(0.85);
  });
});
