/** Axis ranges and ticks: round numbers, and ranges that grow in steps so that a live chart does not creep. */

/** 1, 2 or 5 times a power of ten, so that about `count` steps fill `span`. */
export function niceStep(span: number, count: number): number {
  if (!(span > 0) || !Number.isFinite(span)) return 1;
  const raw = span / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 5, 10].find((each) => each * power >= raw * (1 - 1e-9)) ?? 10;
  return factor * power;
}

/** The smallest range of whole steps around the values, with `count` steps or so. */
export function niceRange(low: number, high: number, count = 5): { min: number; max: number; step: number } {
  const size = Math.max(Math.abs(low), Math.abs(high));
  // values closer than double precision can tick apart count as one
  if (high - low <= size * 1e-9 || high - low < 1e-30) {
    const pad = size > 1e-12 ? size * 0.1 : 1;
    low -= pad;
    high += pad;
  }
  const step = niceStep(high - low, count);
  return {
    min: round(Math.floor(low / step + 1e-9) * step, step),
    max: round(Math.ceil(high / step - 1e-9) * step, step),
    step,
  };
}

/** Decades around the values. */
export function logRange(low: number, high: number): { min: number; max: number } {
  const min = 10 ** Math.floor(Math.log10(low) + 1e-9);
  const max = 10 ** Math.ceil(Math.log10(high) - 1e-9);
  return { min, max: max > min ? max : min * 10 };
}

/** Where an axis that still grows should end: the known end if there is one, else the next round number with room. */
export function growingEnd(reached: number, known: number | null): number {
  if (known !== null && known > 0) return Math.max(known, reached);
  if (reached <= 0) return 1;
  const step = niceStep(reached, 4);
  return Math.ceil((reached * 1.02) / step) * step;
}

/** Round ticks inside a range. */
export function ticks(min: number, max: number, count: number): number[] {
  const step = niceStep(max - min, count);
  const list: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + step * 1e-9; i++) list.push(round(i * step, step));
  return list;
}

/** Takes away what floating point added to a multiple of `step`. */
function round(value: number, step: number): number {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(step)));
  return Number(value.toFixed(Math.min(100, digits)));
}

/** Moves labels apart that would cover each other: wanted centres in, centres out, in the same order. */
export function spread(wanted: readonly number[], height: number, top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a]! - wanted[b]!);
  const clusters: { members: number[]; centre: number }[] = [];
  const size = (n: number): number => n * height;
  for (const index of order) {
    let cluster = { members: [index], centre: wanted[index]! };
    for (;;) {
      const half = size(cluster.members.length) / 2;
      cluster.centre = Math.min(Math.max(cluster.centre, top + half), bottom - half);
      const previous = clusters.at(-1);
      if (!previous || previous.centre + size(previous.members.length) / 2 <= cluster.centre - half + 1e-6) break;
      clusters.pop();
      const members = [...previous.members, ...cluster.members];
      // each member's wish for the middle of the cluster, given its own place in it
      const centre =
        members.reduce((sum, member, i) => sum + wanted[member]! - (i + 0.5) * height, 0) / members.length +
        size(members.length) / 2;
      cluster = { members, centre };
    }
    clusters.push(cluster);
  }
  const out = new Array<number>(wanted.length).fill(0);
  for (const { members, centre } of clusters) {
    members.forEach((member, i) => (out[member] = centre - size(members.length) / 2 + (i + 0.5) * height));
  }
  return out;
}
