import { count } from '../format.ts';

/** Images of each class in the parts of a split. */
export interface PartCounts {
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** How evenly the classes are drawn: how far, at most, the share of a class in the validation images is from that in the training ones. */
export function spreadWords({ train, validation }: PartCounts): string {
  const total = (counts: readonly number[]): number => counts.reduce((sum, each) => sum + each, 0);
  const [trained, held] = [total(train), total(validation)];
  if (held === 0) return `${count(trained)} images are trained on, none is held out.`;
  const apart = train.map((each, c) => Math.abs(each / trained - validation[c]! / held));
  const most = 100 * Math.max(...apart);
  return `Shares of a class in training and validation images differ by ${most < 0.01 ? 'less than 0.01' : `up to ${most.toFixed(2)}`} percentage points.`;
}
