/** Stops of a perceptually uniform sequential map (viridis: van der Walt and Smith 2015), dark to light. */
const stops = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
] as const;

/** The colour at `part` (0 to 1) as [r, g, b]. */
export function sequential(part: number): readonly [number, number, number] {
  const at = Math.min(1, Math.max(0, part)) * (stops.length - 1);
  const low = stops[Math.floor(at)]!;
  const high = stops[Math.min(stops.length - 1, Math.floor(at) + 1)]!;
  const share = at - Math.floor(at);
  return [0, 1, 2].map((i) => Math.round(low[i]! + (high[i]! - low[i]!) * share)) as [number, number, number];
}

export const css = ([r, g, b]: readonly [number, number, number]): string => `rgb(${r} ${g} ${b})`;
