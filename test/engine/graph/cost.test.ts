import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import { costOf } from '../../../engine/graph/cost.ts';
import { describeGraph } from '../../../engine/graph/describe.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { branches, classes, image, leNet, mlp, vgg } from '../models/examples.ts';

const options = { inputShape: image, classes };

describe('costOf', () => {
  it('counts the 3×100 network by hand', () => {
    const sgd = { kind: 'sgd', momentum: 0 } as const;
    const parameters = 784 * 100 + 100 + 2 * (100 * 100 + 100) + 100 * 10 + 10;
    const macs = 784 * 100 + 2 * 100 * 100 + 100 * 10;
    expect(costOf(checkGraph(mlp, options), { batchSize: 60, optimizer: sgd })).toEqual({
      parameters,
      macsPerImage: macs,
      // The first layer's input needs no gradient.
      trainingMacsPerImage: 3 * macs - 784 * 100,
      parameterBytes: 4 * parameters,
      gradientBytes: 4 * parameters,
      optimizerBytes: 0,
      bufferBytes: 0,
      activationBytes: 4 * 60 * (784 + 784 + 6 * 100 + 10),
    });
  });

  it('counts the state of the optimiser', () => {
    const checked = checkGraph(vgg, options);
    const bytes = (optimizer: Parameters<typeof costOf>[1]['optimizer']): number =>
      costOf(checked, { batchSize: 1, optimizer }).optimizerBytes /
      costOf(checked, { batchSize: 1, optimizer }).parameterBytes;
    expect(bytes({ kind: 'sgd', momentum: 0 })).toBe(0);
    expect(bytes({ kind: 'sgd', momentum: 0.9 })).toBe(1);
    expect(bytes({ kind: 'adam' })).toBe(2);
    expect(costOf(checked, { batchSize: 1, optimizer: { kind: 'adam' } }).bufferBytes).toBe(
      4 * 2 * (32 + 32 + 64 + 64),
    );
  });
});

describe('describeGraph', () => {
  it('says what each node is', () => {
    const rows = describeGraph(checkGraph(leNet, options));
    expect(rows.map(({ id, properties, receptiveField }) => [id, properties, receptiveField.join('×')])).toEqual([
      ['input', '', '1×1'],
      ['conv1', '6 filters, 5×5, same', '5×5'],
      ['tanh1', '', '5×5'],
      ['pool1', '2×2', '6×6'],
      ['conv2', '16 filters, 5×5', '14×14'],
      ['tanh2', '', '14×14'],
      ['pool2', '2×2', '16×16'],
      ['flatten', '', '28×28'],
      ['dense1', '120 units', '28×28'],
      ['tanh3', '', '28×28'],
      ['dense2', '84 units', '28×28'],
      ['tanh4', '', '28×28'],
      ['dense3', '10 units', '28×28'],
    ]);
  });

  it('counts dilation, branches and properties that differ', () => {
    const rows = describeGraph(checkGraph(branches, options));
    const of = (id: string): unknown[] => {
      const { properties, receptiveField } = rows.find((row) => row.id === id)!;
      return [properties, receptiveField.join('×')];
    };
    expect(of('inputNorm')).toEqual(['cumulative, no gamma and beta', '1×1']);
    expect(of('wide')).toEqual(['4 filters, 3×3, dilation 2, same', '5×5']);
    expect(of('narrow')).toEqual(['4 filters, 1×2, same', '1×2']);
    expect(of('join')).toEqual(['', '5×5']);
    expect(of('pool')).toEqual(['3×3, stride 2, pads 1 1 1 1', '7×7']);
    expect(of('logits')).toEqual(['10 units, Glorot normal', '28×28']);
  });

  it('describes what is known of a faulty model', () => {
    const faulty: GraphDocument = { nodes: [...leNet.nodes.slice(0, 5), { id: 'd', layer: 'dense' }] };
    expect(describeGraph(checkGraph(faulty, options)).map(({ id }) => id)).toEqual([
      'input',
      'conv1',
      'tanh1',
      'pool1',
      'conv2',
    ]);
  });
});
