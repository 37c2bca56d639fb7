/** What the network of one run gets wrong on the test images. */
import type { ClassificationRecord } from '../../lab/contract/analysisRecords.ts';
import type { Link } from '../link/link.ts';
import { RunJob } from './runJob.svelte.ts';

/** The most that the lab tells of, so that single confusions can be looked into. */
const wrongImages = 500;

/** Asked with the checkpoint whose weights look at all test images. */
export class RunErrors extends RunJob<'last' | 'best', ClassificationRecord> {
  constructor(id: string, link: Link) {
    super(id, link, {
      job: 'analysis',
      ask: async (checkpoint) => {
        const request = { kind: 'classification', wrongImages } as const;
        const analysis = await link.call('runs.analyse', { id, checkpoint, request });
        if (analysis.kind !== 'classification') throw new Error(`The lab answered with ${analysis.kind}.`);
        return analysis.result;
      },
      cancel: () => link.call('runs.cancelAnalysis', { id }),
    });
  }
}
