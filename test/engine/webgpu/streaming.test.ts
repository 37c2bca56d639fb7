import { describe, expect, it } from 'vitest';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import type { GpuExecutable } from '../../../engine/webgpu/executable.ts';
import type { Plan } from '../../../engine/plan/plan.ts';
import { webgpuBackend } from '../../../engine/webgpu/index.ts';
import { nodeGpu } from '../../../engine/host/gpu.node.ts';
import { ImageStream } from '../../../engine/webgpu/stream.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, cnn, smallJob, stripes } from '../train/jobs.ts';
import { train } from '../train/drive.ts';
import { gpuBackend, missingGpu } from './device.ts';
import { limitedGpu } from './limitedGpu.ts';

/** Augmented and mixed, so that every op that reads images is there; 5 x 3 pixels do not fill whole words. */
const imageShape = [1, 5, 3] as const;
const job: TrainingJob = {
  ...smallJob(
    { graph: cnn, length: { steps: 24 }, evaluateEvery: { steps: 8 } },
    {
      imageShape,
      train: stripes(400, imageShape, 3),
      test: stripes(31, imageShape, 3, 2),
      augmentation: {
        shift: 0.2,
        flip: 0.5,
        rotation: 10,
        scale: 0,
        brightness: 0.1,
        contrast: 0,
        cutout: 0,
        mixup: 0.4,
      },
    },
  ),
  backend: 'webgpu',
};

describe('the ring of images', () => {
  it('holds what a run reads, whatever is asked for', () => {
    const [images, imageBytes, rows, rowBytes, most] = [40, 5, 17, 8, 6];
    const source = Uint8Array.from({ length: images * imageBytes }, (_, i) => (i * 7) % 251);
    const device = new Uint8Array(rows * rowBytes);
    const stream = new ImageStream({ images, imageBytes, rows, rowBytes, most }, (row, bytes) =>
      device.set(bytes, row * rowBytes),
    );
    stream.source = source;
    const random = new RandomStream(5, streamKind.noise);
    const list = (count: number): Int32Array => Int32Array.from({ length: count }, () => random.below(images + 1) - 1);
    for (let run = 0; run < 300; run++) {
      if (random.below(3) === 0) stream.lookAhead(list(random.below(30)));
      stream.begin();
      const lists = [list(4), list(2)];
      const places = lists.map((numbers) => {
        const found = new Int32Array(numbers.length);
        stream.place(numbers, found);
        return found;
      });
      lists.forEach((numbers, l) =>
        numbers.forEach((image, n) => {
          const row = places[l]![n]!;
          if (image < 0) expect(row).toBe(-1);
          else {
            const at = row * rowBytes;
            expect([...device.slice(at, at + imageBytes)]).toEqual([
              ...source.slice(image * imageBytes, (image + 1) * imageBytes),
            ]);
          }
        }),
      );
    }
  });

  it('uploads nothing in the run that a look ahead has brought near', () => {
    const stream = new ImageStream({ images: 100, imageBytes: 4, rows: 30, rowBytes: 4, most: 10 }, () => undefined);
    const order = Int32Array.from({ length: 40 }, (_, i) => (i * 37) % 100);
    stream.lookAhead(order);
    // room for one run is kept
    expect(stream.uploaded).toBe(20);
    for (const first of [0, 10]) {
      stream.begin();
      stream.place(order.subarray(first, first + 10), new Int32Array(10));
    }
    expect(stream.uploaded).toBe(20);
  });
});

describe('a data set that is not resident', () => {
  it('trains and is evaluated to the bits of one that is', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const resident = await train(job, gpuBackend(), { slice: 1000 });
    let opened: Pick<GpuExecutable, 'streamedImages'> | undefined;
    const streaming = gpuBackend({ dataBytes: 1200 });
    const watched = {
      ...streaming,
      compile: async (plan: Plan) => {
        const executable = await streaming.compile(plan);
        opened = executable as unknown as Pick<GpuExecutable, 'streamedImages'>;
        return executable;
      },
    };
    const streamed = await train(job, watched, { slice: 1000 });
    expect(streamed.hash).toBe(resident.hash);
    const figures = (of: typeof resident): unknown =>
      of.events.filter(({ kind }) => kind === 'evaluation').map((event) => ({ ...event, seconds: 0 }));
    expect(figures(streamed)).toEqual(figures(resident));
    expect(all(streamed.events, 'progress').flatMap(({ loss }) => [...loss])).toEqual(
      all(resident.events, 'progress').flatMap(({ loss }) => [...loss]),
    );
    // 24 steps of 8 images with their partners and three evaluations of 22 and one of 31, in rings of less than 100 rows
    expect(opened!.streamedImages).toBeGreaterThanOrEqual(24 * 8 + 31);
  }, 90_000);

  it('is streamed where the device has no memory for it', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const resident = await train(job, gpuBackend());
    // 400 images of 15 bytes, and nothing else, come to this
    const images = 6144;
    const sizes: number[] = [];
    const scarce = webgpuBackend(limitedGpu(nodeGpu, {}, { sizes, lacks: (size) => size === images }));
    expect((await train(job, scarce)).hash).toBe(resident.hash);
    expect(sizes).toContain(images);
  }, 90_000);
});
