import { l2Norm } from '../diagnostics/gradientNorm.ts';
import { RandomStream, streamKind } from '../random.ts';
import type { JobContext } from '../worker/jobs/job.ts';
import type { TrainingJob } from '../worker/protocol.ts';
import { analysed, type AnalysedParameter } from './network.ts';

export interface LandscapeOptions {
  /** Points along each direction, odd, so that the weights themselves are among them. */
  readonly points: number;
  /** 1: a line; 2: a plane. */
  readonly dimensions: 1 | 2;
  /** From -span to span times the direction. */
  readonly span: number;
  /** Images of the training split that the loss is taken over. */
  readonly images: number;
  /** Of the directions. */
  readonly seed: number;
}

export interface Landscape {
  readonly step: number;
  readonly offsets: readonly number[];
  /** Mean loss at [second direction][first direction]; one row for a line. null where it is not finite. */
  readonly loss: readonly (readonly (number | null)[])[];
  readonly images: number;
}

/**
 * The loss around the weights, along random directions whose filters are as long as the network's own (Li et al. 2018, "Visualizing
 * the loss landscape of neural nets"): a filter is a row of a weight; biases and the parameters of normalisations stay. Evaluation
 * mode, with the running statistics of the checkpoint.
 */
export async function analyseLandscape(
  training: TrainingJob,
  options: LandscapeOptions,
  context: JobContext,
): Promise<Landscape> {
  const net = await analysed(training, context);
  try {
    const { points, dimensions, span, seed } = options;
    const directions = Array.from({ length: dimensions }, (_, d) => filterDirection(net.parameters, seed, d));
    const offsets = Array.from({ length: points }, (_, i) => (points === 1 ? 0 : span * ((2 * i) / (points - 1) - 1)));
    const images = net.prepared.trainImages.slice(0, options.images);
    const rows = dimensions === 2 ? offsets : [0];
    const loss: (number | null)[][] = [];
    const moved = net.parameters.map(({ values }) => new Float32Array(values.length));
    let done = 0;
    for (const b of rows) {
      const row: (number | null)[] = [];
      for (const a of offsets) {
        net.parameters.forEach(({ values }, p) => {
          const [first, second] = [directions[0]![p]!, directions[1]?.[p]];
          const target = moved[p]!;
          for (let i = 0; i < values.length; i++) {
            target[i] = values[i]! + a * first[i]! + (second === undefined ? 0 : b * second[i]!);
          }
        });
        net.set(moved);
        const value = await net.loss(images);
        row.push(Number.isFinite(value) ? value : null);
        context.progress(++done / (rows.length * offsets.length));
        await context.turn();
        if (context.cancelled) return { step: net.step, offsets, loss: [...loss, row], images: images.length };
      }
      loss.push(row);
    }
    return { step: net.step, offsets, loss, images: images.length };
  } finally {
    await net.executable.dispose();
  }
}

/** Normal numbers, scaled filter by filter to the length of the weights' own; 0 for parameters of one axis. */
export function filterDirection(
  parameters: readonly Pick<AnalysedParameter, 'shape' | 'values'>[],
  seed: number,
  which: number,
): Float64Array[] {
  return parameters.map(({ shape, values }, p) => {
    const direction = new Float64Array(values.length);
    if (shape.length < 2) return direction;
    new RandomStream(seed, streamKind.noise, p + 65_536 * which).fillNormal(direction);
    const size = values.length / shape[0]!;
    for (let filter = 0; filter < shape[0]!; filter++) {
      const own = direction.subarray(filter * size, (filter + 1) * size);
      const scale = l2Norm(values.subarray(filter * size, (filter + 1) * size)) / (l2Norm(own) || 1);
      for (let i = 0; i < size; i++) own[i]! *= scale;
    }
    return direction;
  });
}
