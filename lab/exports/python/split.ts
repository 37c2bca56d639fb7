import type { Spec } from '../../spec/schema.ts';

const random = (some: boolean): string => `
def split(labels):
    """Positions of training and validation images in the training file."""
    order = shuffled(np.arange(len(labels)), SPLIT)
    return order[VALIDATION:]${some ? '[:TRAIN_IMAGES]' : ''}, order[:VALIDATION]
`;

const apportioned = `
def apportioned(order, labels):
    """A sequence any beginning of which has of every class its share, rounded up or down (Balinski and Young 1975)."""
    classes = [order[labels[order] == c] for c in np.unique(labels[order])]
    sizes = np.array([len(images) for images in classes], dtype=np.int64)
    seats, out = np.zeros_like(sizes), np.empty_like(order)
    for h in range(len(order)):
        due = seats * len(order) < sizes * (h + 1)
        c = int(np.argmax(np.where(due, sizes / (seats + 1), -1.0)))
        out[h], seats[c] = classes[c][seats[c]], seats[c] + 1
    return out


`;

const other = ({ split, folds, trainImages }: Spec['data']): string => {
  const stratified = split === 'stratified';
  const held =
    folds === null
      ? `    ${stratified ? 'order = apportioned(order, labels)\n    ' : ''}validation, rest = order[:VALIDATION], order[VALIDATION:]`
      : `    # dealt out, one image to each fold in turn${stratified ? ', class by class\n    order = order[np.argsort(labels[order], kind="stable")]' : ''}
    own = np.arange(len(order)) % ${folds.count} == ${folds.fold - 1}
    validation, rest = order[own], order[~own]`;
  const taken = trainImages === null ? 'rest' : `${stratified ? 'apportioned(rest, labels)' : 'rest'}[:TRAIN_IMAGES]`;
  return `
def split(labels):
    """Positions of training and validation images in the training file."""
    order = shuffled(np.arange(len(labels)), SPLIT)
${held}
    return ${taken}, validation
`;
};

/** `split(labels)` of a program: the very images that the engine draws (engine/data/split.ts). */
export function splitSource(data: Spec['data']): string {
  const { split, folds, trainImages } = data;
  if (split === 'random' && folds === null) return random(trainImages !== null);
  const apportions = split === 'stratified' && (folds === null || trainImages !== null);
  return `${apportions ? apportioned : ''}${other(data).trimStart()}`;
}

/** The settings that it reads. */
export function splitSettings(
  { folds, trainImages }: Spec['data'],
  held: number,
): readonly (readonly [string, unknown, string])[] {
  return [
    ...(folds === null ? ([['VALIDATION', held, 'images held out of the training file']] as const) : []),
    ...(trainImages === null ? [] : ([['TRAIN_IMAGES', trainImages, 'trained on, of the rest']] as const)),
  ];
}
