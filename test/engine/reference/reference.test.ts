import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../engine/errors.ts';
import { randomSize } from '../../../engine/ops/op.ts';
import type { TensorId } from '../../../engine/ops/op.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import type { OpInstance } from '../../../engine/plan/plan.ts';
import { RandomStream, streamKind, uniform24 } from '../../../engine/random.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { kernels } from '../../../engine/reference/kernels/index.ts';
import { ops } from '../../../engine/ops/index.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import type { DType, Shape, TensorValues } from '../../../engine/tensor.ts';

const arrayOf = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

/** Runs one op; inputs are values by name, outputs are read after it. */
async function runOp(
  op: string,
  attrs: object,
  inputs: Record<string, { shape: Shape; values: TensorValues }>,
  outputs: Record<string, { shape: Shape; dtype?: DType }>,
): Promise<Record<string, number[]>> {
  const builder = new PlanBuilder();
  const declared = Object.entries(inputs).map(([name, { shape, values }]) => {
    const dtype = values instanceof Float32Array ? 'f32' : values instanceof Int32Array ? 'i32' : 'u8';
    return [name, builder.tensor(name, shape, dtype, 'input'), values] as const;
  });
  const results = Object.entries(outputs).map(
    ([name, { shape, dtype = 'f32' }]) => [name, builder.tensor(name, shape, dtype, 'result')] as const,
  );
  builder.op('run', {
    op,
    attrs,
    inputs: Object.fromEntries(declared.map(([name, id]) => [name, id])),
    outputs: Object.fromEntries(results),
    phase: 'forward',
  } as unknown as OpInstance);
  const executable = await referenceBackend.compile(builder.build());
  for (const [, id, values] of declared) executable.write(id, values);
  executable.run('run');
  const read: Record<string, number[]> = {};
  for (const [name, id] of results) {
    const { shape, dtype = 'f32' } = outputs[name]!;
    const values = new arrayOf[dtype](sizeOf(shape));
    await executable.read(id, values);
    read[name] = [...values];
  }
  return read;
}

const f32 = (shape: Shape, ...values: number[]) => ({ shape, values: Float32Array.from(values) });

test('has a kernel for every op and no other', () => {
  expect(Object.keys(kernels).sort()).toEqual(Object.keys(ops).sort());
});

describe('gathering', () => {
  const pixels = { shape: [3, 1, 1, 2], values: Uint8Array.of(0, 255, 10, 20, 30, 40) };

  test('scales pixels in float32 and fills index -1 with zeros', async () => {
    const inputs = {
      pixels,
      indices: { shape: [3], values: Int32Array.of(2, -1, 0) },
      offset: f32([1], 0.1),
      scale: f32([1], 1 / 255),
    };
    const { x } = await runOp('gatherImages', {}, inputs, { x: { shape: [3, 1, 1, 2] } });
    const scaled = (pixel: number): number => Math.fround(Math.fround(pixel - Math.fround(0.1)) * Math.fround(1 / 255));
    expect(x).toEqual([scaled(30), scaled(40), 0, 0, scaled(0), scaled(255)]);
  });

  test('takes an offset and a scale per feature', async () => {
    const inputs = {
      pixels,
      indices: { shape: [1], values: Int32Array.of(1) },
      offset: f32([2], 10, 0),
      scale: f32([2], 5, 0.5),
    };
    const { x } = await runOp('gatherImages', {}, inputs, { x: { shape: [1, 1, 1, 2] } });
    expect(x).toEqual([0, 10]);
  });

  test('labels of index -1 are -1', async () => {
    const inputs = {
      labels: { shape: [3], values: Uint8Array.of(7, 8, 255) },
      indices: { shape: [4], values: Int32Array.of(2, -1, 0, 1) },
    };
    const { target } = await runOp('gatherLabels', {}, inputs, { target: { shape: [4], dtype: 'i32' } });
    expect(target).toEqual([255, -1, 7, 8]);
  });
});

describe('NaN goes through', () => {
  test.each(['sigmoid', 'tanh', 'relu', 'leakyRelu', 'gelu'])('%s', async (fn) => {
    const { y } = await runOp('activation', { fn }, { x: f32([1, 2], NaN, 1) }, { y: { shape: [1, 2] } });
    expect(y![0]).toBeNaN();
    expect(y![1]).toBeGreaterThan(0.7);
  });

  test('maximum pooling, in any place of the window', async () => {
    const window = { kernel: [2, 2], stride: [2, 2], pads: [0, 0, 0, 0] };
    for (let place = 0; place < 4; place++) {
      const values = [1, 2, 3, 4];
      values[place] = NaN;
      const { y, indices } = await runOp(
        'maxPool2d',
        window,
        { x: f32([1, 1, 2, 2], ...values) },
        { y: { shape: [1, 1, 1, 1] }, indices: { shape: [1, 1, 1, 1], dtype: 'i32' } },
      );
      expect(y).toEqual([NaN]);
      expect(indices).toEqual([place]);
    }
  });

  test('cross entropy', async () => {
    const inputs = { logits: f32([2, 2], NaN, 0, 1, 2), target: { shape: [2], values: Int32Array.of(0, 1) } };
    const attrs = { reduction: 'mean', labelSmoothing: 0 };
    const { loss } = await runOp('softmaxCrossEntropy', attrs, inputs, { loss: { shape: [1] } });
    expect(loss).toEqual([NaN]);
  });
});

test('no counted row: loss and gradient are 0', async () => {
  const inputs = { logits: f32([2, 2], 1, 2, 3, 4), target: { shape: [2], values: Int32Array.of(-1, -1) } };
  const outputs = { loss: { shape: [1] }, dlogits: { shape: [2, 2] } };
  const attrs = { reduction: 'mean', labelSmoothing: 0.1 };
  expect(await runOp('softmaxCrossEntropy', attrs, inputs, outputs)).toEqual({ loss: [0], dlogits: [0, 0, 0, 0] });
});

test('counts rows whose first largest logit is the target', async () => {
  // Right; tie with a later class: right; tie with an earlier class: wrong; wrong; not counted; NaN: wrong.
  const logits = f32([6, 3], 0, 2, 1, 5, 5, 0, 5, 5, 0, 1, 0, 0, 9, 0, 0, NaN, 1, 0);
  const target = { shape: [6], values: Int32Array.of(1, 0, 1, 2, -1, 1) };
  expect(await runOp('countCorrect', {}, { logits, target }, { correct: { shape: [1] } })).toEqual({ correct: [2] });
});

describe('dropout masks', () => {
  const seed = 2 ** 35 + 77;
  const random = { shape: [randomSize], values: Int32Array.of(77, 8, 5) };

  test('follow the counter that the op names', async () => {
    const shape = [2, 5, 2, 3];
    const p = 0.4;
    const { mask } = await runOp('dropoutMask', { p, stream: 99 }, { random }, { mask: { shape, dtype: 'u8' } });
    const stream = new RandomStream(seed, streamKind.dropout, 99, 5);
    const blocks = 2;
    for (let n = 0; n < 2; n++) {
      for (let c = 0; c < 5; c++) {
        for (let at = 0; at < 6; at++) {
          const word = stream.word(((n * 6 + at) * blocks + Math.floor(c / 4)) * 4 + (c % 4));
          expect(mask![(n * 5 + c) * 6 + at]).toBe(uniform24(word) >= Math.round(p * 2 ** 24) / 2 ** 24 ? 1 : 0);
        }
      }
    }
  });

  test('p = 0 keeps all, p = 1 none, and the rate is p', async () => {
    const outputs = { mask: { shape: [100, 100], dtype: 'u8' as const } };
    const kept = async (p: number): Promise<number> =>
      (await runOp('dropoutMask', { p, stream: 1 }, { random }, outputs))['mask']!.reduce((sum, bit) => sum + bit, 0);
    expect(await kept(0)).toBe(10_000);
    expect(await kept(1)).toBe(0);
    expect(Math.abs((await kept(0.3)) - 7000)).toBeLessThan(5 * Math.sqrt(10_000 * 0.21));
  });
});

test('records into a ring', async () => {
  const builder = new PlanBuilder();
  const random = builder.tensor('random', [randomSize], 'i32', 'input');
  const loss = builder.tensor('loss', [1], 'f32', 'input');
  const correct = builder.tensor('correct', [1], 'f32', 'input');
  const history = builder.tensor('history', [3, 2], 'f32', 'buffer');
  builder.op('run', {
    op: 'record',
    attrs: {},
    inputs: { random, values: [loss, correct], history },
    outputs: {},
    phase: 'record',
  });
  const executable = await referenceBackend.compile(builder.build());
  for (let step = 0; step < 4; step++) {
    executable.write(random, Int32Array.of(0, 0, step));
    executable.write(loss, Float32Array.of(step));
    executable.write(correct, Float32Array.of(10 * step));
    executable.run('run');
  }
  const values = new Float32Array(6);
  await executable.read(history, values);
  expect([...values]).toEqual([3, 30, 1, 10, 2, 20]);
});

test('batch norm of one value per channel keeps its statistics finite', async () => {
  const inputs = { x: f32([1, 2], 3, 4), runningMean: f32([2], 0, 0), runningVar: f32([2], 1, 1) };
  const outputs = { y: { shape: [1, 2] }, batchMean: { shape: [2] }, batchVar: { shape: [2] } };
  expect(await runOp('batchNorm', { momentum: 0.5, eps: 1e-5 }, inputs, outputs)).toEqual({
    y: [0, 0],
    batchMean: [3, 4],
    batchVar: [0, 0],
  });
});

describe('misuse', () => {
  async function compiled(): Promise<{
    id: TensorId;
    executable: Awaited<ReturnType<typeof referenceBackend.compile>>;
  }> {
    const builder = new PlanBuilder();
    const id = builder.tensor('x', [2, 3], 'f32', 'input');
    const y = builder.tensor('y', [2, 3], 'f32', 'result');
    builder.op('forward', { op: 'flatten', attrs: {}, inputs: { x: id }, outputs: { y }, phase: 'forward' });
    return { id, executable: await referenceBackend.compile(builder.build()) };
  }

  test('names the tensor, its size and what was given', async () => {
    const { id, executable } = await compiled();
    expect(() => executable.write(id, new Float32Array(5))).toThrow('tensor "x" (f32, 2×3: 6 values)');
    expect(() => executable.write(id, new Int32Array(6))).toThrow('Int32Array of 6');
    expect(() => executable.read(id, new Float32Array(7))).toThrow('Cannot read tensor "x"');
    expect(() => executable.write(99, new Float32Array(5))).toThrow('none with number 99');
    expect(() => executable.run('train')).toThrow('no segment "train"; it has: forward');
  });

  test('refuses ops that it does not know and tensors that do not fit', async () => {
    const plan = { tensors: [], segments: [{ name: 'run', ops: [{ op: 'convolve9d' } as unknown as OpInstance] }] };
    await expect(referenceBackend.compile(plan)).rejects.toThrow('no op "convolve9d"');
    const builder = new PlanBuilder();
    builder.tensor('huge', [2 ** 26, 2 ** 26], 'f32', 'input');
    await expect(referenceBackend.compile(builder.build())).rejects.toBeInstanceOf(EngineError);
    await expect(referenceBackend.compile(builder.build())).rejects.toThrow('"huge"');
  });
});

test('gives the same bits each time, also when run again', async () => {
  const builder = new PlanBuilder();
  const x = builder.tensor('x', [4, 3, 6, 6], 'f32', 'input');
  const weight = builder.tensor('weight', [5, 3, 3, 3], 'f32', 'input');
  const y = builder.tensor('y', [4, 5, 4, 4], 'f32', 'result');
  const attrs = { stride: [1, 1], pads: [0, 0, 0, 0], dilation: [1, 1], groups: 1 } as const;
  builder.op('run', { op: 'conv2d', attrs, inputs: { x, weight }, outputs: { y }, phase: 'forward' });
  const executable = await referenceBackend.compile(builder.build());
  const random = new RandomStream(1, streamKind.noise);
  const xValues = new Float32Array(4 * 3 * 6 * 6);
  const weightValues = new Float32Array(5 * 3 * 3 * 3);
  random.fillNormal(xValues);
  random.fillNormal(weightValues);
  executable.write(x, xValues);
  executable.write(weight, weightValues);
  const runs: string[] = [];
  for (let i = 0; i < 3; i++) {
    executable.run('run');
    const values = new Float32Array(4 * 5 * 4 * 4);
    await executable.read(y, values);
    runs.push(Buffer.from(values.buffer).toString('hex'));
  }
  expect(new Set(runs).size).toBe(1);
});
