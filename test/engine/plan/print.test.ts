import { describe, expect, it } from 'vitest';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { printPlan } from '../../../engine/plan/print.ts';
import { vgg } from '../models/examples.ts';
import { adam, lowered } from '../models/lowered.ts';

const small: GraphDocument = {
  nodes: [
    { id: 'input', layer: 'input' },
    { id: 'conv1', layer: 'conv2d', props: { filters: 4, bias: false } },
    { id: 'bn1', layer: 'batchNorm' },
    { id: 'relu1', layer: 'relu' },
    { id: 'conv2', layer: 'conv2d', props: { filters: 4, padding: 'same' } },
    { id: 'sum', layer: 'add', inputs: ['conv2', 'relu1'] },
    { id: 'drop', layer: 'dropout', props: { p: 0.25 } },
    { id: 'gap', layer: 'globalAvgPool2d' },
    { id: 'dense1', layer: 'dense', props: { units: 10 } },
  ],
};

describe('printPlan', () => {
  it('shows every segment op by op and the memory by role', () => {
    expect(printPlan(lowered(small, { optimizer: adam, trainImages: 60000, testImages: 10000 }))).toMatchSnapshot();
  });

  it('has a line per op and names the node', () => {
    const plan = lowered(vgg);
    const lines = printPlan(plan).split('\n');
    for (const { name, ops } of plan.segments) {
      const start = lines.indexOf(`segment ${name}: ${ops.length} ops`);
      ops.forEach(({ op, node }, i) => {
        const line = lines[start + 1 + i]!;
        expect(line).toContain(` ${op} `);
        if (node !== undefined) expect(line.endsWith(`@${node}`)).toBe(true);
      });
    }
  });
});
