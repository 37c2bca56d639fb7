import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface TorchTiming {
  /** Milliseconds per step. */
  readonly least: number;
  readonly median: number;
  readonly version: string;
  readonly blas: string;
}

const script = fileURLToPath(new URL('pytorch.py', import.meta.url));

/** The first is whatever the user prefers, the second Debian's own, which python3-torch belongs to. */
const pythons = ['python3', '/usr/bin/python3'];

const python = pythons.find((candidate) => spawnSync(candidate, ['-c', 'import torch']).status === 0);

/** Why PyTorch cannot be measured here, or null. */
export function torchMissing(): string | null {
  if (python !== undefined) return null;
  return 'no python3 with torch (Debian: apt-get install python3-torch libopenblas0-openmp)';
}

/** Times the workload in PyTorch, in the same minutes as the rest. Throws with PyTorch's last words if it fails. */
export function timeTorch(workload: string, threads: number, seconds: number): TorchTiming {
  const run = spawnSync(python ?? 'python3', [script, workload, String(threads), String(seconds)], {
    encoding: 'utf8',
  });
  if (run.status !== 0) throw new Error(`PyTorch failed on ${workload}: ${run.stderr.trim().split('\n').at(-1)}`);
  return JSON.parse(run.stdout) as TorchTiming;
}
