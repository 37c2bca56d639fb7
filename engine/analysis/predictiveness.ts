import { l2Norm } from '../diagnostics/gradientNorm.ts';
import type { JobContext } from '../worker/jobs/job.ts';
import type { TrainingJob } from '../worker/protocol.ts';
import { analysed } from './network.ts';

export interface PredictivenessOptions {
  /** Lengths of the step along the gradient, each a factor of the gradient itself (a learning rate). */
  readonly rates: readonly number[];
  /** Batches of the training that are looked at, one after the other from the checkpoint's step. */
  readonly batches: number;
}

export interface Predictiveness {
  readonly step: number;
  readonly rates: readonly number[];
  readonly batches: readonly {
    readonly loss: number;
    readonly gradientNorm: number;
    /** Per rate: loss after the step, and distance of the gradient there to the one here, in parts of its norm. */
    readonly lossAfter: readonly (number | null)[];
    readonly gradientChange: readonly (number | null)[];
  }[];
}

/**
 * How far the gradient tells what comes: loss and gradient of the same batch after steps of several lengths along it (Santurkar et
 * al. 2018, figure 4). Training mode, gradients as the loss gives them. Distances in doubles.
 */
export async function analysePredictiveness(
  training: TrainingJob,
  { rates, batches }: PredictivenessOptions,
  context: JobContext,
): Promise<Predictiveness> {
  const net = await analysed(training, context);
  const own = net.parameters.map(({ values }) => values);
  try {
    const found: Predictiveness['batches'][number][] = [];
    for (let batch = 0; batch < batches && !context.cancelled; batch++) {
      // batches of the stage that the weights belong to
      const at = Math.min(net.step, net.stage.endStep - 1) - batch;
      const step = Math.max(net.stage.firstStep, at);
      net.set(own);
      const here = await net.gradient(step);
      const norm = l2Norm(here.gradients.map((gradient) => l2Norm(gradient)));
      const lossAfter: (number | null)[] = [];
      const gradientChange: (number | null)[] = [];
      for (const rate of rates) {
        net.set(own.map((values, p) => values.map((value, i) => value - rate * here.gradients[p]![i]!)));
        const there = await net.gradient(step);
        let squares = 0;
        there.gradients.forEach((gradient, p) => {
          const before = here.gradients[p]!;
          for (let i = 0; i < gradient.length; i++) squares += (gradient[i]! - before[i]!) ** 2;
        });
        const change = Math.sqrt(squares) / norm;
        lossAfter.push(Number.isFinite(there.loss) ? there.loss : null);
        gradientChange.push(Number.isFinite(change) ? change : null);
        await context.turn();
      }
      found.push({ loss: here.loss, gradientNorm: norm, lossAfter, gradientChange });
      context.progress((batch + 1) / batches);
    }
    return { step: net.step, rates, batches: found };
  } finally {
    await net.executable.dispose();
  }
}
