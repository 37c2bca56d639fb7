import { EngineError } from '../errors.ts';
import type { StoppingState } from './earlyStopping.ts';
import { canonical } from './jobDescription.ts';
import type { JobDescription } from './jobDescription.ts';
import { plateauStart, type PlateauState } from './schedules.ts';
import { decodeSafetensors, encodeSafetensors, sha256 } from './safetensors.ts';
import type { NamedTensor } from './safetensors.ts';

/**
 * A checkpoint is a safetensors file: parameters, buffers and optimiser state under the plan's names, and in its metadata
 * what else the rest of the run depends on. Batch order, dropout and learning rate follow from seed and step alone.
 */
export interface Checkpoint {
  /** Completed steps. */
  readonly step: number;
  /** Training seconds so far. */
  readonly seconds: number;
  /** Step of the last finished evaluation on validation images; 0: none yet. */
  readonly evaluatedStep: number;
  readonly stopping: StoppingState;
  /** State of reduceOnPlateau; null: the run has no such schedule. */
  readonly plateau: PlateauState | null;
  readonly job: JobDescription;
  /** Updates that nodes have missed (UpdateCount); left out for a run in which none does. */
  readonly missed?: ReadonlyMap<string, number>;
  /** Updates that single parameters have missed beside their nodes; left out where there are none. */
  readonly missedAlone?: ReadonlyMap<string, number>;
  /** Forms of kernels that a backend has measured and chosen, for the same bits from here on; left out where there is no choice. */
  readonly forms?: Readonly<Record<string, string>>;
  readonly tensors: readonly NamedTensor[];
  /** Parameters and buffers of the best evaluation, for runs that put them back at the end; else empty. */
  readonly best: readonly NamedTensor[];
}

/** In the metadata of a checkpoint file. */
export const checkpointFormat = 'ablate.checkpoint';
const version = 1;
/** Behind the name of a tensor of `best`. Names of the plan end in that of a parameter, buffer or state, none of which is this. */
const bestSuffix = '.best';

export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array<ArrayBuffer> {
  const {
    step,
    seconds,
    evaluatedStep,
    stopping,
    plateau,
    job,
    missed,
    missedAlone,
    forms = {},
    tensors,
    best,
  } = checkpoint;
  const all = [...tensors, ...best.map((tensor) => ({ ...tensor, name: `${tensor.name}${bestSuffix}` }))];
  return encodeSafetensors(all, {
    format: checkpointFormat,
    version: String(version),
    step: String(step),
    seconds: String(seconds),
    evaluatedStep: String(evaluatedStep),
    stopping: canonical(stopping),
    ...(plateau === null ? {} : { plateau: canonical(plateau) }),
    job: canonical(job),
    ...(missed && { missed: canonical(Object.fromEntries(missed)) }),
    ...(missedAlone && { missedAlone: canonical(Object.fromEntries(missedAlone)) }),
    ...(Object.keys(forms).length === 0 ? {} : { forms: canonical(forms) }),
  });
}

/** Throws EngineError('checkpoint') that names what is wrong. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata.format !== checkpointFormat) {
    throw new EngineError(
      'checkpoint',
      `This safetensors file is no checkpoint of a run (its metadata has no "format": "${checkpointFormat}"). Choose a checkpoint file.`,
    );
  }
  if (metadata.version !== String(version)) {
    throw new EngineError(
      'checkpoint',
      `The checkpoint has format version ${metadata.version ?? 'none'}; this program reads version ${version}. Use the program that wrote it.`,
    );
  }
  return {
    step: number(metadata, 'step', Number.isSafeInteger),
    seconds: number(metadata, 'seconds', Number.isFinite),
    evaluatedStep: number(metadata, 'evaluatedStep', Number.isSafeInteger),
    stopping: stoppingState(metadata),
    plateau: plateauState(metadata),
    job: jobDescription(metadata),
    ...(metadata['missed'] !== undefined && { missed: countsIn(metadata, 'missed') }),
    ...(metadata['missedAlone'] !== undefined && { missedAlone: countsIn(metadata, 'missedAlone') }),
    ...(metadata['forms'] !== undefined && { forms: formsOf(metadata) }),
    tensors: tensors.filter(({ name }) => !name.endsWith(bestSuffix)),
    best: tensors
      .filter(({ name }) => name.endsWith(bestSuffix))
      .map((tensor) => ({ ...tensor, name: tensor.name.slice(0, -bestSuffix.length) })),
  };
}

function damaged(key: string, expected: string): never {
  throw new EngineError(
    'checkpoint',
    `The checkpoint is damaged: "${key}" in its metadata is not ${expected}. Use another checkpoint or start the run again.`,
  );
}

type Metadata = Readonly<Record<string, string>>;

function number(metadata: Metadata, key: string, allowed: (value: number) => boolean): number {
  const text = metadata[key];
  const value = Number(text);
  if (text === undefined || text.trim() === '' || !allowed(value) || value < 0) damaged(key, 'a number from 0 on');
  return value;
}

function record(metadata: Metadata, key: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(metadata[key] ?? '');
  } catch {
    damaged(key, 'JSON');
  }
  if (typeof value !== 'object' || value === null) damaged(key, 'an object');
  return value as Record<string, unknown>;
}

function stoppingState(metadata: Metadata): StoppingState {
  const { best, bestStep, reference, waited } = record(metadata, 'stopping');
  const optional = (value: unknown): value is number | null => value === null || typeof value === 'number';
  if (!optional(best) || !optional(bestStep) || !optional(reference) || !Number.isSafeInteger(waited)) {
    damaged('stopping', 'the state of early stopping');
  }
  return { best, bestStep, reference, waited: waited as number };
}

function countsIn(metadata: Metadata, key: string): Map<string, number> {
  const entries = Object.entries(record(metadata, key));
  const isCount = (entry: [string, unknown]): entry is [string, number] =>
    Number.isSafeInteger(entry[1]) && Number(entry[1]) >= 0;
  if (!entries.every(isCount)) damaged(key, 'a list of counts');
  return new Map(entries);
}

function formsOf(metadata: Metadata): Record<string, string> {
  const forms = record(metadata, 'forms');
  const isText = (entry: [string, unknown]): entry is [string, string] => typeof entry[1] === 'string';
  const entries = Object.entries(forms);
  if (!entries.every(isText)) damaged('forms', 'a list of kernels');
  return Object.fromEntries(entries);
}

function plateauState(metadata: Metadata): PlateauState | null {
  if (metadata['plateau'] === undefined) return null;
  const state: Record<keyof PlateauState, unknown> = { ...plateauStart(1), ...record(metadata, 'plateau') };
  const { learningRate, best, badSteps, cooldownLeft } = state;
  if (
    typeof learningRate !== 'number' ||
    (best !== null && typeof best !== 'number') ||
    !Number.isSafeInteger(badSteps) ||
    !Number.isSafeInteger(cooldownLeft)
  ) {
    damaged('plateau', 'the state of reduceOnPlateau');
  }
  return { learningRate, best, badSteps: badSteps as number, cooldownLeft: cooldownLeft as number };
}

function jobDescription(metadata: Metadata): JobDescription {
  const value = record(metadata, 'job');
  for (const part of ['model', 'data', 'training', 'seed']) {
    if (typeof value[part] !== 'string') damaged('job', 'the description of a run');
  }
  return value as JobDescription;
}

/**
 * SHA-256 (lower-case hexadecimal) over names, shapes and logical values of parameters, buffers and optimiser state: the
 * hash of the safetensors file that holds these and no metadata.
 */
export function resultHash(tensors: readonly NamedTensor[]): Promise<string> {
  return sha256(encodeSafetensors(tensors));
}
