import type { Local } from '../engine/cpu/asm/func.ts';
import { Module } from '../engine/cpu/asm/module.ts';
import { detectFeatures } from '../engine/cpu/features.ts';

/**
 * Independent sums: as many as hide the latency of a fused multiply-add and fit the registers, 12 for vectors of 128 bits, twice as
 * many where V8 joins them in pairs. Whichever is faster counts.
 */
const sumCounts = [12, 24];
const turns = 50_000;

function multiplyAdds(sums: number): (at: number) => void {
  const module = new Module({ relaxed: detectFeatures().relaxed, shared: false });
  const f = module.func('peak', ['i32']);
  const [at] = f.params() as [Local];
  const accumulators = f.locals('v128', sums);
  const factors = f.locals('v128', 2);
  const turn = f.local('i32');
  factors.forEach((factor, i) => f.set(factor, f.load(at, 16 * i)));
  accumulators.forEach((sum, i) => f.set(sum, f.load(at, 32 + 16 * i)));
  f.for(turn, 0, turns, 1, () => {
    accumulators.forEach((sum, i) => f.set(sum, f.madd(factors[i % 2]!, factors[i % 2]!, sum)));
  });
  accumulators.forEach((sum, i) => f.store(at, 32 + 16 * i, sum));
  module.export(f);
  const memory = new WebAssembly.Memory({ initial: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build(1)), { engine: { memory } });
  return instance.exports['peak'] as (at: number) => void;
}

/** GFLOP/s of one thread that does nothing but fused multiply-adds in registers, the best of tries in so many seconds. */
export function measurePeak(seconds: number): number {
  const tries = sumCounts.map((sums) => ({ sums, run: multiplyAdds(sums) }));
  let best = 0;
  const end = performance.now() + 1000 * seconds;
  do {
    for (const { sums, run } of tries) {
      const before = performance.now();
      run(64);
      best = Math.max(best, (sums * turns * 8) / (performance.now() - before) / 1e6);
    }
  } while (performance.now() < end);
  return best;
}
