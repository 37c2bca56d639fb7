import { describe, expect, it } from 'vitest';
import { diffGraphs, type GraphDiff } from '../../../engine/graph/diff.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { withBatchNorm } from '../../../engine/graph/transforms.ts';
import { examples, image } from '../models/examples.ts';
import { leastTime, slowness } from '../../processorTime.ts';

const options = { before: { inputShape: image }, after: { inputShape: image } };
const words = ({ entries }: GraphDiff): string[] =>
  entries
    .filter(({ kind }) => kind !== 'same')
    .map(({ kind, before, after, changes }) =>
      [kind, before?.id ?? after?.id, ...changes.map(({ name }) => name)].join(' '),
    );
const nodes = (...list: GraphDocument['nodes']): GraphDocument => ({ nodes: list });

describe('the difference of two models', () => {
  it.each(Object.entries(examples))('is nothing for a model and itself: %s', (_name, graph) => {
    const diff = diffGraphs(graph, graph, options);
    expect(words(diff)).toEqual([]);
    expect(diff.entries.every(({ matched }) => matched === 'id')).toBe(true);
    expect(diff.before).toEqual(diff.after);
  });

  it('of BatchNorm across a network is the layers that came, the biases that went, and rewired readers', () => {
    const diff = diffGraphs(examples.mlp, withBatchNorm(examples.mlp, 'before'), options);
    expect(words(diff)).toEqual([
      'changed dense1 bias',
      'added act1_bn',
      'changed act1 inputs',
      'changed dense2 bias',
      'added act2_bn',
      'changed act2 inputs',
      'changed dense3 bias',
      'added act3_bn',
      'changed act3 inputs',
    ]);
    expect(diff.after.parameters! - diff.before.parameters!).toBe(300);
    const back = diffGraphs(withBatchNorm(examples.mlp, 'before'), examples.mlp, options);
    expect(words(back).filter((each) => each.startsWith('removed'))).toHaveLength(3);
  });

  it('writes defaults and short forms out before it compares', () => {
    const a = nodes({ id: 'in', layer: 'input' }, { id: 'c', layer: 'conv2d', props: { kernel: 3 } });
    const b = nodes(
      { id: 'in', layer: 'input' },
      { id: 'c', layer: 'conv2d', inputs: ['in'], props: { kernel: [3, 3], bias: true } },
    );
    expect(words(diffGraphs(a, b, options))).toEqual([]);
  });

  it('finds renamed layers by their structure, equal ones first', () => {
    const a = nodes(
      { id: 'in', layer: 'input' },
      { id: 'f', layer: 'flatten' },
      { id: 'd1', layer: 'dense', props: { units: 50 } },
      { id: 'd2', layer: 'dense', props: { units: 10 } },
    );
    const b = nodes(
      { id: 'in', layer: 'input' },
      { id: 'flat', layer: 'flatten' },
      { id: 'new', layer: 'dense', props: { units: 99 } },
      { id: 'hidden', layer: 'dense', props: { units: 50 } },
      { id: 'out', layer: 'dense', props: { units: 12 } },
    );
    const diff = diffGraphs(a, b, options);
    expect(diff.entries.map(({ kind, before, after, matched }) => [kind, before?.id, after?.id, matched])).toEqual([
      ['same', 'in', 'in', 'id'],
      ['same', 'f', 'flat', 'structure'],
      ['added', undefined, 'new', null],
      ['changed', 'd1', 'hidden', 'structure'],
      ['changed', 'd2', 'out', 'structure'],
    ]);
    expect(diff.entries[3]!.changes.map(({ name }) => name)).toEqual(['inputs']);
    expect(diff.entries[4]!.changes).toEqual([{ name: 'units', before: 10, after: 12 }]);
  });

  it('tells of another layer under the same name, and compares faulty models as far as they can be read', () => {
    const a = nodes({ id: 'in', layer: 'input' }, { id: 'x', layer: 'relu' }, { id: 'd', layer: 'dense' });
    const b = nodes({ id: 'in', layer: 'input' }, { id: 'x', layer: 'tanh' }, { id: 'd', layer: 'nonsense' as never });
    const diff = diffGraphs(a, b, options);
    expect(words(diff)).toEqual(['changed x layer', 'changed d layer']);
    expect(diff.after.parameters).toBeNull();
  });

  it('takes milliseconds for hundreds of layers', () => {
    const chain = (prefix: string): GraphDocument =>
      nodes(
        { id: 'in', layer: 'input' },
        ...Array.from({ length: 800 }, (_, i) => ({ id: `${prefix}${i}`, layer: i % 2 ? 'relu' : 'tanh' }) as const),
      );
    const time = leastTime(() => expect(words(diffGraphs(chain('a'), chain('b'), options))).toEqual([]));
    expect(time).toBeLessThan(500 * slowness());
  });
});
