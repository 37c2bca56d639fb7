import type { Spec } from '../../spec/schema.ts';

const random = `
def split(labels):
    """Positions of training and validation images in the training file."""
    order = shuffled(np.arange(len(labels)), SPLIT)
    rest = order[VALIDATION:]
    return rest if TRAIN_IMAGES is None else rest[:TRAIN_IMAGES], order[:VALIDATION]
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

const other = `
def split(labels):
    """Positions of training and validation images in the training file."""
    order = shuffled(np.arange(len(labels)), SPLIT)
    if FOLDS is not None:
        # dealt out, one image to each fold in turn
        if STRATIFIED:
            order = order[np.argsort(labels[order], kind="stable")]
        own = np.arange(len(order)) % FOLDS["count"] == FOLDS["fold"] - 1
        validation, rest = order[own], order[~own]
    else:
        order = apportioned(order, labels) if STRATIFIED else order
        validation, rest = order[:VALIDATION], order[VALIDATION:]
    if TRAIN_IMAGES is None:
        return rest, validation
    return (apportioned(rest, labels) if STRATIFIED else rest)[:TRAIN_IMAGES], validation
`;

/** `split(labels)` of a program: the very images that the engine draws (engine/data/split.ts). */
export function splitSource({ split, folds }: Spec['data']): string {
  if (split === 'random' && folds === null) return random;
  return split === 'stratified' ? apportioned + other.trimStart() : other;
}

/** The settings that it reads, beside VALIDATION and TRAIN_IMAGES. */
export function splitSettings({ split, folds }: Spec['data']): readonly (readonly [string, unknown])[] {
  if (split === 'random' && folds === null) return [];
  return [
    ['STRATIFIED', split === 'stratified'],
    ['FOLDS', folds],
  ];
}
