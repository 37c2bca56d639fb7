import { checkGraph, type GraphDocument } from '../../engine/index.ts';
import type { ArchitectureDetails, ArchitectureVersion, ModelRef } from '../contract/architectureRecords.ts';
import { LabError } from '../contract/errors.ts';
import { suggestion } from '../contract/near.ts';
import type { DatasetRecord, RunDetails } from '../contract/records.ts';
import type { Datasets, Store } from '../ports.ts';
import { checkSpec } from '../spec/check.ts';
import { effectiveGraph } from '../spec/resolve.ts';
import { specSchema, type Spec } from '../spec/schema.ts';
import { templates } from './index.ts';

/** A model that was named, with what is known of how it is trained. */
export interface ResolvedModel {
  readonly kind: 'template' | 'architecture' | 'run' | 'draft';
  /** What it is called in words. */
  readonly label: string;
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly spec: Spec;
  /** Null where nobody said what images it takes. */
  readonly dataset: DatasetRecord | null;
  readonly run?: RunDetails;
  readonly version?: ArchitectureVersion;
}

interface Sources {
  readonly store: Store;
  readonly datasets: Datasets;
}

const some = 5;

/** Finds a model by what people write. Throws LabError 'notFound' or 'ambiguous' with what there is. */
export async function resolveModel(ref: ModelRef, { store, datasets }: Sources): Promise<ResolvedModel> {
  const known = await datasets.list();
  const byId = (id: string | null): DatasetRecord | null => known.find((each) => each.id === id) ?? null;
  if (typeof ref !== 'string') {
    const { spec, faults } = checkSpec(ref.spec, known);
    if (!spec)
      throw new LabError(
        'spec',
        `The spec has faults:\n${faults.map(({ message }) => `- ${message}`).join('\n')}`,
        faults,
      );
    const name = spec.name || 'Untitled';
    return { kind: 'draft', label: name, name, description: '', tags: [], spec, dataset: byId(spec.data.dataset) };
  }
  const text = ref.trim();
  const [, prefix, rest] = /^(template|architecture|run):(.*)$/s.exec(text) ?? [undefined, undefined, text];
  const found: (() => ResolvedModel)[] = [];
  if (prefix === undefined || prefix === 'architecture') {
    const { ids, version } = findVersion(store, rest);
    for (const id of ids) found.push(() => ofArchitecture(store.getArchitecture(id)!, version, byId));
  }
  const template = templates.find(({ id }) => id === rest);
  // a name that someone gave goes before the id of a template
  if ((prefix === 'template' || (prefix === undefined && found.length === 0)) && template) {
    const { title: name, summary: description, spec } = template;
    const dataset = byId(spec.data.dataset);
    found.push(() => ({ kind: 'template', label: name, name, description, tags: [], spec, dataset }));
  }
  if (prefix === 'run' || (prefix === undefined && found.length === 0)) {
    const ids = rest === '' ? [] : store.findRuns(rest.toLowerCase());
    const exact = ids.filter((id) => id === rest.toLowerCase());
    for (const id of exact.length > 0 ? exact : ids) found.push(() => ofRun(store.getRun(id)!, byId));
  }
  if (found.length === 1) return found[0]!();
  if (found.length > 1) {
    const names = found.slice(0, some).map((each) => each().label);
    const more = found.length > some ? ` and ${found.length - some} more` : '';
    throw new LabError(
      'ambiguous',
      `${JSON.stringify(ref)} stands for several models: ${names.join(', ')}${more}. Write more of it.`,
    );
  }
  const names = [...store.listArchitectures({}).map(({ name }) => name), ...templates.map(({ id }) => id)];
  throw new LabError(
    'notFound',
    `There is no architecture, template or run ${JSON.stringify(ref)}.${suggestion(rest, names)} \`architecture list\` shows what there is.`,
  );
}

/** "Name@2" or "Name". */
function findVersion(store: Store, text: string): { readonly ids: string[]; readonly version: number | null } {
  if (text === '') return { ids: [], version: null };
  const whole = store.findArchitectures(text);
  const match = /^(.+)@(\d{1,9})$/s.exec(text);
  if (whole.length > 0 || !match) return { ids: whole, version: null };
  return { ids: store.findArchitectures(match[1]!), version: Number(match[2]) };
}

/** The whole id of the architecture that `text` names. Throws LabError 'notFound' or 'ambiguous'. */
export function findArchitecture(store: Store, text: string): string {
  const ids = store.findArchitectures(text.replace(/^architecture:/, ''));
  if (ids.length === 1) return ids[0]!;
  if (ids.length > 1) {
    throw new LabError(
      'ambiguous',
      `${ids.length} architectures begin with ${JSON.stringify(text)}: ${ids.slice(0, some).join(', ')}. Write more of the id.`,
    );
  }
  const names = store.listArchitectures({}).map(({ name }) => name);
  throw new LabError(
    'notFound',
    `There is no architecture ${JSON.stringify(text)}.${suggestion(text, names)} \`architecture list\` shows what there is.`,
  );
}

function ofArchitecture(
  details: ArchitectureDetails,
  wanted: number | null,
  byId: (id: string | null) => DatasetRecord | null,
): ResolvedModel {
  const { name, description, tags, latest, versions } = details;
  const version = wanted === null ? latest : versions.find((each) => each.version === wanted);
  if (!version) {
    throw new LabError('notFound', `${name} has versions 1 to ${latest.version}, but no version ${wanted}.`);
  }
  const dataset = byId(version.dataset) ?? imagesOf(version);
  const spec = specSchema.parse({
    ablate: 1,
    name,
    data: { dataset: version.dataset ?? dataset?.id ?? 'images' },
    model: version.model,
    training: { optimizer: { kind: 'adam' } },
  });
  const label = `${name}, version ${version.version}`;
  return { kind: 'architecture', label, name, description, tags, spec, dataset, version };
}

/** Stands for the images that an imported model was made for. */
function imagesOf({ inputShape, classes }: ArchitectureVersion): DatasetRecord | null {
  if (inputShape === null || classes === null) return null;
  return {
    id: 'images',
    title: `images of ${inputShape.join('×')}`,
    summary: '',
    imageShape: [...inputShape],
    classes: Array.from({ length: classes }, (_, i) => String(i)),
    trainImages: 60_000,
    testImages: 10_000,
    licence: '',
    source: '',
    hash: '',
  };
}

function ofRun(run: RunDetails, byId: (id: string | null) => DatasetRecord | null): ResolvedModel {
  const { name, note: description, tags, spec } = run;
  return {
    kind: 'run',
    label: `${name} (${run.id})`,
    name,
    description,
    tags,
    spec,
    dataset: byId(spec.data.dataset),
    run,
  };
}

/** The graph that is trained, or the drawn one where the network-wide switches find it faulty. */
export function graphOf({ spec, dataset }: Pick<ResolvedModel, 'spec' | 'dataset'>): GraphDocument {
  const drawn: GraphDocument = { nodes: spec.model.nodes as GraphDocument['nodes'] };
  return checkGraph(drawn, { inputShape: dataset?.imageShape ?? null }).faults.length === 0
    ? effectiveGraph(spec.model)
    : drawn;
}
