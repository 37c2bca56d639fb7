import { describe, expect, it } from 'vitest';
import { blockFault, followEdit, groupNodes, repeatFault, setRepeats, ungroup } from '../../../engine/graph/blocks.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import { inputsOf, type GraphDocument } from '../../../engine/graph/document.ts';

const plain: GraphDocument = {
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'stem', layer: 'conv2d', props: { filters: 8, padding: 'same' } },
    { id: 'conv1', layer: 'conv2d', props: { filters: 8, padding: 'same' } },
    { id: 'relu1', layer: 'relu' },
    { id: 'add1', layer: 'add', inputs: ['relu1', 'stem'] },
    { id: 'gap', layer: 'globalAvgPool2d' },
    { id: 'out', layer: 'dense', props: { units: 10 } },
  ],
};
const block = (): GraphDocument => groupNodes(plain, ['add1', 'conv1', 'relu1'], 'Residual block');
const ids = (document: GraphDocument): string => document.nodes.map((node) => node.id).join(' ');
const reads = (document: GraphDocument, id: string): readonly string[] =>
  inputsOf(
    document.nodes,
    document.nodes.findIndex((node) => node.id === id),
  );
const check = (document: GraphDocument) => checkGraph(document, { inputShape: [1, 28, 28], classes: 10 });

describe('blocks', () => {
  it('name nodes and change none of them', () => {
    const grouped = block();
    expect(grouped.nodes).toEqual(plain.nodes);
    expect(grouped.blocks).toEqual([
      { id: 'Residual_block', title: 'Residual block', copies: [['conv1', 'relu1', 'add1']] },
    ]);
    expect(check(grouped)).toEqual(check(plain));
    expect(ungroup(grouped, 'Residual_block')).toEqual(plain);
  });

  it('refuse what cannot be folded up, in words', () => {
    expect(blockFault(plain, [])).toContain('Select');
    expect(blockFault(plain, ['image', 'stem'])).toContain('input');
    expect(blockFault(plain, ['stem', 'add1'])).toContain('relu1');
    expect(blockFault(block(), ['relu1', 'gap'])).toContain('Residual block');
    expect(groupNodes(plain, ['stem', 'add1'], 'No')).toBe(plain);
  });

  it('are repeated as plain nodes with prefixed ids, shortcut included, and back without a trace', () => {
    const three = setRepeats(block(), 'Residual_block', 3);
    expect(ids(three)).toBe(
      'image stem conv1 relu1 add1 Residual_block_2.conv1 Residual_block_2.relu1 Residual_block_2.add1 ' +
        'Residual_block_3.conv1 Residual_block_3.relu1 Residual_block_3.add1 gap out',
    );
    expect(reads(three, 'Residual_block_3.add1')).toEqual(['Residual_block_3.relu1', 'Residual_block_2.add1']);
    expect(reads(three, 'gap')).toEqual(['Residual_block_3.add1']);
    const { ok, nodes } = check(three);
    expect(ok).toBe(true);
    expect(nodes.filter((node) => node.layer === 'conv2d').map((node) => node.parameterCount)).toEqual([
      80, 584, 584, 584,
    ]);
    expect(setRepeats(three, 'Residual_block', 1)).toEqual(block());
  });

  it('cannot be repeated with two ends or two beginnings', () => {
    const two = groupNodes(plain, ['relu1', 'add1'], 'Two');
    expect(repeatFault(two, 'Two')).toContain('reads 2');
    expect(setRepeats(two, 'Two', 2)).toBe(two);
  });

  it('stay alike: a setting, a layer put in, a layer taken out', () => {
    const two = setRepeats(block(), 'Residual_block', 2);
    const edited = {
      ...two,
      nodes: two.nodes.map((node) =>
        node.id === 'Residual_block_2.conv1' ? { ...node, props: { ...node.props, kernel: [5, 5] } } : node,
      ),
    };
    const set = followEdit(two, edited);
    expect(set.nodes.find((node) => node.id === 'conv1')?.props).toMatchObject({ kernel: [5, 5] });

    const at = two.nodes.findIndex((node) => node.id === 'relu1');
    const inserted = { ...two, nodes: two.nodes.toSpliced(at, 0, { id: 'bn9', layer: 'batchNorm' as const }) };
    const put = followEdit(two, inserted);
    expect(put.blocks![0]!.copies).toEqual([
      ['conv1', 'bn9', 'relu1', 'add1'],
      ['Residual_block_2.conv1', 'Residual_block_2.bn9', 'Residual_block_2.relu1', 'Residual_block_2.add1'],
    ]);
    expect(check(put).ok).toBe(true);
    expect(reads(put, 'Residual_block_2.relu1')).toEqual(['Residual_block_2.bn9']);

    const removed = { ...put, nodes: put.nodes.filter((node) => node.id !== 'bn9') };
    expect(followEdit(put, removed)).toEqual(two);
  });

  it('go when their last node goes', () => {
    const without: GraphDocument = {
      ...block(),
      nodes: plain.nodes.filter((node) => !/^(conv1|relu1|add1)$/.test(node.id)),
    };
    expect(followEdit(block(), without)).not.toHaveProperty('blocks');
  });
});
