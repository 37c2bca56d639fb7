/** One run with running statistics of its batch norms that are taken anew. */
import type { RecalibrationRecord } from '../../lab/contract/recalibrationRecords.ts';
import type { Link } from '../link/link.ts';
import { RunJob } from './runJob.svelte.ts';

/** Asked with the number of training batches that they are taken over. */
export class Recalibration extends RunJob<number, RecalibrationRecord> {
  constructor(id: string, link: Link) {
    super(id, link, {
      job: 'recalibrate',
      ask: (batches) => link.call('runs.recalibrate', { id, batches }),
      cancel: () => link.call('runs.cancelRecalibration', { id }),
    });
  }
}
