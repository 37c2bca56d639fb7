import type { DatasetRecord } from '../contract/records.ts';
import type { Datasets } from '../ports.ts';

export interface ChosenImage {
  /** Position in the training file. */
  readonly position: number;
  readonly label: number;
}

/** Images looked through for one of each class. */
const searched = 200;

/** The first image of each class among the first ones of the training file, in class order, then the rest from the start. */
export async function chooseImages(datasets: Datasets, dataset: DatasetRecord, count: number): Promise<ChosenImage[]> {
  const { labels } = await datasets.samples(dataset.id, 0, Math.min(Math.max(count, searched), dataset.trainImages));
  const all = Array.from(labels, (label, position): ChosenImage => ({ position, label }));
  const first = new Map<number, ChosenImage>();
  for (const image of all) if (!first.has(image.label)) first.set(image.label, image);
  const chosen = [...first.values()].sort((a, b) => a.label - b.label);
  return [...chosen, ...all.filter((image) => first.get(image.label) !== image)].slice(0, count);
}
