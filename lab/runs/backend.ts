import type { BackendChoice, BackendName } from '../../engine/index.ts';
import type { RunRecord } from '../contract/records.ts';

/** Where a run was trained, for a worker that trains it once more. */
export function sameBackend({ backendChoice }: Pick<RunRecord, 'backendChoice'>): { readonly backend?: BackendName } {
  return backendChoice === null ? {} : { backend: backendChoice.backend };
}

const names: Readonly<Record<BackendName, string>> = { cpu: 'the CPU', webgpu: 'the GPU', reference: 'the reference' };

/** A choice in words, for the run's events; undefined where there was nothing to choose. */
export function choiceWords({ asked, backend, reason, adapter, storage }: BackendChoice): string | undefined {
  if (asked === backend && adapter === null && storage !== 'f16') return undefined;
  const where = backend === 'webgpu' && adapter !== null ? adapter : names[backend];
  return `Trains on ${where}${storage === 'f16' ? ', activations in half precision (f16)' : ''}. ${reason}`;
}
