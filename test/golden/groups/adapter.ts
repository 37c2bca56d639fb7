import type { Backend, CompileOptions } from '../../../engine/backend.ts';
import type { GoldenCase } from '../cases.ts';
import type { Output } from '../compare.ts';
import { GoldenDataError } from '../errors.ts';
import type { GoldenTensor } from '../safetensors.ts';

export interface Device {
  readonly backend: Backend;
  readonly options: CompileOptions;
}

/** Runs one case of a group through the engine. Throws Unsupported where the engine lacks the op. */
export type GroupAdapter = (golden: GoldenCase, device: Device) => Promise<ReadonlyMap<string, Output>>;

export function inputOf(golden: GoldenCase, name: string): GoldenTensor {
  const tensor = golden.inputs.get(name);
  if (tensor === undefined) throw new GoldenDataError(`${golden.id}: has no input "${name}".`);
  return tensor;
}

export function numberOf(golden: GoldenCase, name: string): number {
  const value = golden.attrs[name];
  if (typeof value !== 'number') throw new GoldenDataError(`${golden.id}: attribute "${name}" is not a number.`);
  return value;
}

export function numbersOf(golden: GoldenCase, name: string): number[] {
  const value = golden.attrs[name];
  if (!Array.isArray(value) || value.some((item) => typeof item !== 'number')) {
    throw new GoldenDataError(`${golden.id}: attribute "${name}" is not a list of numbers.`);
  }
  return value as number[];
}

export function pairOf(golden: GoldenCase, name: string): [number, number] {
  const [first, second, ...rest] = numbersOf(golden, name);
  if (first === undefined || second === undefined || rest.length > 0) {
    throw new GoldenDataError(`${golden.id}: attribute "${name}" is not a pair of numbers.`);
  }
  return [first, second];
}

export function booleanOf(golden: GoldenCase, name: string): boolean {
  const value = golden.attrs[name];
  if (typeof value !== 'boolean') throw new GoldenDataError(`${golden.id}: attribute "${name}" is not true or false.`);
  return value;
}

export function choiceOf<T extends string>(golden: GoldenCase, name: string, choices: readonly T[]): T {
  const value = golden.attrs[name];
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    throw new GoldenDataError(
      `${golden.id}: attribute "${name}" is ${JSON.stringify(value)}, not one of ${choices.join(', ')}.`,
    );
  }
  return found;
}
