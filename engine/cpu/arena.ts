import type { Buffer } from './step.ts';
import type { Lifetime } from './schedule.ts';

/** Cache lines; also keeps vector reads past a buffer's end inside the memory. */
const alignment = 64;

export function align(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/**
 * Gives each buffer an address from `base` on such that no two that live in a common level overlap: largest first, each
 * into the lowest gap that fits. Returns the end of the arena.
 */
export function placeTransient(lifetimes: readonly Lifetime[], base: number): number {
  const placed: { buffer: Buffer; from: number; to: number; first: number; last: number }[] = [];
  const bySize = [...lifetimes].sort((a, b) => b.bytes - a.bytes || a.first - b.first);
  let end = base;
  for (const { buffer, bytes, first, last } of bySize) {
    const taken = placed.filter((other) => other.first <= last && first <= other.last).sort((a, b) => a.from - b.from);
    const size = align(bytes + 16);
    let at = base;
    for (const other of taken) {
      if (at + size <= other.from) break;
      at = Math.max(at, other.to);
    }
    buffer.address = at;
    placed.push({ buffer, from: at, to: at + size, first, last });
    end = Math.max(end, at + size);
  }
  return end;
}
