import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { detectFeatures } from '../engine/cpu/features.ts';

/** What the figures were measured on. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    v8: process.versions.v8,
    relaxedSimd: detectFeatures().relaxed,
    /** Runnable processes over the last minute: on a busy machine compare least times rather than medians. */
    load: Number(loadavg()[0]!.toFixed(2)),
  };
}
