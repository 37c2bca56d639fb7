import type { Measurement } from '../measure.ts';
import type { GpuFigures } from '../networks/ablate.ts';

/** One contestant in one workload, as the benchmark prints it; a `failure` instead of figures where it could not run it. */
export interface GpuResult extends Partial<GpuFigures> {
  readonly workload: string;
  readonly contestant: string;
  readonly failure?: string;
  /** Milliseconds of a step that is waited for. */
  readonly median?: number;
  readonly least?: number;
  readonly most?: number;
  readonly steps?: number;
  /** How PyTorch ran: memory format and form of the optimiser. */
  readonly way?: string;
  /** With a full queue, as training has it; by the median step of those that do not tell that. */
  readonly imagesPerSecond?: number;
  /** How many times as fast ours is, each step waited for: by medians, and by the fastest step of each. */
  readonly ratio?: number;
  readonly ratioOfLeast?: number;
  /** The same with full queues. */
  readonly ratioQueued?: number;
}

const own = 'webgpu';

/** Notes of some are figures, of others words. */
const figuresIn = (note: string): Partial<GpuFigures> & { readonly way?: string } =>
  note.startsWith('{') ? (JSON.parse(note) as Partial<GpuFigures>) : {};
const digits = (value: number): number => Number(value.toPrecision(4));

export function gpuResults({ workload, timings, failures }: Measurement): GpuResult[] {
  const mine = timings.get(own);
  const results: GpuResult[] = [];
  for (const [contestant, { median, least, most, steps, note }] of timings) {
    const figures = figuresIn(note);
    results.push({
      ...{ workload: workload.name, contestant, steps },
      ...{ median: digits(median), least: digits(least), most: digits(most) },
      imagesPerSecond: digits((1000 * workload.batch) / (figures.queuedMs ?? median)),
      ...figures,
      ...(mine !== undefined &&
        contestant !== own && {
          ratio: digits(median / mine.median),
          ratioOfLeast: digits(least / mine.least),
          ...(figures.queuedMs !== undefined && {
            ratioQueued: digits(figures.queuedMs / figuresIn(mine.note).queuedMs!),
          }),
        }),
    });
  }
  for (const [contestant, failure] of failures) results.push({ workload: workload.name, contestant, failure });
  return results;
}
