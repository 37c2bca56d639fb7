import { decodeWeights, matchTensors, type NamedTensor } from '../../engine/index.ts';
import type { DatasetRecord } from '../contract/records.ts';
import type { Spec } from '../spec/schema.ts';
import { beginningModel } from './check.ts';
import type { StartWeights } from './weights.ts';

/** The tensors that a spec takes over from stored weights, by their names in it; null for a spec that starts from none. */
export async function takenWeights(
  spec: Spec,
  dataset: DatasetRecord,
  weights: StartWeights,
): Promise<{
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  readonly words: string;
  /** Completed steps that the run begins behind. */
  readonly firstStep: number;
} | null> {
  if (!spec.start) return null;
  const { start, bytes, record } = await weights.resolve({ ...spec, start: spec.start });
  const stored = decodeWeights(bytes);
  const source = new Map(stored.tensors.map((tensor) => [tensor.name, tensor]));
  const tensors = new Map<string, NamedTensor>();
  for (const node of beginningModel(spec, dataset, record.firstStep).nodes) {
    for (const { name, from, state } of matchTensors(node, source, start)) {
      if (state === 'reused' && from !== null) tensors.set(name, { ...source.get(from)!, name });
    }
  }
  return { tensors, words: record.words, firstStep: record.firstStep };
}
