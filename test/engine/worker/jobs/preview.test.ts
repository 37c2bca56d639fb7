import { describe, expect, it } from 'vitest';
import { referenceBackend } from '../../../../engine/reference/index.ts';
import { runPreview } from '../../../../engine/worker/jobs/preview.ts';
import { cnn, mlp, smallJob } from '../../train/jobs.ts';
import { context } from './context.ts';

const images = Array.from({ length: 20 }, (_, i) => i * 3);

describe('a preview of activations', () => {
  it('shows every node of the network, the images first', async () => {
    const training = smallJob({ graph: cnn });
    const { nodes, statistics, step } = await runPreview({ training, images, focus: 2, channels: 3 }, context());
    expect({ statistics, step }).toEqual({ statistics: 'batch', step: 0 });
    expect(nodes.map(({ id }) => id)).toEqual(['image', 'conv', 'norm', 'relu', 'conv2', 'sum', 'drop', 'pool', 'out']);
    const byId = new Map(nodes.map((node) => [node.id, node]));
    expect(byId.get('conv')!.shape).toEqual([5, 6, 5]);
    expect(byId.get('conv')!.picture).toMatchObject({ channels: 3, height: 6, width: 5 });
    expect(byId.get('out')!.picture).toMatchObject({ channels: 1, height: 1, width: 3 });
    // standardised images, and batch norm with the statistics of these images
    expect(Math.abs(byId.get('image')!.mean)).toBeLessThan(0.2);
    expect(byId.get('norm')!.mean).toBeCloseTo(0, 5);
    expect(byId.get('norm')!.std).toBeCloseTo(1, 3);
    expect(byId.get('relu')!.min).toBe(0);
    expect(byId.get('relu')!.dead).toBe(0);
    expect(byId.get('norm')!.dead).toBeNull();
    for (const { histogram, shape } of nodes) {
      const values = images.length * shape.reduce((product, extent) => product * extent, 1);
      expect(histogram.counts.reduce((sum, count) => sum + count, 0)).toBe(values);
    }
  });

  it('draws the image in focus as it lies in the file', async () => {
    const training = smallJob({ graph: cnn }, { preprocessing: 'unit' });
    const { nodes } = await runPreview({ training, images, focus: 4, channels: 3 }, context());
    const { picture } = nodes[0]!;
    const size = 30;
    const raw = training.data.train.pixels.subarray(images[4]! * size, (images[4]! + 1) * size);
    expect(picture.low * 255).toBeCloseTo(Math.min(...raw), 3);
    expect(picture.high * 255).toBeCloseTo(Math.max(...raw), 3);
    expect(picture.pixels[raw.indexOf(Math.max(...raw))]).toBe(255);
    expect(picture.pixels[raw.indexOf(Math.min(...raw))]).toBe(0);
  });

  it('agrees with the reference backend', async () => {
    const training = smallJob({ graph: mlp });
    const input = { training, images, focus: 0, channels: 3 };
    const cpu = await runPreview(input, context());
    const reference = await runPreview(input, context({ backend: () => Promise.resolve(referenceBackend) }));
    cpu.nodes.forEach((node, i) => {
      expect(node.mean).toBeCloseTo(reference.nodes[i]!.mean, 5);
      expect(node.std).toBeCloseTo(reference.nodes[i]!.std, 5);
    });
  });

  it('tells how much of a tanh is saturated', async () => {
    const calm = await runPreview({ training: smallJob(), images, focus: 0, channels: 3 }, context());
    const wild = await runPreview(
      { training: smallJob({}, { preprocessing: 'raw' }), images, focus: 0, channels: 3 },
      context(),
    );
    const share = (preview: typeof calm): number => preview.nodes.find(({ id }) => id === 'act')!.saturated!;
    expect(share(calm)).toBeLessThan(0.5);
    expect(share(wild)).toBeGreaterThan(0.8);
  });
});
