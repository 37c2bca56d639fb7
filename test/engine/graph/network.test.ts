import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { withBatchNorm } from '../../../engine/graph/transforms.ts';
import {
  outputLayer,
  redundantBiases,
  withActivation,
  withDepth,
  withInitializer,
  withoutRedundantBiases,
  withWidth,
} from '../../../engine/graph/transforms/network.ts';
import { classes, examples, image, mlp, residual } from '../models/examples.ts';

const check = (document: GraphDocument) => checkGraph(document, { inputShape: image, classes });
const ids = ({ nodes }: GraphDocument): string[] => nodes.map(({ id }) => id);

describe.each(Object.entries(examples))('changes across %s', (_name, document) => {
  it('leave a sound network sound, and its ids as they are', () => {
    const changed = [
      withActivation(document, 'gelu'),
      withInitializer(document, { kind: 'glorot', distribution: 'uniform', gain: 1 }),
      withWidth(document, 2),
      withWidth(document, 0.5),
      withDepth(document, 3),
    ];
    expect(check(withoutRedundantBiases(withBatchNorm(document, 'before'))).faults).toEqual([]);
    for (const each of changed) {
      expect(check(each).faults).toEqual([]);
      expect(ids(each)).toEqual(expect.arrayContaining(ids(document)));
    }
    expect(withDepth(document, 1)).toEqual(document);
    expect(outputLayer(document)).toBeDefined();
  });
});

describe('changes', () => {
  it('swap every activation and nothing else', () => {
    const gelu = check(withActivation(residual, 'gelu')).nodes;
    expect(gelu.filter(({ layer }) => layer === 'relu')).toEqual([]);
    expect(gelu.map(({ outputShape }) => outputShape)).toEqual(
      check(residual).nodes.map(({ outputShape }) => outputShape),
    );
  });

  it('scale the hidden layers, not the classes', () => {
    const widths = (document: GraphDocument): number[] =>
      check(document)
        .nodes.filter(({ layer }) => layer === 'dense')
        .map(({ outputShape }) => outputShape[0]!);
    expect(widths(withWidth(mlp, 3))).toEqual(
      widths(mlp).map((width, i, all) => (i === all.length - 1 ? width : width * 3)),
    );
  });

  it('deepen: each hidden layer with what follows it, as often as asked', () => {
    const count = (document: GraphDocument): number =>
      check(document).nodes.filter(({ layer }) => layer === 'dense').length;
    const hidden = count(mlp) - 1;
    expect(count(withDepth(mlp, 3))).toBe(3 * hidden + 1);
  });

  it('find the biases that a batch norm makes void', () => {
    const document: GraphDocument = {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'conv', layer: 'conv2d', props: { filters: 8 } },
        { id: 'bn', layer: 'batchNorm' },
        { id: 'gap', layer: 'globalAvgPool2d' },
        { id: 'out', layer: 'dense', props: { units: 10 } },
      ],
    };
    expect(redundantBiases(document)).toEqual(['conv']);
    const without = withoutRedundantBiases(document);
    expect(redundantBiases(without)).toEqual([]);
    const parameters = (each: GraphDocument): number =>
      check(each).nodes.reduce((sum, node) => sum + node.parameterCount, 0);
    expect(parameters(document) - parameters(without)).toBe(8);
  });
});
