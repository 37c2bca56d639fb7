import type { TransferPreview } from '../contract/transferRecords.ts';
import type { StartCheck } from './check.ts';

/** A check of a spec with a start, as plain data. */
export function previewOf({ ok, faults, notes, start, report, spec }: StartCheck): TransferPreview {
  return structuredClone({ ok, faults, notes, start: start?.record ?? null, report, spec }) as TransferPreview;
}
