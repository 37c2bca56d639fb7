import { EngineError } from '../errors.ts';
import { Module } from './asm/module.ts';

export interface CpuFeatures {
  /** Fused multiply-add of the relaxed SIMD proposal. */
  readonly relaxed: boolean;
}

function probe(relaxed: boolean): boolean {
  const module = new Module({ relaxed, shared: false });
  const func = module.func('probe', ['i32']);
  const at = func.param(0);
  func.store(at, 0, func.madd(func.load(at), func.load(at), func.load(at)));
  return WebAssembly.validate(module.build(1));
}

let found: CpuFeatures | undefined;

/** What this machine's WebAssembly can do. Throws EngineError('device') without SIMD: every kernel is built on it. */
export function detectFeatures(): CpuFeatures {
  if (found) return found;
  if (typeof WebAssembly === 'undefined' || !probe(false)) {
    throw new EngineError(
      'device',
      'The cpu backend needs WebAssembly SIMD, which this runtime lacks; update the runtime (Node 16.4, Chrome 91, Firefox 89, Safari 16.4 or later) or choose the reference backend.',
    );
  }
  found = { relaxed: probe(true) };
  return found;
}
