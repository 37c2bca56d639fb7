import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import { costOf } from '../../../engine/graph/cost.ts';
import { describeGraph } from '../../../engine/graph/describe.ts';
import type { GraphDocument, NodeDocument } from '../../../engine/graph/document.ts';
import { withRepairs } from '../../../engine/graph/repair/repair.ts';
import { withBatchNorm } from '../../../engine/graph/transforms.ts';
import { processorTime, slowness } from '../../processorTime.ts';

/** A residual network of 200 layers, the first convolution of `filters` filters. */
function large(filters: number): GraphDocument {
  const nodes: NodeDocument[] = [{ id: 'image', layer: 'input' }];
  let last = 'image';
  for (let i = 0; nodes.length < 194; i++) {
    const props = { filters: i === 0 ? filters : 8, padding: 'same' };
    nodes.push({ id: `conv${i}`, layer: 'conv2d', inputs: [last], props });
    nodes.push({ id: `bn${i}`, layer: 'batchNorm' }, { id: `relu${i}`, layer: 'relu' });
    last = `relu${i}`;
    if (i % 2 === 1) {
      nodes.push({ id: `add${i}`, layer: 'add', inputs: [`relu${i}`, `relu${i - 1}`] });
      last = `add${i}`;
    }
  }
  while (nodes.length < 198) {
    nodes.push({ id: `tanh${nodes.length}`, layer: 'tanh', inputs: [last] });
    last = `tanh${nodes.length - 1}`;
  }
  nodes.push(
    { id: 'gap', layer: 'globalAvgPool2d', inputs: [last] },
    { id: 'out', layer: 'dense', props: { units: 10 } },
  );
  return { nodes };
}

describe('an edit of a network of 200 layers', () => {
  it('has its shapes, costs, receptive fields and faults in under 16 ms of processor time (95th percentile)', () => {
    const options = { inputShape: [1, 28, 28], classes: 10 } as const;
    const optimizer = { kind: 'sgd', learningRate: 0.1, momentum: 0.9 } as never;
    const times: number[] = [];
    for (let edit = 0; edit < 60; edit++) {
      // every other one breaks the first shortcut
      const document = large(edit % 2 === 0 ? 8 : 9);
      const start = processorTime();
      const checked = checkGraph(withBatchNorm(document, 'before'), options);
      describeGraph(checked);
      costOf(checked, { batchSize: 64, optimizer });
      withRepairs(document, checked, options);
      if (edit >= 10) times.push(processorTime() - start);
      expect(document.nodes).toHaveLength(200);
    }
    times.sort((a, b) => a - b);
    const p95 = times[Math.floor(times.length * 0.95)]!;
    console.log(`200 layers: median ${times[times.length >> 1]!.toFixed(2)} ms, 95th percentile ${p95.toFixed(2)} ms`);
    expect(p95).toBeLessThan(16 * slowness());
  });
});
