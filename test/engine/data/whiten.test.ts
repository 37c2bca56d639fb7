import { describe, expect, it } from 'vitest';
import { resizeImages } from '../../../engine/data/resizeImages.ts';
import { applyTransform, fitPreprocessing, whiten, Whitening } from '../../../engine/data/preprocess.ts';
import { range } from '../../../engine/data/split.ts';
import { pixelSums, plainPixelSums } from '../../../engine/data/whiten.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { covariance } from '../../../engine/diagnostics/covariance.ts';
import { fitWhitening } from '../../../engine/diagnostics/whitening.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import { prepareTraining } from '../../../engine/train/prepare.ts';
import { curve, cnn, smallJob, stage, stripes } from '../train/jobs.ts';
import { train } from '../train/drive.ts';

const shape = [2, 5, 4] as const;
const file = stripes(300, shape, 3);
const images = range(300).filter((index) => index % 3 !== 0);
const white = (kind: 'pcaWhitening' | 'zcaWhitening', eps: number): Whitening =>
  new Whitening(kind, eps, file.pixels, images, shape);
const picked = (): Uint8Array =>
  Uint8Array.from([...images].flatMap((index) => [...file.pixels.subarray(index * 40, index * 40 + 40)]));

describe('sums of pixels', () => {
  it('are exact, whatever the order of the images', () => {
    const { sums, products, count } = pixelSums(file.pixels, images, 40);
    expect(count).toBe(images.length);
    for (const [i, j] of [
      [0, 0],
      [3, 17],
      [38, 39],
    ] as const) {
      let [sum, product] = [0, 0];
      for (const index of images) {
        sum += file.pixels[index * 40 + i]!;
        product += file.pixels[index * 40 + i]! * file.pixels[index * 40 + j]!;
      }
      expect(sums[i]).toBe(sum);
      expect(products[i * 40 + j]).toBe(product);
    }
    expect(pixelSums(file.pixels, images.slice().reverse(), 40)).toEqual({ sums, products, count });
  });

  // below, at and above a block of 1024 images, and numbers of pixels that fill no tile
  it.each([
    [1, 1],
    [7, 5],
    [1024, 12],
    [1025, 13],
    [2500, 29],
  ])('are those of the plain form, of %i images with %i pixels', (count, features) => {
    const stream = new RandomStream(count, streamKind.noise);
    const pixels = Uint8Array.from({ length: 3 * count * features }, () =>
      stream.below(4) === 0 ? 0 : 255 - stream.below(9),
    );
    const chosen = Int32Array.from({ length: count }, () => stream.below(3 * count));
    expect(pixelSums(pixels, chosen, features)).toEqual(plainPixelSums(pixels, chosen, features));
  });
});

describe('standardising every pixel', () => {
  it('gives mean 0 and standard deviation 1 each, and 0 for one that never varies', () => {
    const pixels = file.pixels.slice();
    for (let n = 0; n < 300; n++) pixels[n * 40 + 7] = images.includes(n) ? 9 : 200;
    const transform = fitPreprocessing('standardiseFeatures', pixels, images, shape);
    const x = applyTransform(transform, pixels, 40);
    for (const feature of [0, 13, 39]) {
      const values = [...images].map((index) => x[index * 40 + feature]!);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean).toBeCloseTo(0, 5);
      expect(values.reduce((sum, value) => sum + value * value, 0) / values.length).toBeCloseTo(1, 5);
    }
    for (let n = 0; n < 300; n++) expect(Math.abs(x[n * 40 + 7]!)).toBe(0);
  });
});

describe.each(['pcaWhitening', 'zcaWhitening'] as const)('%s', (kind) => {
  it('makes the pixels of the training split uncorrelated with variance l / (l + eps)', async () => {
    const transform = fitPreprocessing(kind, file.pixels, images, shape);
    const y = whiten(applyTransform(transform, picked(), 40), await white(kind, 1e-8).matrix([5, 4]));
    const { covariance: matrix } = covariance({ values: y, features: 40 });
    matrix.forEach((value, at) => expect(value).toBeCloseTo(at % 41 === 0 ? 1 : 0, 3));
  });

  it('is the whitening of the reference data', async () => {
    const unit = Float64Array.from(picked(), (value) => value / 255);
    const expected = fitWhitening(
      { values: unit, features: 40 },
      { kind: kind === 'pcaWhitening' ? 'pca' : 'zca', eps: 0.01 },
    );
    const matrix = await white(kind, 0.01).matrix([5, 4]);
    expected.matrix.forEach((value, i) => expect(matrix[i]).toBeCloseTo(value, 4));
  });

  it('is fitted to resized images without resizing any', async () => {
    const transform = fitPreprocessing(kind, file.pixels, images, shape);
    const small = resizeImages(applyTransform(transform, picked(), 40), shape, [3, 2]);
    const y = whiten(small, await white(kind, 1e-8).matrix([3, 2]));
    const { covariance: matrix } = covariance({ values: y, features: 12 });
    matrix.forEach((value, at) => expect(value).toBeCloseTo(at % 13 === 0 ? 1 : 0, 3));
  });

  it('looks at the training split only', async () => {
    const other = file.pixels.slice();
    for (let n = 0; n < 300; n += 3) other.fill(255, n * 40, n * 40 + 40);
    const again = await new Whitening(kind, 0.01, other, images, shape).matrix([5, 4]);
    expect([...again]).toEqual([...(await white(kind, 0.01).matrix([5, 4]))]);
  });

  it('trains in stages of any size, alike on both backends and on any number of threads', async () => {
    const augmentation = { shift: 1, flip: 0.5, rotation: 5, scale: 0, brightness: 0, contrast: 0, cutout: 0.3 };
    const job = smallJob(
      { graph: cnn, stages: [stage({ imageSize: [4, 4] }), stage({})] },
      { preprocessing: kind, augmentation },
    );
    const one = await train(job, cpuBackend);
    expect((await train(job, cpuBackend, { threads: 3 })).hash).toBe(one.hash);
    const slow = await train(job, referenceBackend);
    curve(slow.events, 'loss').forEach((loss, i) => expect(loss).toBeCloseTo(curve(one.events, 'loss')[i]!, 3));
  });
});

describe('whitening of large images', () => {
  it('is refused before anything is computed', () => {
    const large = [3, 32, 32] as const;
    const data = {
      preprocessing: 'zcaWhitening',
      imageShape: large,
      train: stripes(40, large, 3),
      test: stripes(9, large, 3),
    } as const;
    expect(() => prepareTraining(smallJob({ graph: cnn }, data))).toThrow(/at most 1024 values.*these have 3072/);
  });

  it('is refused where a stage makes them so', () => {
    const length = { steps: 1 };
    const stages = [stage({ length }), stage({ length, imageSize: [40, 40] })];
    const job = smallJob({ graph: cnn, stages }, { preprocessing: 'pcaWhitening' });
    expect(() => prepareTraining(job)).toThrow(/at most 1024 values.*these have 1600/);
  });
});
