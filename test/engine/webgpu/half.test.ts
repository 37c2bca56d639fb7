// Half precision storage: what lies in it, that kernels compute with it as with float32 that was rounded once, and that nothing
// pretends. The tests that compute need an adapter with shader-f16, as llvmpipe of Mesa 25 or nearly every GPU.
import { describe, expect, it } from 'vitest';
import type { Backend, Executable } from '../../../engine/backend.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { checkGraph } from '../../../engine/graph/check.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { PlanBuilder } from '../../../engine/plan/builder.ts';
import { lowerTraining } from '../../../engine/plan/lower.ts';
import type { OpInstance, TrainingPlan } from '../../../engine/plan/plan.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { TensorValues } from '../../../engine/tensor.ts';
import { fusePlan } from '../../../engine/webgpu/fuse.ts';
import { decodeHalves, halfTensors } from '../../../engine/webgpu/half.ts';
import { webgpuBackend } from '../../../engine/webgpu/index.ts';
import { nodeGpu } from '../../../engine/host/gpu.node.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { lowerPlan } from '../../../engine/webgpu/lower.ts';
import { placeTensors } from '../../../engine/webgpu/memory.ts';
import { defaultTuning } from '../../../engine/webgpu/tuning.ts';
import { allocate, noise, type Trial, type TrialTensor } from '../cpu/trial.ts';
import { trials as all } from '../cpu/trials.ts';
import { train } from '../train/drive.ts';
import { cnn, curve, all as every, smallJob } from '../train/jobs.ts';
import { limitedGpu } from './limitedGpu.ts';
import { gpuBackend, missingGpu, missingHalves } from './device.ts';

const missing = missingGpu ?? missingHalves;

const limits = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupsPerDimension: 65_535,
  minStorageBufferOffsetAlignment: 256,
};

const model: GraphDocument = {
  nodes: [
    { id: 'image', layer: 'input' },
    { id: 'conv', layer: 'conv2d', props: { filters: 5, padding: 'same' } },
    { id: 'norm', layer: 'batchNorm' },
    { id: 'relu', layer: 'relu' },
    { id: 'pool', layer: 'maxPool2d' },
    { id: 'drop', layer: 'dropout', props: { p: 0.3 } },
    { id: 'flat', layer: 'flatten' },
    { id: 'dense', layer: 'dense', props: { units: 12 } },
    { id: 'sigmoid', layer: 'sigmoid' },
    { id: 'out', layer: 'dense', props: { units: 3 } },
  ],
};

function planOf(graph: GraphDocument): TrainingPlan {
  const checked = checkGraph(graph, { inputShape: [1, 6, 5], classes: 3 });
  if (!checked.ok) throw new Error(checked.faults.map(({ message }) => message).join());
  return lowerTraining(checked, {
    ...{ batchSize: 8, evaluationBatch: 8, inputShape: [1, 6, 5], trainImages: 90, testImages: 31, perFeature: false },
    loss: { kind: 'crossEntropy', labelSmoothing: 0 },
    optimizer: { kind: 'sgd', learningRate: 0.1, momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
    historySlots: 16,
  });
}

function lowered(plan: TrainingPlan, halves: ReadonlySet<number>, fuses = true) {
  const fusion = fusePlan(plan, limits.maxStorageBuffersPerShaderStage, { fuses, halves });
  const placement = placeTensors(plan, fusion, limits);
  const { segments } = lowerPlan(plan, fusion, placement, limits, () => defaultTuning(limits, false));
  return { placement, programs: [...segments.values()].flat() };
}

describe('a plan in half precision', () => {
  it('keeps the values of the forward pass in it, and nothing else', () => {
    const plan = planOf(model);
    const names = [...halfTensors(plan)].map((id) => plan.tensors[id]!.name).filter((name) => !name.includes('/'));
    expect(names).toMatchInlineSnapshot(`
      [
        "image.y",
        "conv.y",
        "norm.y",
        "relu.y",
        "pool.y",
        "drop.y",
        "flat.y",
        "dense.y",
      ]
    `);
    for (const id of halfTensors(plan)) expect(plan.tensors[id]).toMatchObject({ role: 'activation', dtype: 'f32' });
  });

  it('takes less memory and moves less, and is written in halves', () => {
    const plan = planOf(model);
    for (const fuses of [true, false]) {
      const [half, whole] = [lowered(plan, halfTensors(plan), fuses), lowered(plan, new Set(), fuses)];
      const bytes = ({ programs }: typeof half): number =>
        programs.flatMap(({ bindings }) => bindings).reduce((sum, { view }) => sum + view.bytes, 0);
      expect(bytes(half)).toBeLessThan(bytes(whole));
      const memory = ({ placement }: typeof half): number => placement.buffers.reduce((sum, size) => sum + size, 0);
      expect(memory(half)).toBeLessThan(memory(whole));
      expect(half.programs.map(({ label }) => label)).toEqual(whole.programs.map(({ label }) => label));
      // without half precision no kernel knows of it
      for (const { code } of whole.programs) expect(code).not.toContain('f16');
      let stored = 0;
      for (const { code } of half.programs) {
        expect(code.startsWith('enable f16;')).toBe(code.includes('array<f16'));
        // no float32 is stored but by the one conversion
        for (const [, name] of code.matchAll(/var<storage, read_write> (\w+): array<f16/g)) {
          const stores = [...code.matchAll(new RegExp(`\\b${name!}\\[[^\\]]*\\] = (\\w+)`, 'g'))];
          stored += stores.length;
          for (const [, value] of stores) expect(value).toMatch(/^half_/);
        }
      }
      expect(stored).toBeGreaterThan(10);
    }
  });
});

describe('halves', () => {
  it('are read as IEEE 754 writes them', () => {
    const words = [0x0000, 0x8000, 0x3c00, 0xbc00, 0x0001, 0x83ff, 0x0400, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x3555];
    const into = new Float32Array(words.length);
    decodeHalves(new Uint8Array(Uint16Array.from(words).buffer), into);
    const values = [
      0,
      -0,
      1,
      -1,
      2 ** -24,
      -1023 * 2 ** -24,
      2 ** -14,
      65504,
      -65504,
      Infinity,
      -Infinity,
      1365 / 4096,
    ];
    expect([...into]).toEqual(values);
    decodeHalves(Uint8Array.of(0x00, 0x7e), into.subarray(0, 1));
    expect(into[0]).toBeNaN();
  });
});

/** Inputs that lie in halves, by the names that ops have for values of the forward pass. */
const forwardValues = ['x', 'a', 'b', 'xs'];

interface HalfTrial {
  readonly segment: string;
  readonly results: readonly number[];
}

/** The trials with their forward values from an op that leaves halves, and with results that are values of the segment. */
function halfPlan(trials: readonly Trial[]) {
  const builder = new PlanBuilder();
  const given = new Map<number, TensorValues>();
  const built = trials.map((trial): HalfTrial => {
    let seed = 0;
    const fill = (tensor: TrialTensor, name: string, rounded: boolean): number => {
      const dtype = tensor.dtype ?? 'f32';
      const values = allocate(tensor.shape, dtype);
      const source = tensor.values ?? noise(seed++);
      for (let i = 0; i < values.length; i++) values[i] = rounded ? Math.f16round(source(i)) : source(i);
      const id = builder.tensor(`${trial.name}: ${name}`, tensor.shape, dtype, 'input');
      given.set(id, values);
      return id;
    };
    const enter = (name: string, slot: string, tensor: TrialTensor): number => {
      if (!forwardValues.includes(slot) || (tensor.dtype ?? 'f32') !== 'f32') return fill(tensor, name, false);
      const values = fill(tensor, name, true);
      const zero = fill({ shape: tensor.shape, values: () => 0 }, `${name} zero`, true);
      const half = builder.tensor(`${trial.name}: ${name} half`, tensor.shape, 'f32', 'activation');
      const op = {
        op: 'add',
        attrs: {},
        inputs: { a: values, b: zero },
        outputs: { y: half },
        phase: 'forward',
      } as const;
      builder.op(trial.name, op);
      return half;
    };
    const results: number[] = [];
    const leave = (name: string, tensor: TrialTensor): number => {
      const id = builder.tensor(`${trial.name}: ${name}`, tensor.shape, tensor.dtype ?? 'f32', 'activation');
      results.push(id);
      return id;
    };
    const each = (slots: Trial['inputs'], make: (name: string, slot: string, tensor: TrialTensor) => number) =>
      Object.fromEntries(
        Object.entries(slots).map(([slot, of]) => [
          slot,
          Array.isArray(of)
            ? (of as readonly TrialTensor[]).map((tensor, i) => make(`${slot}${i}`, slot, tensor))
            : make(slot, slot, of as TrialTensor),
        ]),
      );
    const inputs = each(trial.inputs, enter);
    const outputs = each(trial.outputs, (name, _slot, tensor) => leave(name, tensor));
    builder.op(trial.name, {
      op: trial.op,
      attrs: trial.attrs,
      inputs,
      outputs,
      phase: 'forward',
    } as unknown as OpInstance);
    return { segment: trial.name, results };
  });
  return { plan: builder.build(), given, built };
}

type HalfPlan = ReturnType<typeof halfPlan>;

async function resultsOf(backend: Backend, { plan, given, built }: HalfPlan): Promise<Map<number, TensorValues>> {
  const executable: Executable = await backend.compile(plan, { storage: 'f16' });
  const results = new Map<number, TensorValues>();
  try {
    for (const [id, values] of given) executable.write(id, values);
    for (const { segment, results: ids } of built) {
      executable.run(segment);
      // segments share the memory of their values
      for (const id of ids) {
        const spec = plan.tensors[id]!;
        const values = allocate(spec.shape, spec.dtype);
        await executable.read(id, values);
        results.set(id, values);
      }
    }
  } finally {
    await executable.dispose();
  }
  return results;
}

describe('kernels on halves', () => {
  // updates change parameters and gradients only; what is drawn is no forward value
  const trials = all.filter(
    ({ op, outputs }) => !/Update$|^record$|^clip|^l1|^copy$|ccumulate/.test(op) && Object.keys(outputs).length > 0,
  );
  const some = trials.filter(({ op, name }, at) => {
    const before = trials.slice(0, at).filter((other) => other.op === op).length;
    // of each op two: a driver in software takes a second for every kernel
    return before < 2 && name !== 'summarise denormal';
  });
  const built = halfPlan(some);

  for (const fuse of [true, false]) {
    it(`compute what the reference does, rounded once (${fuse ? 'in chains' : 'one by one'})`, async ({ skip }) => {
      skip(missing !== undefined, missing);
      const halves = halfTensors(built.plan);
      const wanted = await resultsOf(referenceBackend, built);
      const got = await resultsOf(gpuBackend({ fuse }), built);
      let tried = 0;
      for (const [id, values] of got) {
        const isHalf = halves.has(id);
        if (isHalf) tried++;
        // As for float32 (kernels.test.ts). A half has eleven bits, rounded to the nearest or toward 0, as devices like; they may
        // take numbers below 2^-14 for 0 (WGSL 15.7).
        const absolute = 4e-5 + (isHalf ? 2 ** -14 : 0);
        const relative = 2e-5 + (isHalf ? 2 ** -10 : 0);
        const other = wanted.get(id)!;
        values.forEach((value, i) => {
          const expected = other[i]!;
          if (Object.is(value, expected) || value === expected) return;
          const bound = absolute + relative * Math.abs(expected);
          const where = `${built.plan.tensors[id]!.name}[${i}]: ${value} instead of ${expected}`;
          if (!(Math.abs(value - expected) <= bound)) expect.fail(where);
        });
      }
      expect(tried).toBeGreaterThan(25);
    }, 600_000);
  }
});

const job = smallJob({ graph: cnn, length: { steps: 24 } });
const half: TrainingJob = { ...job, storage: 'f16' };
const lastCheckpoint = (events: readonly TrainingEvent[]): Uint8Array =>
  every(events, 'checkpoint').findLast(({ role }) => role === 'last')!.bytes;

describe('a run in half precision', () => {
  it('has the curve of float32 within its rounding, repeats, and goes on to the same bits', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const gpu = gpuBackend();
    const whole = curve((await train(job, gpu)).events, 'loss');
    const first = await train(half, gpu);
    const losses = curve(first.events, 'loss');
    // Each value of the forward pass is off by 2^-11 of itself: a thousandth of a loss near 1 at first. It grows along the path as every
    // rounding does; momentum of 0.9 moves the parameters ten times as far.
    losses.forEach((loss, step) => expect(Math.abs(loss - whole[step]!), `step ${step}`).toBeLessThan(5e-3));
    // and it is not float32 under another name
    expect(losses).not.toEqual(whole);
    const begun = await train(half, gpu, { stopAt: 12 });
    const rest = await train({ ...half, resumeFrom: lastCheckpoint(begun.events) }, gpu);
    expect(rest.hash).toBe(first.hash);
    // a CPU goes on with it in float32
    const onCpu = await train({ ...half, resumeFrom: lastCheckpoint(begun.events) }, cpuBackend);
    curve(onCpu.events, 'loss').forEach((loss, i) => expect(Math.abs(loss - whole[12 + i]!)).toBeLessThan(5e-3));
  }, 300_000);

  it('that leaves its range ends with the layer that did', async ({ skip }) => {
    skip(missing !== undefined, missing);
    const far: GraphDocument = {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'flat', layer: 'flatten' },
        { id: 'hidden', layer: 'dense', props: { units: 8, weightInit: { kind: 'constant', value: 2e4 } } },
        { id: 'relu', layer: 'relu' },
        { id: 'out', layer: 'dense', props: { units: 3, weightInit: { kind: 'normal', std: 1e-6 } } },
      ],
    };
    const short = smallJob({ graph: far, length: { steps: 2 } });
    await train(short, gpuBackend());
    await expect(train({ ...short, storage: 'f16' }, gpuBackend())).rejects.toThrow(
      /loss of step 1 is infinite or not a number\. The first values beyond half precision, which ends at 65504, come from layer "(hidden|relu)" .*backend\.storage=f32/,
    );
  }, 120_000);

  it('is refused by an adapter that has none, in words, and float32 is not trained instead', async ({ skip }) => {
    skip(missingGpu !== undefined, missingGpu);
    const without = webgpuBackend(limitedGpu(nodeGpu, {}, { features: [] }));
    const refusal = await train({ ...half, length: { steps: 1 } }, without).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ name: 'EngineError', code: 'storage' });
    expect(String(refusal)).toMatch(
      /has no half precision \(the WebGPU feature shader-f16\), which backend\.storage=f16 asks for; train with backend\.storage=f32\./,
    );
  });
});
