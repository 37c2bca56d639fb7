import { describe, expect, it } from 'vitest';
import { checkGraph, type CheckedGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import { prependStages } from '../../../engine/train/prependStages.ts';
import { transferFaults, transferReport, type SourceTensor } from '../../../engine/train/transfer.ts';
import { cnn } from './jobs.ts';

const check = (document: GraphDocument, inputShape = [1, 6, 5]): CheckedGraph => checkGraph(document, { inputShape });

/** Every tensor of a network, as its checkpoint would hold it. */
const tensorsOf = ({ nodes }: CheckedGraph): SourceTensor[] =>
  nodes.flatMap(({ id, parameters, buffers }) =>
    [...parameters, ...buffers].map(({ name, shape }) => ({ name: `${id}.${name}`, shape })),
  );

const plain = { map: {}, fresh: [] };
const once = [{ frozen: [], frozenBatchNorm: 'running' as const }];
const source = tensorsOf(check(cnn));
const changed = (id: string, props: object): GraphDocument => ({
  nodes: cnn.nodes.map((node) => (node.id === id ? { ...node, props: { ...node.props, ...props } } : node)),
});

describe('the report of a transfer', () => {
  it('of a network to itself reuses all', () => {
    const report = transferReport(source, check(cnn), plain, once);
    expect(report.nodes.map(({ node, state }) => [node, state])).toEqual([
      ['conv', 'reused'],
      ['norm', 'reused'],
      ['conv2', 'reused'],
      ['out', 'reused'],
    ]);
    // 5 · 9 + 5, 2 · 5, 5 · 5 · 9 + 5, 3 · 5 + 3
    expect(report.totals).toEqual({
      parameters: 308,
      reused: 308,
      new: 0,
      discarded: 0,
      frozen: [{ reused: 0, new: 0 }],
    });
    expect(report.discarded).toEqual([]);
  });

  it('names both shapes, and takes nothing of a node of which one tensor does not fit', () => {
    const { nodes, discarded, totals } = transferReport(source, check(cnn, [3, 6, 5]), plain, once);
    const conv = nodes.find(({ node }) => node === 'conv')!;
    expect(conv).toMatchObject({ state: 'new', from: null, parameters: 140, reusedParameters: 0 });
    expect(conv.tensors).toEqual([
      {
        name: 'conv.weight',
        shape: [5, 3, 3, 3],
        kind: 'parameter',
        state: 'new',
        from: 'conv.weight',
        reason: 'shape',
        sourceShape: [5, 1, 3, 3],
      },
      {
        name: 'conv.bias',
        shape: [5],
        kind: 'parameter',
        state: 'new',
        from: 'conv.bias',
        reason: 'node',
        sourceShape: null,
      },
    ]);
    expect(discarded).toEqual([
      { name: 'conv.weight', shape: [5, 1, 3, 3], reason: 'shape' },
      { name: 'conv.bias', shape: [5], reason: 'node' },
    ]);
    expect(totals).toMatchObject({ parameters: 398, reused: 258, new: 140, discarded: 50 });
  });

  it('takes what is there of a node that has got more', () => {
    const bare = tensorsOf(check(changed('conv', { bias: false })));
    const { nodes } = transferReport(bare, check(cnn), plain, once);
    const conv = nodes.find(({ node }) => node === 'conv')!;
    expect(conv).toMatchObject({ state: 'partly', from: 'conv', parameters: 50, reusedParameters: 45 });
    expect(conv.tensors.map(({ name, reason }) => [name, reason])).toEqual([
      ['conv.weight', null],
      ['conv.bias', 'absent'],
    ]);
  });

  it('tells what is frozen in which stage, and what batch norms normalise with', () => {
    const stages = prependStages({
      reused: ['norm', 'conv2', 'out'],
      batchNorm: 'batch',
      imageSize: null,
      batchSize: 8,
      lengths: [{ epochs: 1 }, { epochs: 2 }],
      learningRateFactors: [1, 0.1],
    });
    const { nodes, totals } = transferReport(source, check(cnn), { ...plain, fresh: ['out'] }, stages);
    const of = (id: string) => nodes.find(({ node }) => node === id)!;
    expect(of('conv')).toMatchObject({ frozen: [false, false], statistics: null });
    expect(of('norm')).toMatchObject({ frozen: [true, false], statistics: ['batch', 'batch'] });
    expect(of('out')).toMatchObject({ state: 'new', frozen: [true, false] });
    expect(totals.frozen).toEqual([
      { reused: 240, new: 18 },
      { reused: 0, new: 0 },
    ]);
    const running = [{ frozen: ['norm'], frozenBatchNorm: 'running' as const }];
    expect(transferReport(source, check(cnn), plain, running).nodes[1]!.statistics).toEqual(['running']);
  });

  it('has one stage where there is nothing to freeze', () => {
    const options = { batchNorm: 'running', imageSize: [28, 28], batchSize: 8 } as const;
    const lengths = [{ epochs: 1 }, { epochs: 2 }] as const;
    const stages = prependStages({ ...options, reused: [], lengths, learningRateFactors: [1, 0.1] });
    expect(stages).toHaveLength(1);
    expect(stages[0]).toMatchObject({ length: { epochs: 2 }, learningRateFactor: 0.1, frozen: [] });
  });

  it('names all faults of a map', () => {
    const settings = { map: { conv: 'gone', nope: 'conv', relu: 'conv' }, fresh: ['conv', 'missing'] };
    expect(transferFaults(source, check(cnn), settings).map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^start\.map\.conv: there is no "gone" to take weights from; the source has weights for conv, norm, conv2, out\.$/,
      ),
      expect.stringMatching(/^start\.map\.conv: conv is among start\.fresh too/),
      expect.stringMatching(/^start\.map\.nope: the model has no node "nope"/),
      expect.stringMatching(/^start\.map\.relu: relu \(relu\) has no weights/),
      expect.stringMatching(/^start\.fresh\[1\]: the model has no node "missing"/),
    ]);
    expect(transferFaults([], check(cnn), plain)[0]!.message).toMatch(/^start: nothing of the source fits this model/);
  });

  it('accounts for every tensor once, whatever is changed, renamed and drawn anew', () => {
    const stream = new RandomStream(5, streamKind.noise);
    const chance = (p: number): boolean => stream.uniform() < p;
    for (let trial = 0; trial < 60; trial++) {
      // two chains of the same names but for some, with widths that agree or do not
      const chain = (rename: boolean): GraphDocument => ({
        nodes: [
          { id: 'image', layer: 'input' },
          ...Array.from({ length: 4 }, (_, i) => [
            {
              id: rename && chance(0.3) ? `other${i}` : `conv${i}`,
              layer: 'conv2d' as const,
              props: { filters: 2 + stream.below(2), padding: 'same', bias: chance(0.7) },
            },
            ...(chance(0.5) ? [{ id: `bn${i}`, layer: 'batchNorm' as const, props: { affine: chance(0.7) } }] : []),
          ]).flat(),
          { id: 'pool', layer: 'globalAvgPool2d' as const },
          { id: 'out', layer: 'dense' as const, props: { units: 2 + stream.below(2) } },
        ],
      });
      const [there, here] = [check(chain(false)), check(chain(true))];
      const tensors = tensorsOf(there);
      const own = here.nodes.filter(({ parameters, buffers }) => parameters.length + buffers.length > 0);
      const map = Object.fromEntries(own.filter(() => chance(0.2)).map(({ id }) => [id, `conv${stream.below(4)}`]));
      const fresh = own.map(({ id }) => id).filter((id) => !Object.hasOwn(map, id) && chance(0.2));
      const report = transferReport(tensors, here, { map, fresh }, once);
      const all = report.nodes.flatMap((node) => node.tensors);
      expect(all.map(({ name }) => name).sort()).toEqual(
        tensorsOf(here)
          .map(({ name }) => name)
          .sort(),
      );
      const shapes = new Map(tensors.map(({ name, shape }) => [name, shape.join()]));
      const taken = new Set(all.filter(({ state }) => state === 'reused').map(({ from }) => from!));
      for (const { state, from, shape, reason } of all) {
        if (state === 'reused') expect([shapes.get(from!), reason]).toEqual([shape.join(), null]);
        else expect(reason).not.toBeNull();
      }
      // a tensor of the source is taken or discarded, never both and never neither
      expect([...taken, ...report.discarded.map(({ name }) => name)].sort()).toEqual(
        tensors.map(({ name }) => name).sort(),
      );
      const { parameters, reused, new: drawn } = report.totals;
      expect(parameters).toBe(own.reduce((sum, node) => sum + node.parameterCount, 0));
      expect(reused + drawn).toBe(parameters);
      const counted = all.filter(({ state, kind }) => state === 'reused' && kind === 'parameter');
      expect(reused).toBe(counted.reduce((sum, { shape }) => sum + sizeOf(shape), 0));
    }
  });
});
