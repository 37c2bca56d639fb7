import type { DatasetImages } from '../../node/datasets.ts';
import { tinySpec } from './cliProcess.ts';

/** Random images that carry their label in one bright row, so that there is something to learn. */
export function images(): DatasetImages {
  const file = (count: number) => {
    const pixels = new Uint8Array(new SharedArrayBuffer(count * 64));
    const labels = new Uint8Array(new SharedArrayBuffer(count));
    for (let i = 0; i < count; i++) {
      const label = (i * 7) % 8;
      labels[i] = label;
      for (let j = 0; j < 64; j++)
        pixels[i * 64 + j] = Math.floor(j / 8) === label ? 200 + ((i + j) % 50) : (i * j) % 60;
    }
    return { pixels, labels, count };
  };
  const record = { imageShape: [1, 8, 8], classes: ['0', '1', '2', '3', '4', '5', '6', '7'], id: 'rows' };
  return { train: file(400), test: file(100), record: record as unknown as DatasetImages['record'] };
}

/** A spec for them. */
export const rowsSpec = (steps: number) => ({
  ...tinySpec,
  data: { dataset: 'rows', validation: 40 },
  model: {
    nodes: tinySpec.model.nodes.map((node) => (node.id === 'classes' ? { ...node, props: { units: 8 } } : node)),
  },
  training: { ...tinySpec.training, length: { steps }, evaluateEvery: { steps: 50 } },
});
