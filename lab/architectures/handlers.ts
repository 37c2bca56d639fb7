import {
  decodeSafetensors,
  describeGraph,
  checkGraph,
  diffGraphs,
  type JobOutput,
  type NamedTensor,
} from '../../engine/index.ts';
import type { Handlers } from '../app.ts';
import { base64, bytesOfBase64 } from '../base64.ts';
import type { LabEvent } from '../contract/client.ts';
import { LabError } from '../contract/errors.ts';
import type { DatasetRecord } from '../contract/records.ts';
import { checkpointWeights, exportAs } from '../exports/index.ts';
import { inputShapeAt, type Weights } from '../exports/model.ts';
import { preprocessingWords } from '../exports/preprocessing.ts';
import { importModel, type Imported } from '../imports/index.ts';
import type { CheckpointFiles, Clock, Datasets, Jobs, Store } from '../ports.ts';
import { findRun } from '../runs/find.ts';
import type { Spec } from '../spec/schema.ts';
import { Tickets } from '../tickets.ts';
import { takenWeights } from '../transfer/taken.ts';
import type { StartWeights } from '../transfer/weights.ts';
import { templates } from './index.ts';
import { cleanTags, recordOf, saveArchitecture } from './library.ts';
import { findArchitecture, graphOf, resolveModel, type ResolvedModel } from './refs.ts';
import { oneAtATime } from './turns.ts';
import { Uploads } from './uploads.ts';

export interface ArchitectureHandlersOptions {
  readonly store: Store;
  readonly datasets: Datasets;
  readonly checkpoints: CheckpointFiles;
  readonly clock: Clock;
  readonly weights: StartWeights;
  readonly jobs: Jobs;
  readonly version: string;
  readonly emit: (event: LabEvent) => void;
}

type Content = { readonly base64: string } | { readonly upload: string };
type Chosen = 'best' | 'last' | 'initial' | undefined;

export function architectureHandlers(options: ArchitectureHandlersOptions): Handlers {
  const { store, datasets, clock, jobs, version, emit } = options;
  const uploads = new Uploads(clock.now);
  // a version follows from the one before it, and its file is named by its number: two savings at once would take one another's
  const inTurn = oneAtATime();
  const exports = new Tickets('architectures.export', 'an export');
  const changed = (ids: string[]): void => emit({ name: 'architectures.changed', data: { ids } });

  const read = (file: string, content: Content): Imported => {
    if ('base64' in content) return importModel(bytesOfBase64(content.base64), file);
    return importModel(uploads.take(content.upload), file);
  };

  /** What a file of weights needs to be fed by others; null: its preprocessing is fitted to nothing. */
  const fittedFor = async (
    spec: Spec,
    dataset: DatasetRecord,
    step: number,
    signal: AbortSignal,
    ticket: string | undefined,
  ): Promise<JobOutput<'fit'> | null> => {
    if (!preprocessingWords(spec.data, dataset, dataset.imageShape).fitted) return null;
    const [, height, width] = inputShapeAt(spec, dataset, step);
    // what the weights started from decides nothing here, and may be gone
    const request = { spec: { ...spec, start: null }, threads: 1, checkpoint: null };
    const named = ticket === undefined ? {} : { ticket };
    const progress = (done: number): void => emit({ name: 'job.progress', data: { job: 'export', done, ...named } });
    return jobs.run('fit', request, { imageSize: [height, width] }, { signal, progress });
  };

  return {
    'templates.list': () => [...templates],

    'architectures.list': (filter) => store.listArchitectures(filter),

    'architectures.get': ({ id }) => store.getArchitecture(findArchitecture(store, id))!,

    'architectures.save': async ({ weightsOf, ...saving }) => {
      const run = weightsOf === undefined ? null : await resolveModel(`run:${findRun(store, weightsOf)}`, options);
      const weights = run && (await weightsFor(run, undefined, options));
      const record = await inTurn(() =>
        saveArchitecture(
          {
            ...saving,
            inputShape: null,
            classes: null,
            source: run ? `run ${run.run!.id}` : 'drawn',
            weights: weights ? [...weights.weights.values()].filter(({ dtype }) => dtype === 'f32') : null,
          },
          options,
        ),
      );
      changed([record.id]);
      return record;
    },

    'architectures.update': ({ id: text, name, description, tags }) =>
      inTurn(() => {
        const id = findArchitecture(store, text);
        store.updateArchitecture(id, {
          updatedAt: clock.now(),
          ...(name === undefined ? {} : { name: name.trim() }),
          ...(description === undefined ? {} : { description }),
          ...(tags === undefined ? {} : { tags: cleanTags(tags) }),
        });
        changed([id]);
        return recordOf(store, id);
      }),

    'architectures.delete': ({ ids }) =>
      inTurn(() => {
        const whole = [...new Set(ids.map((id) => findArchitecture(store, id)))];
        const deleted = store.markArchitecturesDeleted(whole, clock.now());
        changed(deleted);
        return { deleted };
      }),

    'architectures.restore': ({ ids }) =>
      inTurn(() => {
        const restored = store.markArchitecturesDeleted(ids, null);
        if (restored.length === 0) {
          const message = `architectures.restore: ${ids.join(', ')}: no deleted architecture of this name; what was deleted before the lab was last started is gone.`;
          throw new LabError('notFound', message);
        }
        changed(restored);
        return { restored };
      }),

    'architectures.diff': async ({ before, after }) => {
      const [a, b] = [await resolveModel(before, options), await resolveModel(after, options)];
      const optionsOf = ({ dataset }: ResolvedModel) => ({ inputShape: dataset?.imageShape ?? null });
      const diff = diffGraphs(graphOf(a), graphOf(b), { before: optionsOf(a), after: optionsOf(b) });
      return structuredClone({ labels: [a.label, b.label] as [string, string], ...diff }) as never;
    },

    'architectures.export': async ({ of, format, weights: wanted, ticket }) => {
      const model = await resolveModel(of, options);
      const { dataset, name, description, tags, spec } = model;
      if (dataset === null) {
        throw new LabError(
          'state',
          `${model.label} does not say what images it takes, so shapes are not known. Open it in the builder with a data set and save it again.`,
        );
      }
      const found = format === 'onnx' || format === 'safetensors' ? await weightsFor(model, wanted, options) : null;
      const holds = format === 'onnx' || format === 'safetensors';
      const taken = holds && !found ? await takenWeights(spec, dataset, options.weights) : null;
      const step = found?.step ?? taken?.firstStep ?? 0;
      const exported = exportAs(
        format,
        {
          name,
          description,
          tags,
          spec,
          dataset,
          weights: found?.weights ?? null,
          step,
          fitted: holds ? await exports.run(ticket, (signal) => fittedFor(spec, dataset, step, signal, ticket)) : null,
          taken: taken?.tensors ?? null,
          origin: found?.origin ?? `${taken ? `${taken.words}, others ` : ''}drawn by seed ${spec.seed}`,
        },
        version,
      );
      const drawn = holds && !found;
      const before = `${taken ? `${taken.words}, others ` : ''}as seed ${spec.seed} draws them, before training`;
      const notes = [`Weights: ${found?.origin ?? before}.`];
      return {
        file: exported.file,
        mediaType: exported.mediaType,
        content: base64(exported.bytes),
        notes: [...(found || drawn ? notes : []), ...exported.notes],
      };
    },

    'architectures.cancelExport': ({ ticket }) => ({ cancelled: exports.cancel(ticket) }),

    'architectures.read': ({ file, content }) => {
      const { weights, ...imported } = read(file, content);
      return { ...imported, hasWeights: weights !== null } as never;
    },

    'architectures.import': async ({ file, content, name, tags }) => {
      const imported = read(file, content);
      const found = (await datasets.list()).find(({ id }) => id === imported.dataset);
      // a network for images of another size than the data set's, such as one of a stage, is for such images
      const known = found && (imported.inputShape === null || found.imageShape.join() === imported.inputShape.join());
      const architecture = await inTurn(() =>
        saveArchitecture(
          {
            ...imported,
            name: name ?? freeName(store, imported.name || file),
            dataset: known ? imported.dataset : null,
            tags: tags ?? imported.tags,
            note: `Imported from ${file}`.slice(0, 1000),
            source: file.replace(/^.*[\\/]/, '').slice(0, 200),
          },
          options,
        ),
      );
      changed([architecture.id]);
      return { architecture, notes: [...imported.notes] };
    },

    'files.put': ({ upload, offset, base64: part, done }) => {
      if (done) {
        uploads.drop(upload);
        return { bytes: 0 };
      }
      return { bytes: uploads.put(upload, offset, bytesOfBase64(part)) };
    },

    'runs.models': async ({ ids }) => {
      const known = await datasets.list();
      const groups = new Map<string, ReturnType<typeof picture>>();
      for (const id of ids) {
        const run = store.getRun(id);
        if (!run || groups.has(run.group)) continue;
        const dataset = known.find((each) => each.id === run.spec.data.dataset) ?? null;
        groups.set(run.group, picture({ spec: run.spec, dataset }));
      }
      return [...groups].map(([group, nodes]) => ({ group, nodes }));
    },
  };
}

/** What a drawing of a model shows. */
function picture(model: Pick<ResolvedModel, 'spec' | 'dataset'>) {
  const checked = checkGraph(graphOf(model), { inputShape: model.dataset?.imageShape ?? null });
  return describeGraph(checked).map(({ id, title, category, properties, inputs, outputShape, parameters }) => ({
    id,
    title,
    category,
    properties,
    inputs: [...inputs],
    outputShape: [...outputShape],
    parameters,
  }));
}

/** "Name", or "Name 2" where that is taken. */
function freeName(store: Store, wish: string): string {
  const taken = new Set(store.listArchitectures({}).map(({ name }) => name.toLowerCase()));
  let name = wish;
  for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${wish} ${n}`;
  return name;
}

/** Stored weights of a model; null: those that the seed draws. */
async function weightsFor(
  model: ResolvedModel,
  wanted: Chosen,
  { store, checkpoints }: Pick<ArchitectureHandlersOptions, 'store' | 'checkpoints'>,
): Promise<{ readonly weights: Weights; readonly origin: string; readonly step: number } | null> {
  if (wanted === 'initial') return null;
  const { run, version } = model;
  if (version?.weights) {
    const { tensors } = decodeSafetensors(await checkpoints.read(version.weights.file));
    return { weights: byName(tensors), origin: `stored with ${model.label}`, step: 0 };
  }
  if (!run) {
    if (wanted === undefined) return null;
    throw new LabError(
      'state',
      `${model.label} has no ${wanted} weights: only runs have checkpoints. Leave the choice out, or take "initial".`,
    );
  }
  const best = store.getCheckpoint(run.id, 'best');
  const last = store.getCheckpoint(run.id, 'last');
  const record = wanted === 'last' ? last : wanted === 'best' ? best : (best ?? last);
  if (!record) {
    const what = wanted === undefined ? 'no checkpoint yet' : `no ${wanted} checkpoint`;
    throw new LabError(
      'state',
      `Run ${run.id} has ${what}; take weights "initial" for those that it begins with, or let it train.`,
    );
  }
  const { weights, step } = checkpointWeights(await checkpoints.read(record.file), false);
  return { weights, origin: `run ${run.id}, step ${step}, ${record.role} checkpoint`, step };
}

const byName = (tensors: readonly NamedTensor[]): Weights => new Map(tensors.map((tensor) => [tensor.name, tensor]));
