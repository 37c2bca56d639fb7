import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { withStem } from '../../../engine/graph/transforms/prepend.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { lowerForwardOnly } from '../../../engine/plan/forwardOnly.ts';
import { randomSize } from '../../../engine/ops/op.ts';
import { RandomStream, streamKind } from '../../../engine/random.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { sizeOf, type Shape, type TensorValues } from '../../../engine/tensor.ts';

const network: GraphDocument = {
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'conv1', layer: 'conv2d', props: { filters: 4, padding: 'same' } },
    { id: 'bn1', layer: 'batchNorm' },
    { id: 'tanh1', layer: 'tanh' },
    { id: 'conv2', layer: 'conv2d', props: { filters: 4, padding: 'same' } },
    { id: 'tanh2', layer: 'tanh' },
    { id: 'sum', layer: 'add', inputs: ['tanh1', 'tanh2'] },
    { id: 'pool', layer: 'globalAvgPool2d' },
    { id: 'out', layer: 'dense', props: { units: 3 } },
  ],
};
const small = [2, 6, 6] as const;
const large = [2, 12, 12] as const;
const ids = ({ nodes }: GraphDocument): string[] => nodes.map(({ id }) => id);

/** Values of every node in evaluation for one image. */
async function forward(
  document: GraphDocument,
  shape: Shape,
  image: Float32Array,
  weights: ReadonlyMap<string, TensorValues>,
): Promise<Map<string, Float32Array>> {
  const checked = checkGraph(document, { inputShape: shape });
  expect(checked.faults).toEqual([]);
  const plan = lowerForwardOnly(checked, 1, 'evaluate');
  const executable = await referenceBackend.compile(plan);
  for (const [name, id] of plan.handles.named) executable.write(id, weights.get(name)!);
  executable.write(plan.handles.input, image);
  executable.write(plan.handles.random, new Int32Array(randomSize));
  executable.run('forward');
  const values = new Map<string, Float32Array>();
  for (const node of checked.nodes) {
    const value = new Float32Array(sizeOf(node.outputShape));
    await executable.read(plan.handles.values.get(node.id)!, value);
    values.set(node.id, value);
  }
  await executable.dispose();
  return values;
}

function noise(size: number, salt: number): Float32Array {
  const values = new Float32Array(size);
  new RandomStream(salt, streamKind.noise).fillNormal(values);
  return values;
}

/** Values that no weight begins with, running statistics too. */
function weightsOf(document: GraphDocument, shape: Shape): Map<string, TensorValues> {
  const values = initialValues(checkGraph(document, { inputShape: shape }).nodes, 7);
  let salt = 1;
  for (const [name, each] of values) {
    const drawn = noise(each.length, salt++);
    each.set(name.endsWith('runningVar') ? drawn.map((value) => 0.5 + value * value) : drawn);
  }
  return values;
}

describe('a stem in front of a network', () => {
  it('stands behind the input, gives the channels that are expected, and leaves everything else as it was', () => {
    const made = withStem(network, { stem: { kind: 'pool' }, inputShape: small });
    expect(ids(made.document)).toEqual([
      'image',
      'stem_conv',
      'stem_bn',
      'stem_tanh',
      'stem_pool',
      ...ids(network).slice(1),
    ]);
    expect(made).toMatchObject({
      stem: ['stem_conv', 'stem_bn', 'stem_tanh', 'stem_pool'],
      dropped: [],
      receivers: ['conv1'],
      expected: [2, 6, 6],
    });
    expect(made.document.nodes[1]!.props).toMatchObject({ filters: 2, kernel: 3, padding: 'same', bias: false });
    // what was left to the default goes on being so
    expect(made.document.nodes.slice(5)).toEqual(network.nodes.slice(1));
    const checked = checkGraph(made.document, { inputShape: large });
    expect(checked.nodes.find(({ id }) => id === 'stem_pool')!.outputShape).toEqual([2, 6, 6]);
    expect(ids(network)).toHaveLength(9);
  });

  it('halves images of any size by a stride too', () => {
    for (const kernel of [3, 5]) {
      const made = withStem(network, { stem: { kind: 'stride', kernel }, inputShape: small });
      const checked = checkGraph(made.document, { inputShape: [2, 13, 12] });
      expect(checked.nodes.find(({ id }) => id === made.stem.at(-1))!.outputShape).toEqual([2, 7, 6]);
    }
  });

  it('takes the place of leading layers, with the channels of what stays', () => {
    const made = withStem(network, { stem: { kind: 'pool' }, drop: ['tanh1'], inputShape: small });
    expect(made).toMatchObject({
      dropped: ['conv1', 'bn1', 'tanh1'],
      receivers: ['conv2', 'sum'],
      expected: [4, 6, 6],
    });
    expect(made.document.nodes.find(({ id }) => id === 'sum')!.inputs).toEqual(['stem_pool', 'tanh2']);
    expect(checkGraph(made.document, { inputShape: large }).faults).toEqual([]);
    expect(
      checkGraph(made.document, { inputShape: large }).nodes.find(({ id }) => id === 'conv2')!.inputShapes,
    ).toEqual([[4, 6, 6]]);
  });

  it.each([
    ['pool', []],
    ['pool', ['tanh1']],
    ['stride', ['bn1']],
    ['pool', ['sum']],
  ] as const)(
    'of kind %s, with %j dropped, keeps what the network computes behind it, bit for bit',
    async (kind, drop) => {
      const made = withStem(network, { stem: { kind }, drop, inputShape: small });
      const weights = new Map([...weightsOf(made.document, large), ...weightsOf(network, small)]);
      const values = await forward(made.document, large, noise(sizeOf(large), 40), weights);
      const given = values.get(made.stem.at(-1)!)!;
      // the old network from the place of the cut on, with the stem's output as its image
      const cut = drop[0];
      const rest: GraphDocument = {
        nodes: network.nodes
          .filter(({ id }) => !made.dropped.includes(id))
          .map((node) => {
            const inputs = made.document.nodes.find(({ id }) => id === node.id)!.inputs;
            return inputs && node.id !== 'image'
              ? { ...node, inputs: inputs.map((id) => (made.stem.includes(id) ? 'image' : id)) }
              : node;
          }),
      };
      expect(cut === undefined || made.dropped.includes(cut)).toBe(true);
      const alone = await forward(rest, made.expected, given, weights);
      for (const id of ids(rest).slice(1)) expect(values.get(id), id).toEqual(alone.get(id));
    },
  );

  it('may be of layers of one own, which never take the weights of old ones by their names', () => {
    const own = [
      { id: 'first', layer: 'conv2d', props: { filters: 3, padding: 'same', stride: 2 } },
      { id: 'second', layer: 'conv2d', props: { filters: 2, padding: 'same' } },
    ] as const;
    const made = withStem(network, { stem: { kind: 'nodes', nodes: own }, inputShape: small });
    expect(made.stem).toEqual(['first', 'second']);
    expect(checkGraph(made.document, { inputShape: large }).faults).toEqual([]);
    const twice = withStem(made.document, { stem: { kind: 'pool' }, inputShape: large });
    const thrice = withStem(twice.document, { stem: { kind: 'pool' }, inputShape: [2, 24, 24] });
    expect(thrice.stem).toEqual(['stem_conv2', 'stem_bn2', 'stem_tanh2', 'stem_pool2']);
    // a dropped layer's name is not used again either: its weights lie in the source
    const dropped = withStem(twice.document, { stem: { kind: 'pool' }, drop: ['stem_pool'], inputShape: [2, 24, 24] });
    expect(dropped.stem[0]).toBe('stem_conv2');
  });

  it('is refused with the reason', () => {
    const refused = (options: Partial<Parameters<typeof withStem>[1]>, words: RegExp) =>
      expect(() => withStem(network, { stem: { kind: 'pool' }, inputShape: small, ...options })).toThrow(words);
    refused({ drop: ['nope', 'image', 'out'] }, /no node "nope".*\n.*image is the input.*\n.*out is the output/);
    refused({ drop: ['conv2'] }, /what stays reads tanh1 and conv2|what stays reads conv2 and tanh1/);
    refused({ drop: ['pool'] }, /reads 4, no image/);
    refused({ stem: { kind: 'nodes', nodes: [{ id: 'conv1', layer: 'relu' }] } }, /has a node "conv1" already/);
    refused({ stem: { kind: 'nodes', nodes: [{ id: 'a', layer: 'relu', inputs: ['conv2'] }] } }, /reads "conv2"/);
    expect(() => withStem({ nodes: network.nodes.slice(1) }, { stem: { kind: 'pool' }, inputShape: small })).toThrow(
      /no input/,
    );
  });

  it('leaves blocks whose layers all stay', () => {
    const blocks = [
      { id: 'a', title: 'A', copies: [['conv1', 'bn1', 'tanh1']] },
      { id: 'b', title: 'B', copies: [['conv2', 'tanh2']] },
    ];
    const made = withStem({ ...network, blocks }, { stem: { kind: 'pool' }, drop: ['tanh1'], inputShape: small });
    expect(made.document.blocks).toEqual([blocks[1]]);
  });
});
