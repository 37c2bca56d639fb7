import { defaultPrecision, defaultStorage } from '../../engine/index.ts';
import type { Spec } from './schema.ts';
import type { SpecStart } from './start.ts';

/** JSON with the keys of every object in code unit order and no blanks: one text for equal values. Undefined is left out. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((each) => canonicalJson(each ?? null)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonicalJson(each)}`).join(',')}}`;
  }
  return JSON.stringify(value) ?? 'null';
}

/** SHA-256 of a text's UTF-8 bytes (or of bytes), lower-case hexadecimal. */
export async function sha256(data: string | Uint8Array): Promise<string> {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  const hash = await globalThis.crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * Fields that this format got after specs had been hashed without them, with the default that each has: what was done before.
 * A field here counts only where it says something else, so a spec that makes no use of it keeps its hash.
 */
export const laterFields: Readonly<Record<string, unknown>> = {
  'training.optimizer.biasCorrection': true,
  'data.augmentation': null,
  'data.split': 'random',
  'data.folds': null,
  'data.augmentation.mixup': 0,
  'data.whiteningEps': 0.01,
  'training.clip': null,
  'training.l1': 0,
  'training.stages': [],
  'training.accumulate': 1,
  'training.recalibrateBatchNorm': 0,
  'training.earlyStopping.restoreBest': false,
  'backend.precision': defaultPrecision,
  'backend.storage': defaultStorage,
  start: null,
};

/** A copy without the later fields that hold their default. */
function withoutLaterDefaults(spec: Spec): Spec {
  const copy = structuredClone(spec);
  for (const [path, value] of Object.entries(laterFields)) {
    const names = path.split('.');
    const last = names.pop()!;
    let at: unknown = copy;
    for (const name of names) at = isObject(at) ? at[name] : undefined;
    if (isObject(at) && Object.hasOwn(at, last) && canonicalJson(at[last]) === canonicalJson(value)) delete at[last];
  }
  return copy;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

type Essence = Omit<Spec, 'name' | 'backend' | 'training' | 'start'> & {
  start?: object;
  training: Omit<Spec['training'], 'diagnostics'>;
  backend?: Partial<Pick<Spec['backend'], 'precision' | 'storage'>>;
};

/**
 * What decides the result: no name, of the backend only a precision and a storage that are not the default, no diagnostics, no blocks, titles and
 * places of nodes, no later field at its default; of a start not where its weights came from.
 */
function essence(spec: Spec): Essence {
  const { name: _name, backend, start: _start, ...rest } = withoutLaterDefaults(spec);
  const nodes = spec.model.nodes.map(({ position: _position, title: _title, ...node }) => node);
  const { diagnostics: _diagnostics, ...training } = rest.training;
  const { blocks: _blocks, ...model } = rest.model;
  const { kind: _kind, fallback: _fallback, threads: _threads, ...numbers } = backend;
  // what a fold holds out follows from the folds alone
  const { validation: _validation, ...data } = rest.data;
  // a run in stages is as long as they are
  const { length: _length, ...staged } = training;
  return {
    ...rest,
    data: spec.data.folds === null ? rest.data : (data as Essence['data']),
    training: spec.training.stages.length > 0 ? (staged as Essence['training']) : training,
    model: { ...model, nodes },
    ...(Object.keys(numbers).length === 0 ? {} : { backend: numbers }),
    ...(spec.start ? { start: essentialStart(spec.start) } : {}),
  };
}

/** Names of tensors that mean the same whether they are written or not are left out. */
function essentialStart({ from: _from, map, fresh, ...start }: SpecStart): object {
  const others = Object.entries(map).filter(([here, there]) => here !== there);
  return { ...start, map: Object.fromEntries(others), fresh: [...new Set(fresh)].sort() };
}

/** Hash of everything in a spec that has an influence on the result of the cpu backend. */
export function specHash(spec: Spec): Promise<string> {
  return sha256(canonicalJson(essence(spec)));
}

/** Digits of a hash that name a group. */
const groupDigits = 12;

/** The group of a run: runs share it that differ in nothing but the seed, and in which fold of a cross-validation they hold out. */
export async function groupHash(spec: Spec): Promise<string> {
  const { seed: _seed, ...whole } = essence(spec);
  const { folds } = spec.data;
  const data = folds === null ? whole.data : { ...whole.data, folds: { count: folds.count } };
  // where every seed starts from the run of its own seed, the weights differ as the seeds do
  const paired = spec.start?.from?.startsWith('group:') === true;
  const start = paired ? { start: { ...whole.start, weights: spec.start!.from } } : {};
  return (await sha256(canonicalJson({ ...whole, data, ...start }))).slice(0, groupDigits);
}
