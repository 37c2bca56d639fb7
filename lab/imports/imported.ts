import type { NamedTensor } from '../../engine/index.ts';
import type { Spec } from '../spec/schema.ts';

/** What a file held, checked and not stored yet. */
export interface Imported {
  readonly name: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly model: Spec['model'];
  /** Id of the data set that it was made for, where the file says so. */
  readonly dataset: string | null;
  /** Of one image, [C, H, W], where the file says so. */
  readonly inputShape: readonly [number, number, number] | null;
  /** Outputs of the model, where the file says so. */
  readonly classes: number | null;
  /** The whole experiment, where the file is one. */
  readonly spec: Spec | null;
  /** Under their names in a plan; null: the file has none. */
  readonly weights: readonly NamedTensor[] | null;
  /** What was left out or understood in another way, in sentences. */
  readonly notes: readonly string[];
}

/** Larger models are no networks of this lab, and would freeze a canvas. */
export const mostNodes = 5000;
/** Larger files are refused before they are read. */
export const largestFile = 512 * 2 ** 20;
export const largestDocument = 16 * 2 ** 20;
