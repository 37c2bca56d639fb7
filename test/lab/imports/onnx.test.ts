import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { LabError } from '../../../lab/contract/errors.ts';
import { exportModel } from '../../../lab/exports/model.ts';
import { encodeOnnx, onnxModel } from '../../../lab/exports/onnx/export.ts';
import { modelSchema, type OnnxModel, type OnnxNode } from '../../../lab/exports/onnx/proto.ts';
import { decodeMessage, encodeMessage } from '../../../lab/exports/onnx/wire.ts';
import { importModel } from '../../../lab/imports/index.ts';
import { modelSchema as documentSchema } from '../../../lab/imports/model.ts';
import { forward, images, largestDifference, withWeights } from '../exports/forward.ts';
import { trials } from '../exports/trials.ts';

const options = { version: 'test' };
/** The same file as another program might have written it. */
const foreign = (bytes: Uint8Array, change: (model: OnnxModel) => OnnxModel = (model) => model): Uint8Array => {
  const model = decodeMessage(modelSchema, bytes, 'file') as OnnxModel;
  return encodeMessage(modelSchema, change({ ...model, metadataProps: [] }));
};
const small = trials.find(({ name }) => name === 'branches that are added and joined')!;

/** What the import says about bytes that are no model. */
function refusalOf(bytes: Uint8Array, file = 'net.onnx'): string {
  try {
    importModel(bytes, file);
  } catch (error) {
    expect(error).toBeInstanceOf(LabError);
    expect((error as LabError).code).toBe('invalid');
    expect((error as LabError).message).toContain(file);
    return (error as LabError).message;
  }
  throw new Error('it was imported');
}

describe('an ONNX file of this lab', () => {
  it.each(trials)('comes back as the same document with the same weights: $name', (trial) => {
    const model = withWeights(trial);
    const imported = importModel(encodeOnnx(model, options), 'net.onnx');
    expect(imported.model).toEqual(documentSchema.parse(trial.graph));
    expect(imported.notes).toEqual([]);
    expect(imported.inputShape).toEqual(trial.inputShape);
    for (const { name, values } of imported.weights!) expect(values).toEqual(model.weights!.get(name)!.values);
    const counts = [...model.weights!.keys()].filter((name) => name.endsWith('.batchesTracked')).length;
    expect(imported.weights!.length).toBe(model.weights!.size - counts);
  });

  it('is not believed where its operators were changed', () => {
    const bytes = encodeOnnx(withWeights(small), options);
    const model = decodeMessage(modelSchema, bytes, 'file') as OnnxModel;
    const node = model.graph!.node.map((each) =>
      each.opType === 'GlobalAveragePool' ? { ...each, opType: 'GlobalMaxPool' } : each,
    );
    const text = refusalOf(encodeMessage(modelSchema, { ...model, graph: { ...model.graph!, node } }));
    expect(text).toContain('the operator GlobalMaxPool is not supported ("pool")');
  });
});

/** What ONNX cannot say, or says with several operators that only our own document joins. */
const oneWay = [
  'average pooling rounded up, counting padding',
  'average pooling rounded up, lopsided',
  'nearest',
  'nearest where a float would slip',
  'area',
  'group norm of features',
  'small',
];

/** Nothing in them that smaller trials lack; the forward passes would take longer than all others together. */
const large = ['vgg', 'leNet', 'mlp', 'cnn-fashion', 'vgg-small', 'global-pooling'];

describe('an ONNX file of another program', () => {
  it.each(trials.filter(({ name }) => !oneWay.includes(name) && !large.includes(name)))(
    'computes the same: $name',
    async (trial) => {
      const model = withWeights(trial);
      const imported = importModel(foreign(encodeOnnx(model, options)), 'net.onnx');
      const graph = { nodes: imported.model.nodes } as GraphDocument;
      const weights = new Map(imported.weights!.map((tensor) => [tensor.name, tensor]));
      const again = exportModel({ ...model, graph, weights });
      const { pixels } = images(trial.inputShape, 2);
      expect(largestDifference(await forward(again, pixels, 2), await forward(model, pixels, 2))).toBeLessThan(1e-5);
    },
  );

  const image = (nodes: readonly OnnxNode[], more: Partial<NonNullable<OnnxModel['graph']>> = {}): Uint8Array => {
    const base = onnxModel(withWeights(trials.find(({ name }) => name === 'plain convolution')!), options);
    return encodeMessage(modelSchema, { ...base, metadataProps: [], graph: { ...base.graph!, node: nodes, ...more } });
  };
  const op = (opType: string, input: string[], output: string, name = output): OnnxNode => ({
    opType,
    name,
    input,
    output: [output],
    attribute: [],
  });

  it('names all operators that are not supported at once, each with its nodes', () => {
    const text = refusalOf(
      image([
        op('Einsum', ['input'], 'a'),
        op('Transpose', ['a'], 'b'),
        op('Einsum', ['b'], 'c'),
        op('Flatten', ['c'], 'logits'),
      ]),
    );
    expect(text).toContain('the operator Einsum is not supported ("a", "c")');
    expect(text).toContain('the operator Transpose is not supported ("b")');
    expect(text).not.toContain('Flatten');
  });

  const attribute = (name: string, value: number | string | readonly number[]): OnnxNode['attribute'][number] => ({
    name,
    floats: [],
    ints: typeof value === 'object' ? value : [],
    ...(typeof value === 'number' && (Number.isInteger(value) ? { i: value, f: value } : { f: value })),
    ...(typeof value === 'string' && { s: new TextEncoder().encode(value) }),
  });
  const withAttributes = (
    node: OnnxNode,
    attributes: Readonly<Record<string, number | string | number[]>>,
  ): OnnxNode => ({
    ...node,
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
  });
  const values = (name: string, dims: number[], dataType = 1, more: object = {}) => ({
    name,
    dims,
    dataType,
    floatData: dataType === 1 ? Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => 0.1) : [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    externalData: [],
    ...more,
  });
  /** `node` between the input (4×10×8) and a dense layer. */
  const through = (node: OnnxNode, initializer: object[] = [], dense: object = values('w', [10, 320])): Uint8Array =>
    image(
      [
        node,
        op('Flatten', [node.output[0]!], 'flat'),
        withAttributes(op('Gemm', ['flat', 'w'], 'logits'), { transB: 1 }),
      ],
      {
        initializer: [dense, ...initializer] as never,
      },
    );

  it('says what to do about operators that are not supported, once for those with the same remedy', () => {
    const chain = image([
      op('Shape', ['input'], 'shape'),
      op('Gather', ['shape'], 'batch'),
      op('Unsqueeze', ['batch'], 'row'),
      op('Reshape', ['input', 'row'], 'flat'),
      op('Einsum', ['flat'], 'logits'),
    ]);
    expect(refusalOf(chain).split('\n').slice(1)).toEqual([
      '- the operator Einsum is not supported ("logits").',
      expect.stringMatching(
        /^- the operators Shape \("shape"\), Gather \("batch"\), Unsqueeze \("row"\) are not supported: .*flatten\(1\)/,
      ),
      '- What computes Einsum has to be replaced before the model is exported; docs/formats.md lists the operators that are read.',
    ]);
    const fused = { ...op('FusedConv', ['input'], 'z'), domain: 'com.microsoft' };
    expect(refusalOf(through(fused))).toMatch(
      /the operator com\.microsoft\.FusedConv is not supported \("z"\): .*another program/,
    );
    expect(refusalOf(through(op('Transpose', ['input'], 'z')))).toContain('[N, channels, height, width]');
    expect(refusalOf(through(op('Softmax', ['input'], 'z')))).toContain('read at the output alone');
  });

  it.each<[string, string[], Readonly<Record<string, number | string | number[]>>, RegExp]>([
    ['Relu', [], { threshold: 2 }, /its attribute "threshold" is not known here/],
    ['Selu', [], { alpha: 2.5 }, /its alpha is 2\.5; only 1\.67326 is supported/],
    ['Swish', [], { alpha: 1.5 }, /its alpha is 1\.5; only 1 is supported/],
    ['Cast', [], { to: 6 }, /only casts between floats/],
    ['BatchNormalization', ['c', 'c', 'c', 'c'], { spatial: 0 }, /spatial 0/],
    [
      'Resize',
      ['', '', 'size'],
      { mode: 'linear', keep_aspect_ratio_policy: 'not_larger' },
      /aspect ratio \(not_larger\)/,
    ],
    ['MaxPool', [], { kernel_shape: [2, 2], dilations: [2, 2] }, /pooling with gaps \(dilations\)/],
    ['Conv', ['line'], {}, /its weight has 3 axes; convolutions over images have 4/],
  ])('names node, operator and attribute of a %s that computes something else', (opType, others, attributes, words) => {
    const initializer = [
      values('c', [4]),
      values('line', [4, 4, 3]),
      values('size', [4], 7, { int64Data: [1, 4, 5, 5] }),
    ];
    const text = refusalOf(through(withAttributes(op(opType, ['input', ...others], 'odd'), attributes), initializer));
    expect(text).toMatch(words);
    expect(text).toContain(`- node "odd" (${opType}): `);
    // without them, or with those that mean nothing here, it is read
    if (opType === 'Conv') return;
    const { kernel_shape: kernel, mode } = attributes;
    const plain = { stash_type: 1, seed: 3, ...(kernel && { kernel_shape: [1, 1] }), ...(mode && { mode }) };
    const size = values('size', [4], 7, { int64Data: [1, 4, 10, 8] });
    const bytes = through(withAttributes(op(opType, ['input', ...others], 'odd'), plain), [values('c', [4]), size]);
    expect(importModel(bytes, 'net.onnx').inputShape).toEqual([4, 10, 8]);
  });

  it('takes a softmax at the output for what the loss does only along the classes', () => {
    const last = (axis: number): Uint8Array =>
      image(
        [
          op('Flatten', ['input'], 'flat'),
          withAttributes(op('Gemm', ['flat', 'w'], 'sums'), { transB: 1 }),
          withAttributes(op('Softmax', ['sums'], 'logits'), { axis }),
        ],
        { initializer: [values('w', [10, 320])] as never },
      );
    for (const axis of [1, -1]) expect(importModel(last(axis), 'net.onnx').classes).toBe(10);
    expect(refusalOf(last(0))).toContain('node "logits" (Softmax): it is taken along axis 0');
  });

  it('tells of further outputs as what they are, and of what follows from another fault not at all', () => {
    const both = {
      ...withAttributes(op('MaxPool', ['input'], 'most'), { kernel_shape: [1, 1] }),
      output: ['most', 'at'],
    };
    const indices = image([both, op('Add', ['most', 'at'], 'z'), op('Flatten', ['z'], 'logits')]);
    expect(refusalOf(indices)).toContain('node "z" (Add) reads "at", a further output of node "most" (MaxPool)');
    const halves = { ...op('Split', ['input'], 'a'), output: ['a', 'b'] };
    const split = refusalOf(image([halves, op('Add', ['a', 'b'], 'z'), op('Flatten', ['z'], 'logits')]));
    expect(split).toContain('the operator Split is not supported ("a")');
    expect(split).not.toContain('cycle');
  });

  it('names a pattern of several operators that does not go on as it is known', () => {
    const gate = withAttributes(op('HardSigmoid', ['input'], 'gate'), { alpha: 1 / 6, beta: 0.5 });
    expect(refusalOf(through(gate))).toMatch(
      /node "flat" \(Flatten\): input 1 is a hard sigmoid of image, .* hard swish/,
    );
    expect(refusalOf(through(op('Erf', ['input'], 'e')))).toContain('only read as part of GELU');
  });

  it('reads weights of any float type and of whole numbers, and says what to do about others', () => {
    const relu = op('Relu', ['input'], 'z');
    for (const [type, width] of [
      [10, 2],
      [11, 8],
      [7, 8],
      [6, 4],
    ] as const) {
      const bytes = through(relu, [], values('w', [10, 320], type, { rawData: new Uint8Array(3200 * width) }));
      expect(importModel(bytes, 'net.onnx').weights![0]!.values).toHaveLength(3200);
    }
    const bfloat = through(relu, [], values('w', [10, 320], 16, { rawData: new Uint8Array(6400) }));
    expect(refusalOf(bfloat).split('\n').slice(1)).toEqual([
      '- tensor "w" is of the type bfloat16; float, double, float16 and integers of 32 or 64 bits are read. Save the model in float32.',
    ]);
    const out = (name: string) => ({
      ...values(name, [10, 320], 1, { dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }] }),
      floatData: [],
    });
    const outside = through(relu, ['a', 'b', 'c', 'd'].map(out), out('w'));
    expect(refusalOf(outside).split('\n').slice(1)).toEqual([
      '- the values of the tensors "w", "a", "b" and 2 more lie in another file ("w.bin"); save the model as one file: onnx.save(onnx.load("model.onnx"), "whole.onnx").',
    ]);
  });

  it('reads patterns of several operators as one layer', () => {
    const scalar = (name: string, value: number) => ({
      name,
      dims: [],
      dataType: 1,
      floatData: [value],
      int32Data: [],
      int64Data: [],
      doubleData: [],
      externalData: [],
    });
    const bytes = image(
      [
        op('Softplus', ['input'], 'sp'),
        op('Tanh', ['sp'], 'tanh'),
        op('Mul', ['input', 'tanh'], 'mish'),
        op('Div', ['mish', 'root2'], 'd'),
        op('Erf', ['d'], 'e'),
        op('Add', ['e', 'one'], 'p'),
        op('Mul', ['mish', 'p'], 'm'),
        op('Mul', ['m', 'half'], 'gelu'),
        op('Sigmoid', ['gelu'], 's'),
        op('Mul', ['s', 'gelu'], 'silu'),
        op('Flatten', ['silu'], 'flat'),
        op('Softmax', ['flat'], 'logits'),
      ],
      { initializer: [scalar('root2', Math.SQRT2), scalar('one', 1), scalar('half', 0.5)] },
    );
    // no weights: nothing to learn is the only fault, after everything has been understood
    expect(refusalOf(bytes)).toContain('nothing to learn');
  });

  it('refuses cycles, missing values, second writers, several inputs and outputs, odd images', () => {
    expect(
      refusalOf(image([op('Add', ['input', 'b'], 'a'), op('Relu', ['a'], 'b'), op('Flatten', ['b'], 'logits')])),
    ).toMatch(/node "a" \(Add\) reads "b", which nothing before it writes/);
    expect(
      refusalOf(image([op('Relu', ['input'], 'a'), op('Relu', ['input'], 'a'), op('Flatten', ['a'], 'logits')])),
    ).toContain('another one has written already');
    const base = onnxModel(withWeights(small), options);
    const [input] = base.graph!.input;
    const with_ = (graph: object): Uint8Array =>
      encodeMessage(modelSchema, { ...base, metadataProps: [], graph: { ...base.graph!, ...graph } });
    expect(refusalOf(with_({ input: [input, { ...input, name: 'other' }] }))).toContain('2 inputs ("input", "other")');
    expect(refusalOf(with_({ output: [...base.graph!.output, { name: 'pool' }] }))).toContain('2 outputs');
    const dims = (dim: object[]) => ({ ...input, type: { tensorType: { elemType: 1, shape: { dim } } } });
    expect(
      refusalOf(with_({ input: [dims([{ dimParam: 'N' }, { dimValue: 3 }, { dimParam: 'H' }, { dimParam: 'W' }])] })),
    ).toContain('[N, 3, H, W]');
    expect(refusalOf(with_({ input: [dims([{ dimValue: 1 }, { dimValue: 9 }])] }))).toContain('[1, 9]');
    const sets = (...opsetImport: object[]): string => refusalOf(encodeMessage(modelSchema, { ...base, opsetImport }));
    expect(sets({ domain: '', version: 3 })).toContain('operator set 3');
    expect(sets({ domain: '', version: 99 })).toMatch(/operator set 99; sets 7 to 24 are read\. Convert it/);
    expect(sets({ domain: 'ai.onnx.ml', version: 2 })).toContain('does not say which operator set it uses');
    expect(refusalOf(with_({ input: [] }))).toContain('it has no input');
    const whole = { ...input, type: { tensorType: { elemType: 2, shape: { dim: [{}, {}, {}, {}] } } } };
    expect(refusalOf(with_({ input: [whole] }))).toContain('not of a float type; export the model for floats');
  });

  it('refuses 10,000 operators and sizes that the file does not hold, by arithmetic', () => {
    const chain = Array.from({ length: 10_000 }, (_, i) => op('Relu', [i === 0 ? 'input' : `r${i - 1}`], `r${i}`));
    expect(refusalOf(image(chain))).toContain('10000 operators; models of up to 5000');
    const base = onnxModel(withWeights(small), options);
    const huge = (dims: number[]): Uint8Array => {
      const initializer = base.graph!.initializer.map((tensor, i) => (i === 0 ? { ...tensor, dims } : tensor));
      return encodeMessage(modelSchema, { ...base, metadataProps: [], graph: { ...base.graph!, initializer } });
    };
    expect(refusalOf(huge([1e6, 1e6, 1e6, 1e6]))).toContain('promises');
    expect(refusalOf(huge([-1, 4]))).toContain('extent -1');
    expect(refusalOf(huge([64, 64]))).toMatch(/promises 64×64 values of 4 bytes, but has \d+ bytes/);
  });
});

describe('damaged files', () => {
  const whole = encodeOnnx(withWeights(small), options);
  const outside = foreign(whole);

  it('say where they end, or are read as far as what is there', () => {
    for (const bytes of [whole, outside]) {
      for (let length = 1; length < bytes.length; length += Math.ceil(bytes.length / 150)) {
        const text = refusalOf(bytes.subarray(0, length), 'cut.onnx');
        expect(text).toMatch(/^cut\.onnx/);
      }
    }
    expect(refusalOf(whole.subarray(0, whole.length - 7))).toMatch(/byte \d+, /);
    expect(refusalOf(new Uint8Array(0))).toContain('is empty');
  });

  it('never crash, hang or give a model that cannot be: any byte, any number of times', () => {
    const edits = fc.array(fc.tuple(fc.nat(outside.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(edits, fc.boolean(), (list, own) => {
        const bytes = (own ? whole : outside).slice();
        for (const [at, value] of list) bytes[at % bytes.length] = value;
        try {
          const { model, inputShape, weights } = importModel(bytes, 'bent.onnx');
          // what is taken is whole: it exports again with the weights that came with it
          const graph = { nodes: model.nodes } as GraphDocument;
          const named = new Map(weights!.map((tensor) => [tensor.name, tensor]));
          const again = exportModel(
            { name: '', graph, inputShape: inputShape!, classes: [], weights: named },
            { anyOutputs: true },
          );
          expect(encodeOnnx(again, options).length).toBeGreaterThan(100);
        } catch (error) {
          if (!(error instanceof LabError)) throw error;
          expect(error.code).toBe('invalid');
          expect(error.message).toContain('bent.onnx');
        }
      }),
      { numRuns: 400, seed: 20261125 },
    );
  });

  it('of noise are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (bytes) => {
        refusalOf(bytes, 'noise');
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
