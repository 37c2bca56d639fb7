import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import { inputsOf, type GraphDocument, type NodeDocument } from '../../../engine/graph/document.ts';
import { withBatchNorm, withDropout } from '../../../engine/graph/transforms.ts';
import { classes, examples, image, mlp, residual, vgg } from '../models/examples.ts';
import { leastTime, slowness } from '../../processorTime.ts';

const options = { inputShape: image, classes };
const ids = ({ nodes }: GraphDocument): string => nodes.map(({ id }) => id).join(' ');
const node = ({ nodes }: GraphDocument, id: string): NodeDocument => nodes.find((each) => each.id === id)!;

/** Sound chains with shortcuts, without batch norm and dropout, written with and without explicit inputs. */
const documents = fc
  .array(
    fc.record({
      layer: fc.constantFrom('dense' as const, 'relu' as const, 'sigmoid' as const, 'gelu' as const, 'add' as const),
      explicit: fc.boolean(),
      bias: fc.constantFrom(undefined, true, false),
      back: fc.nat(5),
      bare: fc.constantFrom('absent', 'empty', 'given'),
    }),
    { maxLength: 12 },
  )
  .map((steps): GraphDocument => {
    const nodes: NodeDocument[] = [
      { id: 'input', layer: 'input' },
      { id: 'flat', layer: 'flatten' },
      { id: 'first', layer: 'dense' },
    ];
    const firstWide = 2;
    steps.forEach(({ layer, explicit, bias, back, bare }, i) => {
      const id = `${layer}${i}`;
      const before = nodes.at(-1)!.id;
      const inputs = explicit ? { inputs: [before] } : {};
      if (layer === 'add') {
        const other = nodes[Math.max(firstWide, nodes.length - 1 - back)]!.id;
        nodes.push({ id, layer, inputs: [before, other] });
      } else if (layer === 'dense') {
        const props =
          bare === 'absent' && bias === undefined
            ? {}
            : { props: { ...(bare === 'given' ? { units: 100 } : {}), ...(bias === undefined ? {} : { bias }) } };
        nodes.push({ id, layer, ...inputs, ...props });
      } else {
        nodes.push({ id, layer, ...inputs });
      }
    });
    nodes.push({ id: 'out', layer: 'dense', props: { units: 10 } });
    return { nodes };
  });

describe('withBatchNorm', () => {
  it('puts one between each dense layer and its activation, whose bias goes', () => {
    const before = withBatchNorm(mlp, 'before');
    expect(ids(before)).toBe('input flatten dense1 act1_bn act1 dense2 act2_bn act2 dense3 act3_bn act3 dense4');
    expect(node(before, 'dense1').props).toEqual({ units: 100, weightInit: { kind: 'normal', std: 0.1 }, bias: false });
    expect(node(before, 'dense4').props).toEqual({ units: 10 });
    expect(checkGraph(before, options).faults).toEqual([]);
  });

  it('puts one behind each activation, where biases stay', () => {
    const after = withBatchNorm(mlp, 'after');
    expect(ids(after)).toBe('input flatten dense1 act1 act1_bn dense2 act2 act2_bn dense3 act3 act3_bn dense4');
    expect(node(after, 'dense1').props).toEqual(node(mlp, 'dense1').props);
    expect(checkGraph(after, options).faults).toEqual([]);
  });

  it('takes all out and gives biases back that were left out for a drawn one', () => {
    const none = withBatchNorm(vgg, 'none');
    expect(none.nodes.some(({ layer }) => layer === 'batchNorm')).toBe(false);
    expect(node(none, 'conv1').props).toEqual({ filters: 32, padding: 'same' });
    expect(checkGraph(none, options).ok).toBe(true);
  });

  it('keeps a drawn one with its id and properties, wherever it goes', () => {
    const drawn: GraphDocument = {
      nodes: mlp.nodes.flatMap((each) =>
        each.id === 'act2' ? [{ id: 'mine', layer: 'batchNorm' as const, props: { momentum: 0.3 } }, each] : [each],
      ),
    };
    expect(ids(withBatchNorm(drawn, 'before'))).toContain('dense2 mine act2');
    const after = withBatchNorm(drawn, 'after');
    expect(ids(after)).toContain('dense2 act2 mine dense3');
    expect(node(after, 'mine').props).toEqual({ momentum: 0.3 });
  });

  it('leaves a drawn network as it is that has what is asked for', () => {
    const whole = withBatchNorm(vgg, 'before');
    expect(withBatchNorm(whole, 'before')).toEqual(whole);
    expect(ids(whole)).toContain('conv1 bn1 relu1 conv2 bn2 relu2');
    expect(whole.nodes.slice(0, 5)).toEqual(vgg.nodes.slice(0, 5));
  });

  it('reconnects every reader of an activation, shortcuts too', () => {
    const after = withBatchNorm(residual, 'after');
    expect(node(after, 'aSum').inputs).toEqual(['a2', 'stemNorm']);
    expect(node(after, 'shortcut').inputs).toEqual(['aRelu_bn']);
    expect(checkGraph(after, options).faults).toEqual([]);
  });

  it('keeps the bias of a layer that others read besides the batch norm', () => {
    const shared: GraphDocument = {
      nodes: [
        { id: 'input', layer: 'input' },
        { id: 'flat', layer: 'flatten' },
        { id: 'd', layer: 'dense' },
        { id: 'r', layer: 'relu' },
        { id: 'sum', layer: 'add', inputs: ['r', 'd'] },
        { id: 'out', layer: 'dense', props: { units: 10 } },
      ],
    };
    const before = withBatchNorm(shared, 'before');
    expect(node(before, 'd').props).toBeUndefined();
    expect(node(before, 'sum').inputs).toEqual(['r', 'd']);
  });

  it('spares an activation at the output, and never takes an id that is in use', () => {
    const taken: GraphDocument = {
      nodes: [
        { id: 'input', layer: 'input' },
        { id: 'a_bn', layer: 'flatten' },
        { id: 'd', layer: 'dense' },
        { id: 'a', layer: 'relu' },
        { id: 'out', layer: 'dense', props: { units: 10 } },
        { id: 'last', layer: 'sigmoid' },
      ],
    };
    expect(ids(withBatchNorm(taken, 'before'))).toBe('input a_bn d a_bn2 a out last');
    expect(ids(withDropout(taken, 0.5))).toBe('input a_bn d a a_dropout out last');
  });

  it('is undone by none: exactly the document from before', () => {
    fc.assert(
      fc.property(documents, (document) => {
        for (const place of ['before', 'after'] as const) {
          const changed = withBatchNorm(document, place);
          expect(checkGraph(changed, options).faults).toEqual([]);
          expect(withBatchNorm(changed, place)).toEqual(changed);
          expect(withBatchNorm(changed, 'none')).toEqual(document);
          expect(withBatchNorm(changed, place === 'before' ? 'after' : 'before')).toEqual(
            withBatchNorm(document, place === 'before' ? 'after' : 'before'),
          );
        }
        expect(withBatchNorm(document, 'none')).toEqual(document);
      }),
      { numRuns: 500 },
    );
  });

  it('puts exactly one right before or behind each activation that is read', () => {
    fc.assert(
      fc.property(documents, fc.constantFrom('before' as const, 'after' as const), (document, place) => {
        const { nodes } = withBatchNorm(document, place);
        const layerOf = new Map(nodes.map(({ id, layer }) => [id, layer]));
        const activations = nodes.filter(({ layer }) => ['relu', 'sigmoid', 'gelu'].includes(layer));
        expect(nodes.filter(({ layer }) => layer === 'batchNorm')).toHaveLength(activations.length);
        nodes.forEach((each, i) => {
          const reads = inputsOf(nodes, i).map((id) => layerOf.get(id));
          if (place === 'before' && activations.includes(each)) expect(reads).toEqual(['batchNorm']);
          if (place === 'after' && each.layer !== 'batchNorm') {
            expect(reads.some((layer) => ['relu', 'sigmoid', 'gelu'].includes(layer!))).toBe(false);
          }
        });
      }),
    );
  });

  it('never throws on documents with faults', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd');
    const layer = fc.constantFrom(
      'input' as const,
      'dense' as const,
      'relu' as const,
      'batchNorm' as const,
      'dropout' as const,
      'add' as const,
    );
    const nodes = fc.array(
      fc.record({ id, layer, inputs: fc.array(id, { maxLength: 2 }) }, { requiredKeys: ['id', 'layer'] }),
      { maxLength: 7 },
    );
    fc.assert(
      fc.property(nodes, (list) => {
        for (const place of ['none', 'before', 'after'] as const) withBatchNorm({ nodes: list }, place);
        withDropout({ nodes: list }, 0.5);
        withDropout({ nodes: list }, 0);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('withDropout', () => {
  it('puts one behind each activation but none at the output', () => {
    expect(ids(withDropout(mlp, 0.2))).toBe(
      'input flatten dense1 act1 act1_dropout dense2 act2 act2_dropout dense3 act3 act3_dropout dense4',
    );
    expect(node(withDropout(mlp, 0.2), 'act1_dropout').props).toEqual({ p: 0.2 });
  });

  it('stands behind a batch norm that follows the activation', () => {
    expect(ids(withDropout(withBatchNorm(mlp, 'after'), 0.2))).toContain('dense1 act1 act1_bn act1_dropout dense2');
    expect(ids(withBatchNorm(withDropout(mlp, 0.2), 'after'))).toContain('dense1 act1 act1_bn act1_dropout dense2');
  });

  it('replaces what was drawn, and keeps the id and so the draws of one that stood there', () => {
    const changed = withDropout(vgg, 0.1);
    expect(node(changed, 'dropout1').props).toEqual({ p: 0.1 });
    expect(ids(changed)).toContain('relu5 dropout1 dense2');
    const channel = withDropout(residual, 0.1);
    expect(channel.nodes.some(({ id }) => id === 'drop')).toBe(false);
    expect(checkGraph(channel, options).faults).toEqual([]);
  });

  it.each(Object.entries(examples))('keeps %s sound, and p = 0 takes all out', (_name, document) => {
    expect(checkGraph(withDropout(document, 0.3), options).faults).toEqual([]);
    const none = withDropout(document, 0);
    expect(none.nodes.some(({ layer }) => layer === 'dropout')).toBe(false);
    expect(checkGraph(none, options).faults).toEqual([]);
  });

  it('is undone by p = 0: exactly the document from before', () => {
    fc.assert(
      fc.property(documents, fc.double({ min: 0.01, max: 1, noNaN: true }), (document, p) => {
        const changed = withDropout(document, p);
        expect(checkGraph(changed, options).faults).toEqual([]);
        expect(withDropout(changed, p)).toEqual(changed);
        expect(withDropout(changed, 0)).toEqual(document);
        const both = withDropout(withBatchNorm(document, 'after'), p);
        expect(withBatchNorm(withDropout(both, 0), 'none')).toEqual(document);
      }),
    );
  });
});

describe('both on long chains', () => {
  it('transform 4,000 nodes in under two seconds', () => {
    const nodes: NodeDocument[] = [
      { id: 'input', layer: 'input' },
      { id: 'flat', layer: 'flatten' },
      ...Array.from({ length: 2000 }, (_, i): NodeDocument[] => [
        { id: `d${i}`, layer: 'dense' },
        { id: `r${i}`, layer: 'relu' },
      ]).flat(),
      { id: 'out', layer: 'dense', props: { units: 10 } },
    ];
    const changed = () => withDropout(withBatchNorm({ nodes }, 'before'), 0.5);
    const time = leastTime(() => expect(changed().nodes).toHaveLength(nodes.length + 4000), 2);
    expect(time).toBeLessThan(2000 * slowness());
  });
});
