import type { GoldenCase } from '../cases.ts';
import type { Output } from '../compare.ts';
import { inputOf } from './adapter.ts';

/** Results in double precision by the reference data's names; each gets the shape that the data give it. */
export function doubles(
  golden: GoldenCase,
  values: Readonly<Record<string, number | boolean | ArrayLike<number>>>,
): Map<string, Output> {
  return new Map(
    Object.entries(values).map(([name, value]) => {
      const data = typeof value === 'object' ? Float64Array.from(value) : Float64Array.of(Number(value));
      return [name, { shape: golden.outputs.get(name)?.shape ?? [data.length], data }];
    }),
  );
}

/** An input as doubles. */
export const numbersIn = (golden: GoldenCase, name: string): number[] => Array.from(inputOf(golden, name).data);

/** A list in rows of `width`. */
export const rowsOf = (values: readonly number[], width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));
