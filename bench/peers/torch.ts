import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Peer } from './peer.ts';

const script = fileURLToPath(new URL('../children/pytorch.py', import.meta.url));

/** The first is whatever the user prefers, the second Debian's own, which python3-torch belongs to. */
const pythons = ['python3', '/usr/bin/python3'];

let found: string | undefined;
const python = (): string | undefined =>
  (found ??= pythons.find((candidate) => spawnSync(candidate, ['-c', 'import torch']).status === 0));

/**
 * Where Debian keeps OpenBLAS with OpenMP threads. PyTorch calls BLAS from OpenMP threads; the build with threads of its own, which
 * an alternative may point to, fights with them for the cores.
 */
const openmpBlas = '/usr/lib/x86_64-linux-gnu/openblas-openmp';

/** PyTorch, each number of threads in a process of its own, in the memory format and optimiser form that is fastest. */
export const torch: Peer = {
  name: 'torch',
  missing: () =>
    python() === undefined ? 'no python3 with torch (Debian: apt-get install python3-torch libopenblas0-openmp)' : null,
  programs: (threads) =>
    threads.map((count) => ({
      name: `torch-${count}t`,
      command: python() ?? 'python3',
      args: [script, String(count)],
      env: {
        OMP_NUM_THREADS: String(count),
        ...(existsSync(openmpBlas) && {
          LD_LIBRARY_PATH: [openmpBlas, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':'),
        }),
      },
    })),
};
