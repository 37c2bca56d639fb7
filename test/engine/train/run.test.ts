import { describe, expect, it } from 'vitest';
import type { Backend, Executable } from '../../../engine/backend.ts';
import { EngineError } from '../../../engine/errors.ts';
import { randomSlot } from '../../../engine/ops/op.ts';
import type { Plan, TrainingPlan } from '../../../engine/plan/plan.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { decodeCheckpoint } from '../../../engine/train/checkpoint.ts';
import { sha256 } from '../../../engine/train/safetensors.ts';
import type { GraphDocument } from '../../../engine/graph/document.ts';
import { sizeOf } from '../../../engine/tensor.ts';
import type { TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { all, cnn, curve, mlp, only, smallJob, stripes, tickingClock } from './jobs.ts';
import { train } from './drive.ts';

/** A backend whose executables answer some calls in their own way. */
function around(backend: Backend, change: (executable: Executable, plan: Plan) => Partial<Executable>): Backend {
  return {
    name: backend.name,
    async compile(plan, options) {
      const executable = await backend.compile(plan, options);
      const changed = change(executable, plan);
      return {
        plan,
        bytes: executable.bytes,
        threads: executable.threads,
        write: (tensor, values) => executable.write(tensor, values),
        read: (tensor, into) => executable.read(tensor, into),
        run: (segment) => executable.run(segment),
        dispose: () => executable.dispose(),
        ...changed,
      };
    },
  };
}

/** The reference backend with something happening after each training step (from 1), also when steps are run again. */
function afterEachStep(happen: (executable: Executable, plan: Plan, step: number) => void): Backend {
  return around(referenceBackend, (executable, plan) => {
    let step = 0;
    return {
      write: (tensor, values) => {
        if (tensor === (plan as TrainingPlan).handles.random) step = values[randomSlot.step]! + 1;
        executable.write(tensor, values);
      },
      run: (segment) => {
        executable.run(segment);
        if (segment === 'train') happen(executable, plan, step);
      },
    };
  });
}

async function failing(job: TrainingJob, backend: Backend): Promise<{ error: EngineError; events: TrainingEvent[] }> {
  const events: TrainingEvent[] = [];
  try {
    await train(job, backend, { events });
  } catch (error) {
    if (error instanceof EngineError) return { error, events };
    throw error;
  }
  throw new Error('an EngineError was expected');
}

const failure = async (job: TrainingJob): Promise<EngineError> => (await failing(job, referenceBackend)).error;

describe('a run', () => {
  it('tells what it is about to do', async () => {
    const { events } = await train(smallJob(), referenceBackend);
    expect(events[0]).toMatchObject({
      kind: 'ready',
      backend: 'reference',
      threads: 1,
      parameters: 30 * 12 + 12 + 12 * 3 + 3,
      stepsPerEpoch: 8,
      totalSteps: 24,
      step: 0,
      trainImages: 68,
      validationImages: 22,
    });
  });

  it('reports every step once, in order, and learns', async () => {
    const { events } = await train(smallJob(), referenceBackend);
    let expected = 1;
    for (const event of all(events, 'progress')) {
      expect(event.firstStep).toBe(expected);
      expected += event.loss.length;
      expect(event.step).toBe(expected - 1);
    }
    expect(expected).toBe(25);
    const losses = curve(events, 'loss');
    expect(losses[0]).toBeGreaterThan(0.8);
    expect(losses.slice(-4).every((loss) => loss < 0.3)).toBe(true);
    expect(new Set(curve(events, 'learningRate'))).toEqual(new Set([Math.fround(0.2)]));
    expect(only(events, 'finished')).toMatchObject({ reason: 'completed', step: 24 });
  });

  it('reports the loss before the update: the first one is that of the initial weights', async () => {
    // one batch is the whole training split, so the first step sees what an evaluation would see
    const job = smallJob({ batchSize: 20, length: { steps: 1 } }, { validation: 70 });
    const { events } = await train({ ...job, optimizer: { ...job.optimizer, learningRate: 1e-30 } }, referenceBackend);
    const [loss] = curve(events, 'loss');
    // weights did not move, so test and validation of the same kind of images have nearly that loss
    expect(Math.abs(all(events, 'evaluation')[0]!.loss - loss!)).toBeLessThan(0.3);
  });

  it('evaluates when due, after the last step, and the test images at the end', async () => {
    const { events } = await train(smallJob({ evaluateEvery: { steps: 7 } }), referenceBackend);
    const evaluations = all(events, 'evaluation');
    expect(evaluations.map(({ split, step, images }) => [split, step, images])).toEqual([
      ['validation', 7, 22],
      ['validation', 14, 22],
      ['validation', 21, 22],
      ['validation', 24, 22],
      ['test', 24, 31],
    ]);
    expect(evaluations.at(-1)!.accuracy).toBeGreaterThan(0.9);
  });

  it('evaluates all images when they are no multiple of the evaluation batch', async () => {
    const job = smallJob({ length: { steps: 2 } }, { test: stripes(511, [1, 6, 5], 3, 2), validation: 22 });
    const { events } = await train(job, referenceBackend);
    const test = all(events, 'evaluation').at(-1)!;
    expect(test.images).toBe(511);
    // the same images, in other batches: a file that has each image twice gives the same mean
    const { pixels, labels } = job.data.test;
    const twice = {
      pixels: new Uint8Array([...pixels, ...pixels]),
      labels: new Uint8Array([...labels, ...labels]),
      count: 1022,
    };
    const again = all(
      (await train({ ...job, data: { ...job.data, test: twice } }, referenceBackend)).events,
      'evaluation',
    ).at(-1)!;
    expect(again.accuracy).toBe(test.accuracy);
    expect(again.loss).toBeCloseTo(test.loss, 5);
  });

  it('runs without validation images', async () => {
    const { events } = await train(smallJob({ length: { steps: 6 } }, { validation: 0 }), referenceBackend);
    expect(all(events, 'evaluation').map((event) => event.split)).toEqual(['test']);
    expect(all(events, 'checkpoint').map((event) => event.role)).toEqual(['last']);
  });

  it('follows its schedule', async () => {
    const { events } = await train(
      smallJob({ length: { steps: 6 }, schedule: { kind: 'step', stepSize: 2, gamma: 0.5 } }),
      referenceBackend,
    );
    expect(curve(events, 'learningRate')).toEqual([0.2, 0.2, 0.1, 0.1, 0.05, 0.05].map(Math.fround));
  });

  it('is a function of the seed and not of the slices', async () => {
    const { hash, events } = await train(smallJob({ graph: cnn }), referenceBackend);
    const wide = await train(smallJob({ graph: cnn }), referenceBackend, { slice: 1000 });
    expect(wide.hash).toBe(hash);
    expect(curve(wide.events, 'loss')).toEqual(curve(events, 'loss'));
    expect(all(wide.events, 'progress').length).toBeLessThan(24);
    expect((await train(smallJob({ graph: cnn, seed: 4 }), referenceBackend)).hash).not.toBe(hash);
  });

  it('counts training time without evaluations, pauses and checkpoints', async () => {
    const tick = tickingClock();
    let waited = 0;
    const clock = (): number => tick() + waited;
    const slow = around(referenceBackend, (executable) => ({
      run: (segment) => {
        waited += segment === 'train' ? 100 : 100_000;
        executable.run(segment);
      },
    }));
    const { events } = await train(smallJob({ length: { steps: 10 } }), slow, { clock });
    const { seconds } = only(events, 'finished');
    expect(seconds).toBeGreaterThan(1);
    expect(seconds).toBeLessThan(1.2);
    const entries = curve(events, 'seconds');
    expect(entries.every((value, i) => value > (entries[i - 1] ?? 0))).toBe(true);
    expect(all(events, 'progress').at(-1)!.imagesPerSecond).toBeGreaterThan(60);
    expect(all(events, 'progress').at(-1)!.imagesPerSecond).toBeLessThan(81);
  });

  it('sends at most about ten progress messages a second', async () => {
    const clock = tickingClock();
    const job = smallJob({ length: { steps: 400 }, evaluateEvery: { steps: 400 } });
    const { events } = await train(job, referenceBackend, { slice: 3, clock });
    const milliseconds = clock();
    expect(milliseconds).toBeGreaterThan(500);
    // one more at the only evaluation
    expect(all(events, 'progress').length).toBeLessThan(milliseconds / 100 + 2);
  });
});

describe('early stopping', () => {
  const earlyStopping = { metric: 'validation.loss', patience: 2, minDelta: 0.05 } as const;

  it('ends the run, evaluates the test images and says why', async () => {
    const { events } = await train(
      smallJob({ length: { steps: 500 }, evaluateEvery: { steps: 10 }, earlyStopping }),
      referenceBackend,
    );
    const end = only(events, 'finished');
    expect(end.reason).toBe('earlyStopping');
    expect(end.step).toBeLessThan(200);
    const validation = all(events, 'evaluation').filter((event) => event.split === 'validation');
    expect(validation.at(-1)!.step).toBe(end.step);
    const losses = validation.map((event) => event.loss);
    expect(Math.min(...losses.slice(-2))).toBeGreaterThanOrEqual(Math.min(...losses.slice(0, -2)) - 0.05);
    expect(all(events, 'evaluation').at(-1)!.split).toBe('test');
  });
});

describe('checkpoints', () => {
  it("keep the best validation loss's weights, and the last ones", async () => {
    const { events } = await train(smallJob(), referenceBackend);
    const validation = all(events, 'evaluation').filter((event) => event.split === 'validation');
    let best = Infinity;
    const improved = validation.filter(({ loss }) => loss < best && ((best = loss), true)).map(({ step }) => step);
    const checkpoints = all(events, 'checkpoint');
    expect(checkpoints.filter(({ role }) => role === 'best').map(({ step }) => step)).toEqual(improved);
    expect(checkpoints.filter(({ role }) => role === 'last').map(({ step }) => step)).toEqual([24]);
  });

  it('are made every checkpointSeconds and carry their own hash', async () => {
    const { events } = await train(smallJob({ checkpointSeconds: 0.02, length: { steps: 100 } }), referenceBackend);
    const last = all(events, 'checkpoint').filter(({ role }) => role === 'last');
    expect(last.length).toBeGreaterThan(5);
    for (const { bytes, hash, step } of last) {
      expect(await sha256(bytes as Uint8Array<ArrayBuffer>)).toBe(hash);
      expect(decodeCheckpoint(bytes).step).toBe(step);
    }
    // nothing that a message tells lies behind the step of a checkpoint that follows it
    let told = 0;
    for (const event of events) {
      if (event.kind === 'progress') told = event.step;
      if (event.kind === 'checkpoint') expect(event.step).toBeLessThanOrEqual(told);
    }
  });

  it('do not change the result', async () => {
    const often = await train(smallJob({ graph: cnn, checkpointSeconds: 0 }), referenceBackend);
    expect(often.hash).toBe((await train(smallJob({ graph: cnn }), referenceBackend)).hash);
  });

  it('hold readable names', async () => {
    const { events } = await train(smallJob({ graph: cnn, length: { steps: 2 } }), referenceBackend);
    const names = decodeCheckpoint(all(events, 'checkpoint').at(-1)!.bytes).tensors.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'conv.weight',
        'norm.gamma',
        'norm.beta',
        'norm.runningMean',
        'norm.runningVar',
        'out.bias',
      ]),
    );
  });
});

describe('bad jobs are refused in words', () => {
  it.each<[string, TrainingJob, string, RegExp]>([
    ['batch', smallJob({ batchSize: 69 }), 'data', /batch of 69 does not fit the training split of 68 images/],
    [
      'label',
      smallJob({}, { classes: 2 }),
      'data',
      /Image \d+ of the training file has label 2, .* 2 classes \(0 to 1\)/,
    ],
    ['pixels', smallJob({}, { imageShape: [1, 6, 6] }), 'data', /training file should hold 90 images of 36 pixels/],
    [
      'early stopping without validation',
      smallJob({ earlyStopping: { metric: 'validation.loss', patience: 1, minDelta: 0 } }, { validation: 0 }),
      'data',
      /earlyStopping watches validation\.loss, but data\.validation is 0/,
    ],
    ['graph', smallJob({ graph: { nodes: mlp.nodes.slice(0, 4) } }), 'graph', /12/],
  ])('%s', async (_name, job, code, message) => {
    const error = await failure(job);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});

describe('a loss that is not finite', () => {
  /** One layer behind the other without a bound: at a huge rate the weights grow by a factor in every step. */
  const linear: GraphDocument = { nodes: mlp.nodes.filter(({ id }) => id !== 'act') };

  it('stops a run that diverges, with step and layer', async () => {
    const optimizer = {
      kind: 'sgd',
      learningRate: 1e6,
      momentum: 0,
      dampening: 0,
      nesterov: false,
      weightDecay: 0,
    } as const;
    const error = await failure(smallJob({ graph: linear, length: { steps: 200 }, optimizer }));
    expect(error.code).toBe('nonFinite');
    expect(error.message).toMatch(/step \d+/);
    expect(error.faults[0]!.node).toMatch(/^(hidden|out)$/);
  });

  it('names the layer whose activations overflow while all weights are sound', async () => {
    for (const node of ['hidden', 'out']) {
      const huge = afterEachStep((executable, plan, step) => {
        if (step !== 6) return;
        const weight = plan.tensors.find(({ name }) => name === `${node}.weight`)!;
        executable.write(weight.id, new Float32Array(sizeOf(weight.shape)).fill(3e38));
      });
      const { error, events } = await failing(smallJob({ graph: linear, evaluateEvery: { steps: 100 } }), huge);
      expect(error.message).toMatch(new RegExp(`The loss of step 7 is .* come from layer "${node}" \\(linear\\)`));
      expect(error.faults[0]!.node).toBe(node);
      // the steps before are told, and no value that is not finite
      expect(curve(events, 'loss')).toHaveLength(6);
    }
  });

  it('is found from the state saved last, also after a resume', async () => {
    const job = smallJob({ graph: linear, evaluateEvery: { steps: 100 } });
    const good = await train(job, referenceBackend, { stopAt: 9 });
    const resumeFrom = all(good.events, 'checkpoint').at(-1)!.bytes;
    const huge = afterEachStep((executable, plan, step) => {
      if (step !== 14) return;
      const weight = plan.tensors.find(({ name }) => name === 'out.weight')!;
      executable.write(weight.id, new Float32Array(sizeOf(weight.shape)).fill(3e38));
    });
    const { error } = await failing({ ...job, resumeFrom }, huge);
    expect(error.message).toContain('The loss of step 15 is');
    expect(error.faults[0]!.node).toBe('out');
  });

  it('names the layer in which it begins', async () => {
    for (const node of ['hidden', 'out']) {
      // the weights of one layer turn into NaN in step 6, as a broken update would make them
      const broken = afterEachStep((executable, plan, step) => {
        if (step !== 6) return;
        const weight = plan.tensors.find(({ name }) => name === `${node}.weight`)!;
        const values = new Float32Array(sizeOf(weight.shape));
        void executable.read(weight.id, values);
        values[values.length - 1] = NaN;
        executable.write(weight.id, values);
      });
      const { error } = await failing(smallJob({ evaluateEvery: { steps: 100 } }), broken);
      expect(error.message).toContain(`After step 6 "${node}.weight" in layer "${node}"`);
      expect(error.faults[0]!.node).toBe(node);
    }
  });
});
