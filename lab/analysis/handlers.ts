import type { Handlers } from '../app.ts';
import type { AnalysisRecord } from '../contract/analysisRecords.ts';
import type { LabEvent } from '../contract/client.ts';
import { LabError } from '../contract/errors.ts';
import type { AnalysisResult, CheckpointFiles, Datasets, Jobs, Store } from '../ports.ts';
import { findRun } from '../runs/find.ts';
import { readCheckpoint } from '../runs/resume.ts';

export interface AnalysisHandlersOptions {
  readonly store: Store;
  readonly datasets: Datasets;
  readonly checkpoints: CheckpointFiles;
  readonly jobs: Jobs;
  /** Threads of a run whose spec does not say. */
  readonly threads: () => number;
  readonly emit: (event: LabEvent) => void;
}

/** Looks at the network of a run at one of its checkpoints, in a worker. One analysis per run: a new one cancels it. */
export function analysisHandlers(options: AnalysisHandlersOptions): Handlers {
  const { store, datasets, checkpoints, jobs, threads, emit } = options;
  const running = new Map<string, AbortController>();
  return {
    'runs.analyse': async ({ id: text, checkpoint: role, request }) => {
      const id = findRun(store, text);
      const run = store.getRun(id);
      if (!run) throw new LabError('notFound', `There is no run ${id} in this history.`);
      const bytes = await readCheckpoint({ id }, store, checkpoints, role);
      if (!bytes) {
        throw new LabError('state', `Run ${id} has no ${role} checkpoint yet; analyse it once one has been saved.`);
      }
      const dataset = (await datasets.list()).find((each) => each.id === run.spec.data.dataset);
      const own = run.spec.backend.threads > 0 ? run.spec.backend.threads : threads();
      const cancel = new AbortController();
      running.get(id)?.abort();
      running.set(id, cancel);
      try {
        const progress = (done: number): void =>
          emit({ name: 'job.progress', data: { job: 'analysis', done, run: id } });
        const job = { spec: run.spec, threads: own, checkpoint: bytes };
        const analysis = await jobs.run('analysis', job, { request }, { signal: cancel.signal, progress });
        return recordOf(id, analysis, dataset?.classes ?? []);
      } finally {
        if (running.get(id) === cancel) running.delete(id);
      }
    },
    'runs.cancelAnalysis': ({ id: text }) => {
      const found = running.get(findRun(store, text));
      found?.abort();
      return { cancelled: found !== undefined };
    },
  };
}

/** As plain JSON, with the names of the classes. */
function recordOf(run: string, analysis: AnalysisResult, names: readonly string[]): AnalysisRecord {
  switch (analysis.kind) {
    case 'classification': {
      const { result } = analysis;
      const classes = result.classes.map((each, c) => ({ name: names[c] ?? String(c), ...each }));
      const [bins, wrong] = [[...result.bins], [...result.wrong]];
      return {
        kind: analysis.kind,
        run,
        result: { ...result, classes, bins, wrong, confusion: lists(result.confusion) },
      };
    }
    case 'landscape': {
      const { result } = analysis;
      return {
        kind: analysis.kind,
        run,
        result: { ...result, offsets: [...result.offsets], loss: lists(result.loss) },
      };
    }
    case 'predictiveness': {
      const { step, rates, batches } = analysis.result;
      const copies = batches.map((batch) => ({
        ...batch,
        lossAfter: [...batch.lossAfter],
        gradientChange: [...batch.gradientChange],
      }));
      return { kind: analysis.kind, run, result: { step, rates: [...rates], batches: copies } };
    }
    case 'noiseScale':
      return { kind: analysis.kind, run, result: analysis.result };
  }
}

const lists = <T>(rows: readonly (readonly T[])[]): T[][] => rows.map((row) => [...row]);
