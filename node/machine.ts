import { availableParallelism } from 'node:os';
import type { Machine } from '../lab/ports.ts';
import { isRevectorizeOn } from './revectorize.ts';

/** A module with one SIMD instruction (v128.const), and one with a relaxed one (i8x16.relaxed_swizzle). */
const simdModule = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];
const relaxedModule = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];

/** What this machine offers to the lab. */
export function describeMachine(home: string): Machine {
  return {
    cores: availableParallelism(),
    platform: `${process.platform} ${process.arch}, Node ${process.versions.node}`,
    home,
    get backend() {
      return `${describeBackend()}${isRevectorizeOn() ? ', joined to 256 bits (revectorize)' : ''}`;
    },
  };
}

function describeBackend(): string {
  const can = (bytes: number[]) => WebAssembly.validate(new Uint8Array(bytes));
  if (can(relaxedModule)) return 'cpu: WebAssembly with SIMD and fused multiply-add (relaxed SIMD)';
  if (can(simdModule)) return 'cpu: WebAssembly with SIMD, without relaxed SIMD (about a quarter slower)';
  return 'cpu: WebAssembly without SIMD (several times slower)';
}
