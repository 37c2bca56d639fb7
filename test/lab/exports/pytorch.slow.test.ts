import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkGraph } from '../../../engine/graph/check.ts';
import { cpuBackend } from '../../../engine/cpu/index.ts';
import { initialValues } from '../../../engine/layers/initialize.ts';
import { encodeSafetensors, decodeSafetensors, type NamedTensor } from '../../../engine/train/safetensors.ts';
import type { TrainingJob } from '../../../engine/worker/protocol.ts';
import { templates } from '../../../lab/architectures/index.ts';
import { exportAs } from '../../../lab/exports/index.ts';
import { exportModel } from '../../../lab/exports/model.ts';
import { pytorchSource } from '../../../lab/exports/pytorch/export.ts';
import { effectiveGraph } from '../../../lab/spec/resolve.ts';
import type { Spec } from '../../../lab/spec/schema.ts';
import { trainingJob } from '../../../node/trainer.ts';
import { all, curve } from '../../engine/train/jobs.ts';
import { train } from '../../engine/train/drive.ts';
import { mnist } from '../../component/fakeLab.ts';
import { withWeights, images, forward, largestDifference } from './forward.ts';
import { noPython, noTorch, runPython } from './python.ts';
import { base, data, mlp, runs, sgd, shape, specOf, testCount, testFile, trainCount, trainFile } from './runs.ts';
import { trials } from './trials.ts';

const folder = mkdtempSync(join(tmpdir(), 'ablate-torch-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

const idx = (values: Uint8Array, extents: readonly number[]): Uint8Array => {
  const header = new Uint8Array(4 + 4 * extents.length);
  header.set([0, 0, 8, extents.length]);
  extents.forEach((extent, i) => new DataView(header.buffer).setUint32(4 + 4 * i, extent));
  return Buffer.concat([header, values]);
};

function writeData(): void {
  mkdirSync(path('data'), { recursive: true });
  const put = (name: string, bytes: Uint8Array): void => writeFileSync(path(`data/${name}`), bytes);
  put('train-images-idx3-ubyte', idx(trainFile.pixels, [trainCount, ...shape]));
  put('train-labels-idx1-ubyte', idx(trainFile.labels, [trainCount]));
  put('t10k-images-idx3-ubyte', idx(testFile.pixels, [testCount, ...shape]));
  put('t10k-labels-idx1-ubyte', idx(testFile.labels, [testCount]));
}

const sourceOf = (name: string, spec: Spec, format: 'pytorch' | 'keras' = 'pytorch'): string =>
  new TextDecoder().decode(
    exportAs(
      format,
      { name, description: '', tags: [], spec, dataset: data, weights: null, origin: 'drawn by its seed' },
      'test',
    ).bytes,
  );

/**
 * Loads programs in pairs, Keras being a stand-in (it cannot be installed here), and compares what their networks would be given in the
 * first steps of every stage: to rounding of float32.
 */
const sameImages = `import argparse, inspect, json, runpy, sys
from unittest.mock import MagicMock
import numpy as np
keras = MagicMock()
keras.layers.Layer = object
sys.modules["keras"] = keras

def seen(path):
    program = runpy.run_path(path, run_name="exported")
    images, labels, _, _ = program["read_data"](argparse.Namespace(data=sys.argv[2], arrays=None))
    train, _ = program["split"](labels)
    to_input = program.get("to_input")
    if to_input is None:
        fits = "fit_preprocessing" in program
        to_input = program["Inputs"](images[train]) if fits else program["Inputs"]()
    for stage in program.get("STAGES", (None,)):
        if stage is None:
            batches, first, strength = program["Batches"](train, program["BATCH_SIZE"]), 0, 1.0
        else:
            batches = program["Batches"](train, stage.batch_size, stage.first, stage.epoch)
            first, strength = stage.first, getattr(stage, "strength", 1.0)
        if hasattr(to_input, "resize_to"):
            to_input.resize_to(stage.size)
        for step in range(first, first + 3):
            batch, epoch = batches[step]
            pixels = images[batch]
            if "augment" in program:
                given = (pixels, batch, epoch, strength)
                pixels = program["augment"](*given[: len(inspect.signature(program["augment"]).parameters)])
            x = np.asarray(to_input(*pixels) if isinstance(pixels, tuple) else to_input(pixels))
            yield x if "torch" in program else x.transpose(0, 3, 1, 2)

compared, other = 0, []
for pair in json.load(open(sys.argv[1])):
    ours, theirs = (list(seen(path)) for path in pair)
    if any(a.shape != b.shape for a, b in zip(ours, theirs)):
        other.append(open(pair[0]).read().split(chr(34) * 3)[1].split(":")[0])
        continue
    compared += 1
    for a, b in zip(ours, theirs, strict=True):
        off = np.abs(a - b).max() / max(1, np.abs(a).max())
        if not off < 1e-5 or a.dtype != np.float32 or b.dtype != np.float32:
            sys.exit(f"{pair}: off by {off}, {a.dtype} and {b.dtype}")
print(json.dumps({"compared": compared, "otherSizes": other}))
`;

/** Runs programs one after the other in one Python process: loading PyTorch takes longer than all of them. */
async function runPrograms(
  programs: readonly { readonly file: string; readonly words: readonly string[] }[],
): Promise<void> {
  const driver = `import json, runpy, sys, traceback
import torch
torch.set_num_threads(1)
for program in json.load(open(sys.argv[1])):
    sys.argv = [program["file"], *program["words"]]
    try:
        runpy.run_path(program["file"], run_name="__main__")
    except BaseException:
        sys.stderr.write(program["file"] + "\\n" + traceback.format_exc())
        sys.exit(1)
`;
  writeFileSync(path('driver.py'), driver);
  writeFileSync(path('programs.json'), JSON.stringify(programs));
  await runPython(path('driver.py'), path('programs.json'));
}

interface Log {
  readonly losses: number[];
  readonly evaluations: { readonly step: number; readonly loss: number; readonly accuracy: number }[];
  readonly test: readonly [number, number];
}

/** Nothing in them that smaller trials lack. */
const large = ['vgg', 'leNet', 'mlp', 'cnn-fashion', 'vgg-small', 'global-pooling'];

/** Float32 sums in another order; after 8 to 28 steps the losses agree to 7e-6 of themselves at worst, half of the runs to 2e-7. */
const tolerance = 5e-5;

describe('PyTorch programs', () => {
  it('train along with the cpu engine, from the seed alone, whatever a spec says', async (context) => {
    if (noTorch !== undefined) context.skip(noTorch);
    writeData();
    const specs = runs.map(([, nodes, training, more]) => specOf(nodes, training, more));
    specs.forEach((spec, i) => writeFileSync(path(`run${i}.py`), sourceOf(runs[i]![0], spec)));
    await runPrograms(
      specs.map((_, i) => ({
        file: path(`run${i}.py`),
        words: ['--data', path('data'), '--log', path(`run${i}.json`), '--save', path(`run${i}.safetensors`)],
      })),
    );
    const failures: string[] = [];
    for (const [i, spec] of specs.entries()) {
      const files = { record: data, train: trainFile, test: testFile };
      const job: TrainingJob = trainingJob({ spec, threads: 1, resumeFrom: null }, files);
      const { events } = await train(job, cpuBackend);
      const log = JSON.parse(readFileSync(path(`run${i}.json`), 'utf8')) as Log;
      const ours = curve(events, 'loss');
      const off = (a: number, b: number): number => Math.abs(a - b) / Math.max(1, Math.abs(b));
      const worst = Math.max(...log.losses.map((loss, step) => off(loss, ours[step]!)));
      if (log.losses.length !== ours.length || !(worst < tolerance)) {
        failures.push(`${runs[i]![0]}: ${log.losses.length} of ${ours.length} steps, off by ${worst}`);
      }
      const evaluations = all(events, 'evaluation');
      const validation = evaluations.filter(({ split }) => split === 'validation');
      const theirs = log.evaluations.map(({ step }) => step);
      if (theirs.join() !== validation.map(({ step }) => step).join())
        failures.push(`${runs[i]![0]}: evaluated at ${theirs.join()}`);
      const test = evaluations.find(({ split }) => split === 'test')!;
      if (off(log.test[0], test.loss) > 10 * tolerance)
        failures.push(`${runs[i]![0]}: test loss ${log.test[0]} for ${test.loss}`);
    }
    expect(failures).toEqual([]);
    const saved = decodeSafetensors(new Uint8Array(readFileSync(path('run0.safetensors'))));
    expect(saved.tensors.map(({ name }) => name)).toContain('conv.1.weight');
  }, 240_000);

  it('compute the same outputs as we do from stored weights, for every layer and template', async (context) => {
    if (noTorch !== undefined) context.skip(noTorch);
    const count = 3;
    const spec = specOf(mlp, { ...base, optimizer: sgd });
    const models = trials.filter(({ name }) => !large.includes(name)).map((trial) => withWeights(trial));
    const list = models.map((model, i) => {
      const { pixels, values } = images(model.inputShape, count);
      writeFileSync(path(`net${i}.py`), pytorchSource(model, { spec, dataset: data }, 'test'));
      writeFileSync(path(`net${i}.safetensors`), encodeSafetensors([...model.weights!.values()]));
      writeFileSync(path(`net${i}.bin`), new Uint8Array(values.buffer));
      return { file: path(`net${i}`), shape: [count, ...model.inputShape], pixels };
    });
    writeFileSync(
      path('nets.json'),
      JSON.stringify(list.map(({ file, shape: extents }) => ({ file, shape: extents }))),
    );
    const evaluateAll = `import json, runpy, sys
import numpy as np
import torch
for net in json.load(open(sys.argv[1])):
    program = runpy.run_path(net["file"] + ".py", run_name="exported")
    model = program["Network"]()
    program["start_weights"](model, net["file"] + ".safetensors")
    x = np.fromfile(net["file"] + ".bin", dtype=np.float32).reshape(net["shape"])
    with torch.no_grad():
        model.eval()(torch.from_numpy(x)).numpy().tofile(net["file"] + ".out")
`;
    writeFileSync(path('evaluate.py'), evaluateAll);
    await runPython(path('evaluate.py'), path('nets.json'));
    const failures: string[] = [];
    for (const [i, model] of models.entries()) {
      const bytes = readFileSync(path(`net${i}.out`));
      const theirs = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
      const off = largestDifference(theirs, await forward(model, list[i]!.pixels, count));
      if (!(off < 1e-4)) failures.push(`${model.name}: ${off}`);
    }
    expect(failures).toEqual([]);
  }, 240_000);

  it('begin with weights that are taken over, draw and scale the others', async (context) => {
    if (noTorch !== undefined) context.skip(noTorch);
    writeData();
    const [, nodes, training, more] = runs.find(([name]) => name.startsWith('LSUV'))!;
    const hash = '0'.repeat(64);
    const drawn = specOf(nodes, training, more);
    const spec: Spec = {
      ...drawn,
      start: { from: 'run:r1:best', weights: hash, map: {}, fresh: ['out'], carry: 'weights' },
    };
    const { nodes: checked } = checkGraph({ nodes }, { inputShape: shape, classes: 3 });
    const tensors = [...initialValues(checked, 77)].map(([name, values]): NamedTensor => {
      const node = checked.find(({ id }) => name.startsWith(`${id}.`))!;
      const found = [...node.parameters, ...node.buffers].find((each) => name === `${node.id}.${each.name}`)!;
      return { name, dtype: 'f32', shape: found.shape, values };
    });
    const taken = new Map(tensors.filter(({ name }) => !name.startsWith('out.')).map((each) => [each.name, each]));
    const source = { name: 'started', description: '', tags: [], spec, dataset: data, weights: null, origin: '' };
    const first = exportAs('safetensors', { ...source, taken }, 'test');
    expect(first.notes).toEqual([expect.stringMatching(/^Without the weights of out: LSUV/)]);
    writeFileSync(path('first.safetensors'), first.bytes);
    writeFileSync(path('started.py'), sourceOf('started', spec));
    await expect(runPython(path('started.py'), '--data', path('data'))).rejects.toThrow(/required: --weights/);
    await runPrograms([
      {
        file: path('started.py'),
        words: ['--data', path('data'), '--log', path('started.json'), '--weights', path('first.safetensors')],
      },
    ]);
    const files = { record: data, train: trainFile, test: testFile };
    const job = trainingJob({ spec, threads: 1, resumeFrom: null, start: encodeSafetensors(tensors) }, files);
    const ours = curve((await train(job, cpuBackend)).events, 'loss');
    const log = JSON.parse(readFileSync(path('started.json'), 'utf8')) as Log;
    expect(largestDifference(log.losses, ours)).toBeLessThan(tolerance);
    const unlike = curve(
      (await train(trainingJob({ spec: drawn, threads: 1, resumeFrom: null }, files), cpuBackend)).events,
      'loss',
    );
    expect(largestDifference(log.losses, unlike)).toBeGreaterThan(0.01);
  }, 240_000);

  it('show their networks the same images as the Keras programs, whatever is done to them', async (context) => {
    if (noTorch !== undefined) context.skip(noTorch);
    writeData();
    const pairs = runs.map(([name, nodes, training, more], i) => {
      const spec = specOf(nodes, training, more);
      return (['pytorch', 'keras'] as const).map((format) => {
        const file = path(`${format}${i}.py`);
        writeFileSync(file, sourceOf(name, spec, format));
        return file;
      });
    });
    writeFileSync(path('pairs.json'), JSON.stringify(pairs));
    writeFileSync(path('same.py'), sameImages);
    // those that Keras is told at one size see others; all else is the same
    expect(JSON.parse(await runPython(path('same.py'), path('pairs.json'), path('data')))).toEqual({
      compared: runs.length - 2,
      otherSizes: ['progressive resizing', 'the best model of several sizes, recalibrated'],
    });
  }, 240_000);

  it('are Python for every template', async (context) => {
    if (noPython !== undefined) context.skip(noPython);
    const files = templates.map(({ id, title, spec }) => {
      const { classes, imageShape } = mnist;
      const model = exportModel({
        name: title,
        graph: effectiveGraph(spec.model),
        inputShape: imageShape,
        classes,
        weights: null,
      });
      writeFileSync(path(`${id}.py`), pytorchSource(model, { spec, dataset: mnist }, 'test'));
      return path(`${id}.py`);
    });
    await runPython('-m', 'py_compile', ...files);
  });

  it('carry hostile names as data, never as code', () => {
    const spec = specOf(mlp, { ...base, optimizer: sgd });
    const source = sourceOf('"""\nimport os; os.system("x")\n# \\', spec);
    expect(source).not.toMatch(/^import os; /m);
    expect(source.split('"""')[1]).toContain("'''");
  });
});
