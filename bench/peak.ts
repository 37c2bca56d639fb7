import type { Local } from '../engine/cpu/asm/func.ts';
import { Module } from '../engine/cpu/asm/module.ts';
import { detectFeatures } from '../engine/cpu/features.ts';

/** As many independent sums as hide the latency of a fused multiply-add; in pairs, so that two can become one of 256 bits. */
const sums = 12;
const turns = 100_000;

/** GFLOP/s of one thread that does nothing but fused multiply-adds in registers, the best of tries in so many seconds. */
export function measurePeak(seconds: number): number {
  const module = new Module({ relaxed: detectFeatures().relaxed, shared: false });
  const f = module.func('peak', ['i32']);
  const [at] = f.params() as [Local];
  const accumulators = f.locals('v128', sums);
  const [x, y] = f.locals('v128', 2) as [Local, Local];
  const turn = f.local('i32');
  f.set(x, f.load(at));
  f.set(y, f.load(at, 16));
  accumulators.forEach((sum, i) => f.set(sum, f.load(at, 32 + 16 * i)));
  f.for(turn, 0, turns, 1, () => {
    accumulators.forEach((sum, i) => f.set(sum, f.madd(i % 2 === 0 ? x : y, i % 2 === 0 ? x : y, sum)));
  });
  accumulators.forEach((sum, i) => f.store(at, 32 + 16 * i, sum));
  module.export(f);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build(1)), { engine: { memory } });
  const run = instance.exports['peak'] as (at: number) => void;
  let best = 0;
  const end = performance.now() + 1000 * seconds;
  do {
    const before = performance.now();
    run(64);
    best = Math.max(best, (sums * turns * 8) / (performance.now() - before) / 1e6);
  } while (performance.now() < end);
  return best;
}
