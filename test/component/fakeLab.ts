/**
 * A lab in memory for tests of the interface: records and curves as the test sets them, calls validated as the real lab
 * validates them, every call noted. It trains nothing; a test moves a run on by `progress`.
 */
import { checkGraph, type GraphDocument } from '../../engine/index.ts';
import type { ArchitectureRecord } from '../../lab/contract/architectureRecords.ts';
import type { LabEvent, LabServer } from '../../lab/contract/client.ts';
import { bytesOfBase64 } from '../../lab/base64.ts';
import { LabError } from '../../lab/contract/errors.ts';
import { importModel } from '../../lab/imports/index.ts';
import { methods, type MethodInput, type MethodName, type MethodOutput } from '../../lab/contract/methods.ts';
import type { Comparison, DatasetRecord, RunRecord, Series, SeriesName, Template } from '../../lab/contract/records.ts';
import { specSchema, type Spec } from '../../lab/contract/spec.ts';
import { localClient } from '../../lab/contract/rpc.ts';
import { createLink, type Link } from '../../renderer/link/link.ts';

export const mnist: DatasetRecord = {
  id: 'mnist',
  title: 'MNIST',
  summary: 'Handwritten digits.',
  imageShape: [1, 28, 28],
  classes: [...'0123456789'],
  trainImages: 60_000,
  testImages: 10_000,
  licence: 'CC BY-SA 3.0',
  source: 'test',
  hash: 'd'.repeat(64),
};

export function makeSpec(change: (spec: Spec) => void = () => undefined): Spec {
  const spec = specSchema.parse({
    ablate: 1,
    name: 'Sigmoid MLP',
    data: { dataset: 'mnist' },
    model: {
      nodes: [
        { id: 'image', layer: 'input' },
        { id: 'flatten', layer: 'flatten' },
        { id: 'dense1', layer: 'dense', props: { units: 100 } },
        { id: 'sigmoid1', layer: 'sigmoid' },
        { id: 'classes', layer: 'dense', props: { units: 10 } },
      ],
    },
    training: { batchSize: 60, optimizer: { kind: 'sgd' } },
  });
  change(spec);
  return spec;
}

let made = 0;
export function makeRun(change: Partial<RunRecord> = {}): RunRecord {
  const number = ++made;
  return {
    id: `r${String(number).padStart(7, '0')}`,
    group: `g${number}`,
    name: `Run ${number}`,
    seed: 1,
    fold: null,
    folds: null,
    status: 'finished',
    reason: 'completed',
    error: null,
    createdAt: 1_700_000_000_000 + number * 1000,
    startedAt: 1_700_000_000_000,
    endedAt: 1_700_000_010_000,
    step: 1000,
    totalSteps: 1000,
    stepsPerEpoch: 916,
    batchSize: 60,
    seconds: 10,
    imagesPerSecond: 6000,
    dataset: 'mnist',
    parameters: 79_510,
    macsPerImage: 79_400,
    backend: 'cpu',
    backendChoice: null,
    start: null,
    threads: 2,
    metrics: {
      trainLoss: 0.2,
      trainAccuracy: 0.94,
      validationLoss: 0.25,
      validationAccuracy: 0.93,
      bestValidationLoss: 0.25,
      bestValidationAccuracy: 0.93,
      testLoss: 0.26,
      testAccuracy: 0.925,
    },
    sparkline: [0.1, 0.5, 0.8, 0.9, 0.93],
    tags: [],
    note: '',
    starred: false,
    specHash: 's'.repeat(64),
    dataHash: 'd'.repeat(64),
    engineVersion: '0.1.0',
    resultHash: 'f'.repeat(64),
    checkpointStep: 1000,
    ...change,
  };
}

type Handlers = { readonly [N in MethodName]?: (input: never) => MethodOutput<N> | Promise<MethodOutput<N>> };

export class FakeLab implements LabServer {
  runs: RunRecord[] = [];
  readonly deleted = new Map<string, RunRecord>();
  readonly specs = new Map<string, Spec>();
  readonly series = new Map<string, Series[]>();
  templates: Template[] = [{ id: 'mlp-sigmoid', title: 'Sigmoid MLP', summary: 'Three layers.', spec: makeSpec() }];
  architectures: ArchitectureRecord[] = [];
  comparison: Comparison | null = null;
  /** Answers of a test's own, before the built-in ones. */
  answers: Handlers = {};
  /** Every call, in order. */
  readonly calls: { readonly name: string; readonly input: unknown }[] = [];
  /** Calls of these names are refused with the error. */
  readonly refusals = new Map<string, LabError>();
  readonly #listeners = new Set<(event: LabEvent) => void>();

  async call(name: string, input: unknown): Promise<unknown> {
    this.calls.push({ name, input });
    const refusal = this.refusals.get(name);
    if (refusal) throw refusal;
    if (!Object.hasOwn(methods, name)) throw new LabError('usage', `There is no call ${name}.`);
    const method = methods[name as MethodName];
    const parsed = method.input.safeParse(input);
    if (!parsed.success) throw new LabError('invalid', `${name}: ${parsed.error.message}`);
    const handler = this.answers[name as MethodName] ?? this.#handlers[name as MethodName];
    if (!handler) throw new LabError('usage', `The fake lab does not answer ${name}; give it an answer in the test.`);
    const answer: unknown = await handler(parsed.data as never);
    method.output.parse(answer);
    return answer;
  }

  on(listener: (event: LabEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  emit(event: LabEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  callsOf(name: MethodName): unknown[] {
    return this.calls.filter((call) => call.name === name).map((call) => call.input);
  }

  /** Changes a run and tells everyone. */
  change(id: string, patch: Partial<RunRecord>): RunRecord {
    const at = this.runs.findIndex((run) => run.id === id);
    if (at < 0) throw new LabError('notFound', `There is no run ${id}.`);
    const run = { ...this.runs[at]!, ...patch };
    this.runs[at] = run;
    this.emit({ name: 'run.changed', data: { run } });
    return run;
  }

  /** New points of one curve. */
  progress(id: string, name: SeriesName, steps: number[], values: number[]): void {
    this.emit({
      name: 'run.series',
      data: { id, series: [{ name, steps, values, seconds: steps.map((step) => step / 100) }] },
    });
  }

  readonly #handlers: Handlers = {
    'app.info': () => ({
      version: '0.1.0',
      engineVersion: '0.1.0',
      cores: 2,
      threads: 2,
      backend: 'cpu, SIMD',
      home: '/home/ablate',
      platform: 'linux',
    }),
    'machine.adapter': () => ({ adapter: null }),
    'datasets.list': () => [mnist],
    'datasets.samples': ({ count }: { count: number }) => ({
      pixels: btoa(String.fromCharCode(...new Uint8Array(count * 784).fill(128))),
      labels: new Array<number>(count).fill(0),
      shape: [count, 1, 28, 28],
    }),
    'templates.list': () => this.templates,
    'architectures.list': () => this.architectures,
    'architectures.read': ({ file, content }: MethodInput<'architectures.read'>) => {
      const { weights, ...imported } = importModel(bytesOfBase64('base64' in content ? content.base64 : ''), file);
      return { ...imported, hasWeights: weights !== null } as never;
    },
    'runs.models': () => [],
    'spec.check': ({ spec }: { spec: unknown }) => {
      const parsed = specSchema.safeParse(spec);
      if (!parsed.success) return { ok: false, faults: [{ message: parsed.error.message }], spec: null };
      const graph = parsed.data.model as GraphDocument;
      const { ok, faults } = checkGraph(graph, { inputShape: mnist.imageShape, classes: 10 });
      return { ok, faults: [...faults], spec: parsed.data };
    },
    'runs.create': ({ spec, seeds, tags }: MethodInput<'runs.create'>) => {
      const parsed = specSchema.parse(spec);
      return (seeds ?? [parsed.seed]).map((seed) => {
        const run = makeRun({
          name: parsed.name,
          group: `group ${parsed.name} ${parsed.model.batchNorm}`,
          seed,
          status: 'queued',
          reason: null,
          step: 0,
          tags: tags ?? [],
        });
        this.specs.set(run.id, parsed);
        this.runs.unshift(run);
        this.emit({ name: 'run.changed', data: { run } });
        return run;
      });
    },
    'runs.list': ({ offset = 0, limit = 100_000 }: MethodInput<'runs.list'>) => ({
      runs: this.runs.slice(offset, offset + limit),
      total: this.runs.length,
    }),
    'runs.get': ({ id }: { id: string }) => {
      const run = this.runs.find((each) => each.id === id);
      if (!run) throw new LabError('notFound', `There is no run ${id}.`);
      return {
        ...run,
        spec: this.specs.get(id) ?? makeSpec(),
        events: [{ at: 0, step: 0, kind: 'started', text: 'Started.' }],
      };
    },
    'runs.series': ({ id }: { id: string }) => this.series.get(id) ?? [],
    'runs.pause': ({ id }: { id: string }) => this.change(id, { status: 'paused' }),
    'runs.resume': ({ id }: { id: string }) => this.change(id, { status: 'running' }),
    'runs.verify': ({ id, steps }: MethodInput<'runs.verify'>) => {
      const run = this.runs.find((each) => each.id === id);
      return {
        run: id,
        identical: true,
        whole: steps === undefined,
        steps: steps ?? run?.step ?? 0,
        recordedHash: run?.resultHash ?? null,
        replayedHash: run?.resultHash ?? null,
        compared: 3,
        firstDifference: null,
        recordedEngine: '0.0.0',
        replayedEngine: '0.0.0',
        threads: 1,
        seconds: 1,
      };
    },
    'runs.stop': ({ id }: { id: string }) => this.change(id, { status: 'stopped' }),
    'runs.update': ({ id, ...patch }: MethodInput<'runs.update'>) =>
      this.change(id, Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined))),
    'runs.delete': ({ ids }: { ids: string[] }) => {
      for (const run of this.runs.filter((each) => ids.includes(each.id))) this.deleted.set(run.id, run);
      this.runs = this.runs.filter((each) => !ids.includes(each.id));
      this.emit({ name: 'run.deleted', data: { ids } });
      return { deleted: ids };
    },
    'runs.restore': ({ ids }: { ids: string[] }) => {
      for (const id of ids) {
        const run = this.deleted.get(id);
        if (run) this.runs.push(run);
      }
      this.emit({ name: 'run.restored', data: { ids } });
      return { restored: ids };
    },
    'queue.get': () => ({ running: [], queued: [], concurrency: 1, threadsPerRun: 2 }),
    'queue.set': () => ({ running: [], queued: [], concurrency: 1, threadsPerRun: 2 }),
    'compare.get': () => {
      if (!this.comparison) throw new LabError('notFound', 'There is nothing to compare.');
      return this.comparison;
    },
  };
}

/** A link to the fake lab whose connection a test can cut and refuse. */
export function fakeLink(lab: FakeLab): { link: Link; cut: () => void; fail: (error: Error | null) => void } {
  let failure: Error | null = null;
  let cut: () => void = () => undefined;
  const link = createLink(async (closed) => {
    if (failure) throw failure;
    const client = localClient(lab);
    cut = () => {
      client.close();
      closed();
    };
    return client;
  });
  return { link, cut: () => cut(), fail: (error) => (failure = error) };
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean, what: string, time = 15_000): Promise<void> {
  const end = Date.now() + time;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`Waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
