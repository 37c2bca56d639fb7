import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import { layerNames } from '../../../engine/layers/layerName.ts';
import { examples, image, classes } from '../models/examples.ts';
import { leastTime, slowness } from '../../processorTime.ts';

const options = { inputShape: image, classes };
const messages = (document: unknown): string[] => checkGraph(document, options).faults.map(({ message }) => message);
const chain = (...nodes: object[]): object => ({ nodes: [{ id: 'input', layer: 'input' }, ...nodes] });
const head = [
  { id: 'flat', layer: 'flatten' },
  { id: 'out', layer: 'dense', props: { units: 10 } },
];

describe('checkGraph on sound models', () => {
  it.each(Object.entries(examples))('accepts %s', (_name, document) => {
    const checked = checkGraph(document, options);
    expect(checked.faults).toEqual([]);
    expect(checked.ok).toBe(true);
    expect(checked.nodes.map(({ order }) => order)).toEqual(document.nodes.map((_, i) => i));
    expect(checked.nodes.at(-1)!.id).toBe(checked.outputId);
  });

  it('finds shapes, parameters and multiply-accumulates', () => {
    const { nodes } = checkGraph(examples.leNet, options);
    expect(
      nodes.map(({ id, outputShape, parameterCount, macs }) => [id, outputShape.join('×'), parameterCount, macs]),
    ).toEqual([
      ['input', '1×28×28', 0, 0],
      ['conv1', '6×28×28', 156, 117600],
      ['tanh1', '6×28×28', 0, 0],
      ['pool1', '6×14×14', 0, 0],
      ['conv2', '16×10×10', 2416, 240000],
      ['tanh2', '16×10×10', 0, 0],
      ['pool2', '16×5×5', 0, 0],
      ['flatten', '400', 0, 0],
      ['dense1', '120', 48120, 48000],
      ['tanh3', '120', 0, 0],
      ['dense2', '84', 10164, 10080],
      ['tanh4', '84', 0, 0],
      ['dense3', '10', 850, 840],
    ]);
  });

  it('fills in defaults and canonical forms', () => {
    const { nodes } = checkGraph(
      chain({ id: 'c', layer: 'conv2d', props: { kernel: 5, pads: [1, 2] } }, ...head),
      options,
    );
    expect(nodes[1]!.props).toEqual({
      filters: 32,
      kernel: [5, 5],
      stride: [1, 1],
      padding: 'valid',
      pads: [1, 2, 1, 2],
      dilation: [1, 1],
      groups: 1,
      bias: true,
      weightInit: { kind: 'he', distribution: 'normal', gain: 1 },
    });
  });

  it('sorts a list whose order is free, and keeps the order of one that is sorted', () => {
    const free = {
      nodes: [
        { id: 'out', layer: 'dense', inputs: ['flat'], props: { units: 10 } },
        { id: 'flat', layer: 'flatten', inputs: ['in'] },
        { id: 'in', layer: 'input' },
      ],
    };
    const checked = checkGraph(free, options);
    expect(checked.ok).toBe(true);
    expect(checked.nodes.map(({ id, place }) => [id, place])).toEqual([
      ['in', 2],
      ['flat', 1],
      ['out', 0],
    ]);
  });

  it('leaves the number of classes open if the data set is not known', () => {
    expect(
      checkGraph(chain({ id: 'f', layer: 'flatten' }, { id: 'd', layer: 'dense', props: { units: 3 } }), {
        inputShape: image,
      }).ok,
    ).toBe(true);
  });
});

describe('pooling that rounds up', () => {
  it.each([
    // size, kernel, stride, pads; as PyTorch counts them with ceil_mode
    [5, 2, 2, 0, 3],
    [6, 2, 2, 0, 3],
    [7, 3, 2, 0, 3],
    [8, 3, 2, 0, 4],
    [5, 3, 3, 1, 2],
    [6, 2, 3, 1, 3],
    [4, 2, 4, 1, 2],
    [3, 2, 4, 1, 1],
  ])('%i pixels, kernel %i, stride %i, pads %i: %i', (size, kernel, stride, pads, count) => {
    const props = { kernel, stride, padding: 'explicit', pads, ceilMode: true };
    const document = chain({ id: 'p', layer: 'maxPool2d', props }, ...head);
    const checked = checkGraph(document, { inputShape: [1, size, size], classes: 10 });
    expect(checked.nodes.find(({ id }) => id === 'p')?.outputShape).toEqual([1, count, count]);
  });
});

describe('checkGraph on faulty models', () => {
  it('names both shapes and says what to do', () => {
    expect(
      messages(chain({ id: 'conv1', layer: 'conv2d' }, { id: 'dense1', layer: 'dense', props: { units: 10 } })),
    ).toEqual([
      'dense1 takes features, but conv1 gives an image of 32×26×26; put a flatten or a global pooling between them.',
    ]);
    expect(messages(chain({ id: 'flat', layer: 'flatten' }, { id: 'conv1', layer: 'conv2d' }))).toEqual([
      'conv1 takes an image, but flat gives 784 features; put it before the flatten or global pooling, or remove it.',
    ]);
    expect(
      messages(
        chain(
          { id: 'p', layer: 'maxPool2d', props: { kernel: 7 } },
          { id: 'c', layer: 'conv2d', props: { kernel: 5 } },
          ...head,
        ),
      ),
    ).toEqual([
      'c looks at 5×5 pixels, but p gives 1×4×4; use a smaller kernel, padding "same", or less pooling before it.',
    ]);
    expect(
      messages(
        chain(
          { id: 'a', layer: 'conv2d', props: { filters: 4 } },
          { id: 'b', layer: 'conv2d', props: { filters: 4 } },
          { id: 'sum', layer: 'add', inputs: ['a', 'b'] },
          ...head,
        ),
      ),
    ).toEqual([
      'sum adds equal shapes, but a gives an image of 4×26×26 and b an image of 4×24×24; bring both to one shape, for instance with a 1×1 convolution on the shortcut.',
    ]);
    expect(
      messages(
        chain(
          { id: 'a', layer: 'conv2d', props: { filters: 6 } },
          { id: 'b', layer: 'conv2d', props: { filters: 8, groups: 4 } },
          ...head,
        ),
      ),
    ).toEqual(['b splits its input into 4 groups, but a gives 6×26×26; choose a number of groups that divides 6.']);
    expect(
      messages(
        chain(
          { id: 'c', layer: 'conv2d', props: { filters: 3, groups: 1 } },
          { id: 'd', layer: 'conv2d', props: { filters: 4, groups: 3 } },
          ...head,
        ),
      ),
    ).toEqual(['d splits 4 filters into 3 groups; choose a number of filters that 3 divides.']);
    expect(messages(chain({ id: 'p', layer: 'maxPool2d', props: { padding: 'explicit', pads: 2 } }, ...head))).toEqual([
      'p pads 2, 2, 2, 2 around a 2×2 kernel, so a window would see padding alone; use pads smaller than the kernel.',
    ]);
    expect(
      messages(chain({ id: 'a', layer: 'maxPool2d' }, { id: 'j', layer: 'concat', inputs: ['a', 'input'] }, ...head)),
    ).toEqual([
      'j joins images of one height and width, or features, but a gives an image of 1×14×14 and input an image of 1×28×28; bring them to one size with pooling, stride or padding.',
    ]);
  });

  it('tells where a normalisation or a resize does not fit', () => {
    const conv = { id: 'c', layer: 'conv2d', props: { filters: 6 } } as const;
    expect(messages(chain(conv, { id: 'n', layer: 'groupNorm', props: { groups: 4 } }, ...head))).toEqual([
      'n splits its input into 4 groups, but c gives 6×26×26; choose a number of groups that divides 6.',
    ]);
    const pool = { id: 'g', layer: 'globalAvgPool2d' } as const;
    const out = { id: 'out', layer: 'dense', props: { units: 10 } } as const;
    expect(messages(chain(conv, pool, { id: 'n', layer: 'groupNorm', props: { groups: 6 } }, out))).toEqual([
      'n would normalise single values, which makes each of them 0; use fewer groups.',
    ]);
    expect(messages(chain(pool, { id: 'n', layer: 'layerNorm' }, out))).toEqual([
      'n would normalise single values, which makes each of them 0; remove it.',
    ]);
    expect(messages(chain(pool, { id: 'r', layer: 'resize' }, out))).toEqual([
      'r takes an image, but g gives 1 feature; put it before the flatten or global pooling, or remove it.',
    ]);
  });

  it('tells what is wrong with the output', () => {
    expect(messages(chain({ id: 'f', layer: 'flatten' }, { id: 'd', layer: 'dense', props: { units: 12 } }))).toEqual([
      'The model ends in 12 outputs (d), but the data set has 10 classes; give the last dense layer 10 units.',
    ]);
    expect(messages(chain({ id: 'c', layer: 'conv2d' }))).toEqual([
      'The model ends in c with an image of 32×26×26, but must give 10 numbers, one per class; put a flatten or a global pooling and a dense layer behind it.',
    ]);
    expect(messages(chain(...head, { id: 'other', layer: 'dense', inputs: ['flat'], props: { units: 10 } }))).toEqual([
      'The model ends in 2 nodes, out and other; let others read all but one, or remove them.',
    ]);
    expect(messages({ nodes: [{ id: 'input', layer: 'input' }] })).toHaveLength(1);
    expect(
      checkGraph(
        {
          nodes: [
            { id: 'i', layer: 'input' },
            { id: 'f', layer: 'flatten' },
          ],
        },
        { inputShape: image },
      ).faults,
    ).toEqual([{ message: 'The model has nothing to learn; add a dense or convolution layer.' }]);
  });

  it('tells faults of the wiring', () => {
    expect(messages(chain({ id: 'c', layer: 'conv2d', inputs: ['imput'] }, ...head))).toEqual([
      'c reads "imput", which is not in the model; did you mean "input"?',
    ]);
    expect(messages(chain({ id: 'c', layer: 'relu', inputs: ['c'] }, ...head))).toEqual([
      'c reads itself; a layer reads the ones before it.',
    ]);
    expect(
      messages(
        chain(
          { id: 'a', layer: 'add', inputs: ['input', 'c'] },
          { id: 'b', layer: 'relu' },
          { id: 'c', layer: 'relu' },
          ...head,
        ),
      ),
    ).toEqual(['a → b → c → a is a cycle; take out one of these connections.']);
    expect(messages(chain({ id: 'a', layer: 'add' }, ...head))).toEqual([
      'a reads only input, but takes at least 2 nodes; connect another one.',
    ]);
    expect(
      messages(chain({ id: 'a', layer: 'relu' }, { id: 'b', layer: 'relu', inputs: ['input', 'a'] }, ...head)),
    ).toEqual(['b reads 2 nodes (input and a), but takes 1; join them with an add or concat before it.']);
    expect(
      messages(
        chain(...head, { id: 'lost', layer: 'relu', inputs: [] }, { id: 'sum', layer: 'add', inputs: ['out', 'lost'] }),
      ),
    ).toEqual(['lost reads no node, so nothing of the input reaches it; connect it or remove it.']);
    expect(messages({ nodes: [{ id: 'd', layer: 'dense', props: { units: 10 } }] })).toEqual([
      'The model has no input; add a node of layer "input" in front.',
    ]);
    expect(
      messages(
        chain({ id: 'second', layer: 'input' }, { id: 's', layer: 'add', inputs: ['input', 'second'] }, ...head),
      ),
    ).toEqual(['second is a second input beside input; a model has exactly one.']);
    expect(messages(chain({ id: 'flat', layer: 'flatten' }, ...head))).toEqual([
      'Two nodes are called "flat" (number 2 and 3 of the list); give one of them another id.',
    ]);
  });

  it('tells faults of properties, with the property', () => {
    const { faults } = checkGraph(
      chain(
        {
          id: 'c',
          layer: 'conv2d',
          props: { kernal: 3, stride: 0, filters: 1.5, padding: 'full', bias: 1, groups: '2' },
        },
        { id: 'b', layer: 'batchNorm', props: { momentum: 2, eps: null } },
        { id: 'd', layer: 'dropout', props: { p: NaN } },
        { id: 'p', layer: 'maxPool2d', props: { stride: null, kernel: [2, 2, 2] } },
        { id: 'r', layer: 'relu', props: { slope: 1 } },
        { id: 'f', layer: 'flatten' },
        { id: 'o', layer: 'dense', props: { units: 10, weightInit: { kind: 'normal', sd: 1 } } },
      ),
      options,
    );
    expect(faults.map(({ node, prop, message }) => `${node ?? ''}.${prop ?? ''}: ${message}`)).toEqual([
      'c.kernal: c has no property "kernal"; did you mean "kernel"?',
      'c.filters: c has filters 1.5; it takes a whole number from 1 to 65536.',
      'c.stride: c has stride 0; it takes a whole number or a pair [height, width] from 1 to 1024.',
      'c.padding: c has padding "full"; it takes one of valid, same, explicit.',
      'c.groups: c has groups "2"; it takes a whole number from 1 to 65536.',
      'c.bias: c has bias 1; it takes true or false.',
      'b.momentum: b has momentum 2; it takes a number from 0 to 1, or null (the average over all batches so far).',
      'b.eps: b has eps null; it takes a number from 1e-12 to 1.',
      'd.p: d has p NaN; it takes a number from 0 to 1.',
      'p.kernel: p has kernel [2, 2, 2]; it takes a whole number or a pair [height, width] from 1 to 1024.',
      'r.slope: r has no property "slope"; relu has none.',
      'o.weightInit: o has weightInit an object; it takes "normal" with std, without "sd".',
    ]);
  });

  it('tells every fault at once and nothing that only follows from another', () => {
    expect(
      messages(
        chain(
          { id: 'conv1', layer: 'conv3d' },
          { id: 'relu1', layer: 'relu' },
          { id: 'drop', layer: 'dropout', props: { p: -1 } },
          { id: 'dense1', layer: 'dense', props: { units: 0 } },
          { id: 'dense1', layer: 'dense' },
        ),
      ),
    ).toEqual([
      'conv1 is of an unknown layer "conv3d"; did you mean "conv2d"?',
      'drop has p -1; it takes a number from 0 to 1.',
      'Two nodes are called "dense1" (number 5 and 6 of the list); give one of them another id.',
      'dense1 has units 0; it takes a whole number from 1 to 65536.',
    ]);
  });

  it.each([
    [null, 'A model is an object with a list "nodes"; this document has none.'],
    [{ nodes: {} }, 'A model is an object with a list "nodes"; this document has none.'],
    [{ nodes: [] }, 'The model has no nodes; add a node of layer "input" and layers behind it.'],
    [{ nodes: { length: 3 } }, 'A model is an object with a list "nodes"; this document has none.'],
  ])('refuses %j', (document, message) => {
    expect(messages(document)).toEqual([message]);
  });

  it('refuses what no memory can hold, by arithmetic', () => {
    const wide = { units: 65536 };
    expect(
      messages(
        chain(
          { id: 'f', layer: 'flatten' },
          { id: 'a', layer: 'dense', props: wide },
          { id: 'b', layer: 'dense', props: wide },
          { id: 'c', layer: 'dense', props: { units: 10 } },
        ),
      ),
    ).toEqual(['b needs 4.3e+9 values in one tensor; make it smaller (at most 268435456).']);
  });

  it('looks at names of the prototype chain as at any other', () => {
    const document: unknown = JSON.parse(
      '{"nodes":[{"id":"__proto__","layer":"input"},{"id":"constructor","layer":"flatten"},{"id":"d","layer":"dense","props":{"units":10,"__proto__":1,"toString":2}}]}',
    );
    expect(messages(document)).toEqual([
      'd has no property "__proto__"; dense has units, bias, weightInit.',
      'd has no property "toString"; dense has units, bias, weightInit.',
    ]);
  });
});

describe('checkGraph on anything', () => {
  it('never throws on any JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (document) => {
        const { ok, faults } = checkGraph(document, options);
        expect(ok).toBe(faults.length === 0);
      }),
      { numRuns: 500 },
    );
  });

  it('never throws on what nearly is a model', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd', 'input', 'x y', '', '__proto__');
    const value = fc.oneof(
      fc.integer({ min: -2, max: 40 }),
      fc.double(),
      fc.boolean(),
      fc.constantFrom('same', 'explicit', 'he', 'normal', null),
      fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 }),
      fc.record({ kind: fc.constantFrom('he', 'normal', 'odd'), std: fc.double() }, { requiredKeys: ['kind'] }),
    );
    const prop = fc.constantFrom(
      'units',
      'filters',
      'kernel',
      'stride',
      'padding',
      'pads',
      'dilation',
      'groups',
      'bias',
      'weightInit',
      'p',
      'eps',
      'momentum',
      'slope',
      'odd',
    );
    const node = fc.record(
      {
        id: fc.oneof({ weight: 8, arbitrary: id }, { weight: 1, arbitrary: fc.jsonValue() }),
        layer: fc.oneof(
          { weight: 20, arbitrary: fc.constantFrom(...layerNames) },
          { weight: 1, arbitrary: fc.jsonValue() },
        ),
        inputs: fc.oneof(
          { weight: 8, arbitrary: fc.array(id, { maxLength: 3 }) },
          { weight: 1, arbitrary: fc.jsonValue() },
        ),
        props: fc.oneof(
          { weight: 8, arbitrary: fc.dictionary(prop, value, { maxKeys: 4 }) },
          { weight: 1, arbitrary: fc.jsonValue() },
        ),
      },
      { requiredKeys: ['id', 'layer'] },
    );
    fc.assert(
      fc.property(fc.array(node, { maxLength: 8 }), (nodes) => {
        const checked = checkGraph({ nodes }, options);
        expect(checked.ok).toBe(checked.faults.length === 0);
        for (const { message } of checked.faults) expect(message).toMatch(/^\S.*[.?]$/);
      }),
      { numRuns: 2000 },
    );
  });

  it('checks a chain of 10,000 nodes in under a second, in either order of the list', () => {
    const relus = Array.from({ length: 10_000 }, (_, i) => ({
      id: `relu${i}`,
      layer: 'relu',
      inputs: [i === 0 ? 'flat' : `relu${i - 1}`],
    }));
    const nodes = [
      { id: 'input', layer: 'input' },
      { id: 'flat', layer: 'flatten', inputs: ['input'] },
      ...relus,
      { id: 'out', layer: 'dense', inputs: ['relu9999'], props: { units: 10 } },
    ];
    for (const list of [nodes, [...nodes].reverse()]) {
      const time = leastTime(() => expect(checkGraph({ nodes: list }, options).ok).toBe(true), 2);
      expect(time).toBeLessThan(1000 * slowness());
    }
  });

  it('does not hang on giants that are broken in every way', () => {
    const nodes = Array.from({ length: 20_000 }, (_, i) => ({
      id: `n${i % 15_000}`,
      layer: 'add',
      inputs: [`n${(i * 7) % 15_000}`, `m${i}`, `n${(i + 1) % 15_000}`],
      props: { odd: i },
    }));
    const check = (): number => checkGraph({ nodes }, options).faults.length;
    expect(leastTime(() => expect(check()).toBeGreaterThan(40_000), 2)).toBeLessThan(5000 * slowness());
    const many = { id: 'sum', layer: 'add', inputs: Array.from({ length: 300_000 }, () => 'flat') };
    expect(checkGraph(chain({ id: 'flat', layer: 'flatten' }, many), options).faults).toHaveLength(1);
  });
});
