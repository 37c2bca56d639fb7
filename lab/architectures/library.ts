import { checkGraph, costOf, encodeSafetensors, type NamedTensor } from '../../engine/index.ts';
import type { ArchitectureRecord, ArchitectureVersion } from '../contract/architectureRecords.ts';
import { LabError } from '../contract/errors.ts';
import type { CheckpointFiles, Clock, Datasets, Store } from '../ports.ts';
import { canonicalJson, sha256 } from '../spec/hash.ts';
import { graphOf } from './refs.ts';
import { specSchema } from '../spec/schema.ts';

interface LibraryOptions {
  readonly store: Store;
  readonly datasets: Datasets;
  readonly checkpoints: CheckpointFiles;
  readonly clock: Clock;
}

type Model = ArchitectureVersion['model'];

export interface Saving {
  readonly name: string;
  readonly model: Model;
  readonly dataset: string | null;
  readonly inputShape: readonly [number, number, number] | null;
  readonly classes: number | null;
  readonly description?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  readonly note: string;
  readonly source: string;
  readonly weights: readonly NamedTensor[] | null;
}

/** Digits and letters that are not mistaken for one another (Crockford's base 32). */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/** 45 random bits behind an a, which no run id begins with. */
function newId(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(9));
  return `a${Array.from(bytes, (byte) => alphabet[byte & 31]!).join('')}`;
}

export const cleanTags = (tags: readonly string[]): string[] => [
  ...new Set(tags.map((tag) => tag.trim()).filter(Boolean)),
];

/** Saves a model under a name: a new architecture, or the next version of the one that has the name. */
export async function saveArchitecture(saving: Saving, options: LibraryOptions): Promise<ArchitectureRecord> {
  const { store, checkpoints, clock } = options;
  const name = saving.name.trim();
  // only a name, never the beginning of an id
  const there = store.findArchitectures(name).map((id) => store.getArchitecture(id)!);
  const before = there.find((each) => each.name.toLowerCase() === name.toLowerCase());
  const latest = before?.latest;
  const id = before?.id ?? newId();
  const tags = saving.tags && cleanTags(saving.tags);
  const facts = await factsOf(saving, options);
  const unchanged =
    latest !== undefined &&
    saving.weights === null &&
    canonicalJson([latest.model, latest.dataset, latest.inputShape, latest.classes]) ===
      canonicalJson([saving.model, facts.dataset, facts.inputShape, facts.classes]);
  if (before && unchanged) {
    const { description } = saving;
    store.updateArchitecture(id, {
      updatedAt: clock.now(),
      ...(description === undefined ? {} : { description }),
      ...(tags && { tags }),
    });
    return recordOf(store, id);
  }
  const number = (latest?.version ?? 0) + 1;
  const weights = saving.weights === null ? null : await storeWeights(`${id}-${number}`, saving.weights, checkpoints);
  const version: ArchitectureVersion = {
    version: number,
    createdAt: clock.now(),
    note: saving.note,
    model: saving.model,
    ...facts,
    weights,
    source: saving.source,
  };
  try {
    if (!before) {
      const { description = '' } = saving;
      store.insertArchitecture({ id, name, description, tags: tags ?? [], version });
    } else {
      store.transaction(() => {
        store.addArchitectureVersion(id, version);
        const { description } = saving;
        store.updateArchitecture(id, {
          updatedAt: version.createdAt,
          ...(description === undefined ? {} : { description }),
          ...(tags && { tags }),
        });
      });
    }
  } catch (error) {
    if (weights) await checkpoints.remove(weights.file).catch(() => undefined);
    throw error;
  }
  return recordOf(store, id);
}

export function recordOf(store: Store, id: string): ArchitectureRecord {
  const found = store.getArchitecture(id);
  if (!found) throw new LabError('notFound', `There is no architecture ${id}.`);
  const { versions: _versions, ...record } = found;
  return record;
}

async function storeWeights(
  name: string,
  tensors: readonly NamedTensor[],
  checkpoints: CheckpointFiles,
): Promise<NonNullable<ArchitectureVersion['weights']>> {
  const bytes = encodeSafetensors(tensors);
  const file = `${name}.safetensors`;
  await checkpoints.write(file, bytes);
  return { file, hash: await sha256(bytes), bytes: bytes.length };
}

/** What follows from the model and the images it is for. */
async function factsOf(
  { model, dataset: id, inputShape, classes }: Saving,
  { datasets }: LibraryOptions,
): Promise<Pick<ArchitectureVersion, 'dataset' | 'inputShape' | 'classes' | 'parameters' | 'macsPerImage'>> {
  const dataset = (await datasets.list()).find((each) => each.id === id) ?? null;
  const shape = dataset
    ? ([...dataset.imageShape] as [number, number, number])
    : inputShape && ([...inputShape] as [number, number, number]);
  const outputs = dataset ? dataset.classes.length : classes;
  const own = { dataset: id, inputShape: shape, classes: outputs };
  if (shape === null) return { ...own, parameters: null, macsPerImage: null };
  const spec = specSchema.parse({
    ablate: 1,
    data: { dataset: 'images' },
    model,
    training: { optimizer: { kind: 'sgd' } },
  });
  const images = {
    id: 'images',
    title: '',
    summary: '',
    imageShape: shape,
    classes: [],
    trainImages: 1,
    testImages: 1,
    licence: '',
    source: '',
    hash: '',
  };
  const checked = checkGraph(graphOf({ spec, dataset: images }), {
    inputShape: shape,
    ...(outputs === null ? {} : { classes: outputs }),
  });
  if (!checked.ok) return { ...own, parameters: null, macsPerImage: null };
  const { parameters, macsPerImage } = costOf(checked, { batchSize: 1, optimizer: { kind: 'sgd' } });
  return { ...own, parameters, macsPerImage };
}
