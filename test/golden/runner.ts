import type { Backend, BackendName, CompileOptions } from '../../engine/backend.ts';
import { loadBackend as loadCpuBackend } from '../../engine/host/backends.node.ts';
import { nodeGpuBackend } from '../../engine/host/gpuBackend.node.ts';
import { groupsIn, loadGroup } from './cases.ts';
import type { GoldenCase, GroupName } from './cases.ts';
import { compareCase } from './compare.ts';
import type { Failure } from './compare.ts';
import { GoldenDataError, Unsupported } from './errors.ts';
import type { Device, GroupAdapter } from './groups/adapter.ts';
import { diagnostics } from './groups/diagnostics.ts';
import { layers } from './groups/layers.ts';
import { losses } from './groups/losses.ts';
import { metrics } from './groups/metrics.ts';
import { optimizers } from './groups/optimizers.ts';
import { rng } from './groups/rng.ts';
import { schedules } from './groups/schedules.ts';
import { statistics } from './groups/statistics.ts';
import { trajectories } from './groups/trajectories.ts';

export interface GroupReport {
  readonly cases: number;
  readonly passed: number;
  readonly failed: number;
  readonly unsupported: number;
  readonly failures: readonly Failure[];
  /** Ops that the engine lacks, with the number of cases that need them. */
  readonly unsupportedOps: Readonly<Record<string, number>>;
}

/** Per backend, per group. */
export interface GoldenReport {
  readonly backends: Readonly<Record<string, Readonly<Record<string, GroupReport>>>>;
}

const adapters: Partial<Record<GroupName, GroupAdapter>> = {
  layers,
  losses,
  optimizers,
  schedules,
  trajectories,
  diagnostics,
  metrics,
  statistics,
  rng,
};

/** A backend in this very process, which for 'webgpu' loads Dawn. */
export const loadBackend = (name: BackendName): Promise<Backend> =>
  name === 'webgpu' ? nodeGpuBackend() : loadCpuBackend(name);
export const backendNames: readonly BackendName[] = ['reference', 'cpu', 'webgpu'];

export interface GoldenOptions {
  /** A folder in the format of the reference data. */
  readonly dir: string;
  /** Default: every group that the folder holds. */
  readonly groups?: readonly GroupName[];
  readonly backends: readonly Backend[];
  readonly compile?: CompileOptions;
}

/** Runs every case on every backend. Throws GoldenDataError when the data cannot be read. */
export async function runGolden(options: GoldenOptions): Promise<GoldenReport> {
  const present = groupsIn(options.dir);
  const missing = options.groups?.find((group) => !present.includes(group));
  if (missing !== undefined) {
    throw new GoldenDataError(`${options.dir}: has no group "${missing}"; it has: ${present.join(', ')}.`);
  }
  const groups = (options.groups ?? present).map((group) => ({ group, cases: loadGroup(options.dir, group) }));
  const backends: Record<string, Record<string, GroupReport>> = {};
  for (const backend of options.backends) {
    const reports: Record<string, GroupReport> = {};
    for (const { group, cases } of groups) {
      reports[group] = await runGroup(cases, adapters[group], { backend, options: options.compile ?? {} });
    }
    backends[backend.name] = reports;
  }
  return { backends };
}

async function runGroup(
  cases: readonly GoldenCase[],
  adapter: GroupAdapter | undefined,
  device: Device,
): Promise<GroupReport> {
  const failures: Failure[] = [];
  const unsupportedOps: Record<string, number> = {};
  let passed = 0;
  let unsupported = 0;
  for (const golden of cases) {
    try {
      if (adapter === undefined) throw new Unsupported(golden.op);
      const failure = compareCase(golden, await adapter(golden, device));
      if (failure === undefined) passed++;
      else failures.push(failure);
    } catch (error) {
      if (error instanceof Unsupported) {
        unsupported++;
        unsupportedOps[error.op] = (unsupportedOps[error.op] ?? 0) + 1;
      } else {
        const message = error instanceof Error ? error.message : String(error);
        const { id, op, tolerance } = golden;
        failures.push({ id, op, output: null, worstError: null, tolerance, message });
      }
    }
  }
  return { cases: cases.length, passed, failed: failures.length, unsupported, failures, unsupportedOps };
}
