/**
 * The images of `order` in a sequence any beginning of which has of every class its share of all of them, rounded down or up: with n of N
 * images of a class, the first h hold floor(h n / N) or ceil(h n / N) of it. Within a class the order stays.
 *
 * This is the apportionment of h seats to classes, for every h at once, so that none ever loses a seat as h grows: the quota method
 * (Balinski and Young, "The quota method of apportionment", Amer. Math. Monthly 82, 1975). The next seat goes, among the classes
 * that one more would not carry above their share rounded up, to the one with the largest n / (seats + 1); of equals, to the first. Proportional
 * rounding class by class (largest remainder) keeps the shares, too, but images would come and go as h grows.
 *
 * @param order positions in the file
 * @param labels u8, of the file
 */
export function apportioned(order: Int32Array, labels: Uint8Array): Int32Array {
  const images = byClass(order, labels);
  const total = order.length;
  const seats = new Int32Array(images.length);
  const sequence = new Int32Array(total);
  for (let h = 0; h < total; h++) {
    let next = -1;
    for (let c = 0; c < images.length; c++) {
      const size = images[c]!.length;
      // below the share at h + 1 seats; products of counts are exact
      if (seats[c]! * total >= size * (h + 1)) continue;
      // the largest size / (seats + 1), compared without a division
      if (next < 0 || size * (seats[next]! + 1) > images[next]!.length * (seats[c]! + 1)) next = c;
    }
    sequence[h] = images[next]![seats[next]!++]!;
  }
  return sequence;
}

/** Positions of each class that occurs, by label, each in the order they come in. */
export function byClass(order: Int32Array, labels: Uint8Array): readonly (readonly number[])[] {
  const classes: number[][] = [];
  for (const image of order) (classes[labels[image]!] ??= []).push(image);
  // labels that do not occur are holes
  return classes.filter(() => true);
}

/** How many of the images have each label. */
export function classCounts(images: Iterable<number>, labels: Uint8Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const image of images) counts[labels[image]!]!++;
  return counts;
}
