import type { JobContext } from '../worker/jobs/job.ts';
import type { TrainingJob } from '../worker/protocol.ts';
import { analysed } from './network.ts';

export interface NoiseScale {
  readonly step: number;
  readonly batches: number;
  readonly batchSize: number;
  /** tr(S) / norm(G)²; null where the estimate of the gradient's own norm is not above 0: more batches are needed. */
  readonly images: number | null;
  /** Estimates of norm(G)² and tr(S). */
  readonly signal: number;
  readonly variance: number;
}

/**
 * The simple noise scale (McCandlish et al. 2018, "An empirical model of large-batch training", appendix A.1): gradients of
 * `batches` batches one by one, and of all of them together. norm(G)² and tr(S) are unbiased, their quotient is not. Training mode.
 */
export async function analyseNoiseScale(
  training: TrainingJob,
  batches: number,
  context: JobContext,
): Promise<NoiseScale> {
  const net = await analysed(training, context);
  try {
    const mean = net.parameters.map(({ values }) => new Float64Array(values.length));
    let small = 0;
    let count = 0;
    for (; count < batches && !context.cancelled; count++) {
      const { gradients } = await net.gradient(net.stage.firstStep + count);
      gradients.forEach((gradient, p) => {
        const sum = mean[p]!;
        for (let i = 0; i < gradient.length; i++) {
          small += gradient[i]! ** 2;
          sum[i]! += gradient[i]!;
        }
      });
      context.progress((count + 1) / batches);
      await context.turn();
    }
    const { batchSize } = net.stage.plan;
    const large = mean.reduce((total, sum) => sum.reduce((all, each) => all + (each / count) ** 2, total), 0);
    const one = small / count;
    const whole = count * batchSize;
    const signal = (whole * large - batchSize * one) / (whole - batchSize);
    const variance = (one - large) / (1 / batchSize - 1 / whole);
    return {
      step: net.step,
      batches: count,
      batchSize,
      images: signal > 0 ? variance / signal : null,
      signal,
      variance,
    };
  } finally {
    await net.executable.dispose();
  }
}
