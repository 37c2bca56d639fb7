import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { GoldenDataError } from './errors.ts';
import { readSafetensors } from './safetensors.ts';
import type { GoldenTensor } from './safetensors.ts';

/** Groups of reference data, in the order in which they are run. */
export const groupNames = [
  'layers',
  'losses',
  'optimizers',
  'schedules',
  'trajectories',
  'diagnostics',
  'metrics',
  'statistics',
  'rng',
] as const;
export type GroupName = (typeof groupNames)[number];

/** y passes against g when |y - g| <= abs + rel * |g|. */
export interface Tolerance {
  readonly abs: number;
  readonly rel: number;
}

/** A number, or a list of rows for each axis of a tensor. */
export type NestedValues = number | null | readonly NestedValues[];

/** One case with its tensors at hand. */
export interface GoldenCase {
  readonly id: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: ReadonlyMap<string, GoldenTensor>;
  readonly outputs: ReadonlyMap<string, GoldenTensor>;
  readonly tolerance: Tolerance;
  readonly tolerances: Readonly<Record<string, Tolerance>>;
  /** The same outputs in double precision, for what is computed in doubles; null means undefined (NaN). */
  readonly values: Readonly<Record<string, NestedValues>>;
  readonly valuesTolerance: Tolerance | undefined;
}

/** The groups that `folder` holds. */
export function groupsIn(folder: string): GroupName[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new GoldenDataError(
      `${folder}: no such folder; --dir takes a folder with <group>.json and <group>.safetensors.`,
    );
  }
  const found = groupNames.filter((group) => existsSync(join(folder, `${group}.json`)));
  if (found.length === 0) {
    throw new GoldenDataError(`${folder}: holds no reference data; expected files such as ${groupNames[0]}.json.`);
  }
  return found;
}

/** All cases of a group, checked as far as running them needs. */
export function loadGroup(folder: string, group: GroupName): GoldenCase[] {
  const path = join(folder, `${group}.json`);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new GoldenDataError(`${path}: cannot be read (${(error as Error).message}).`);
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new GoldenDataError(`${path}: is not JSON (${(error as Error).message}).`);
  }
  if (!isRecord(document) || document['format'] !== 1) {
    throw new GoldenDataError(`${path}: is not of format 1.`);
  }
  const { file, cases } = document;
  if (typeof file !== 'string' || !Array.isArray(cases)) {
    throw new GoldenDataError(`${path}: "file" (a name) or "cases" (a list) is missing.`);
  }
  const tensors = readSafetensors(join(folder, file));
  return cases.map((entry, i) => checkCase(entry, `${path}: cases[${i}]`, tensors));
}

function checkCase(entry: unknown, where: string, tensors: ReadonlyMap<string, GoldenTensor>): GoldenCase {
  if (!isRecord(entry) || typeof entry['id'] !== 'string' || typeof entry['op'] !== 'string') {
    throw new GoldenDataError(`${where}: has no "id" and "op".`);
  }
  const { id, op, attrs = {}, tolerances = {}, values = {}, valuesTolerance } = entry;
  const here = `${where} (${id})`;
  if (!isRecord(attrs) || !isRecord(values)) throw new GoldenDataError(`${here}: "attrs" or "values" is not a table.`);
  if (!isRecord(tolerances)) throw new GoldenDataError(`${here}: "tolerances" is not a table.`);
  const named = Object.entries(tolerances).map(([name, value]) => [name, toleranceOf(value, `${here}.tolerances`)]);
  return {
    id,
    op,
    attrs,
    inputs: tensorsOf(entry['inputs'], `${here}.inputs`, tensors),
    outputs: tensorsOf(entry['outputs'], `${here}.outputs`, tensors),
    tolerance: toleranceOf(entry['tolerance'], `${here}.tolerance`),
    tolerances: Object.fromEntries(named) as Record<string, Tolerance>,
    values: values as GoldenCase['values'],
    valuesTolerance:
      valuesTolerance === undefined ? undefined : toleranceOf(valuesTolerance, `${here}.valuesTolerance`),
  };
}

function tensorsOf(
  value: unknown,
  where: string,
  tensors: ReadonlyMap<string, GoldenTensor>,
): Map<string, GoldenTensor> {
  if (!isRecord(value)) throw new GoldenDataError(`${where}: is not a table of tensor names.`);
  return new Map(
    Object.entries(value).map(([name, stored]) => {
      const tensor = typeof stored === 'string' ? tensors.get(stored) : undefined;
      if (tensor === undefined) {
        throw new GoldenDataError(`${where}.${name}: the safetensors file has no tensor ${JSON.stringify(stored)}.`);
      }
      return [name, tensor];
    }),
  );
}

function toleranceOf(value: unknown, where: string): Tolerance {
  if (!isRecord(value) || typeof value['abs'] !== 'number' || typeof value['rel'] !== 'number') {
    throw new GoldenDataError(`${where}: is not {"abs": number, "rel": number}.`);
  }
  return { abs: value['abs'], rel: value['rel'] };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
