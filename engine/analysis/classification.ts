import { classificationMetrics } from '../metrics/classification.ts';
import { argmax, logSoftmax } from '../metrics/scores.ts';
import type { JobContext } from '../worker/jobs/job.ts';
import type { TrainingJob } from '../worker/protocol.ts';
import { analysed } from './network.ts';

export interface ReliabilityBin {
  readonly count: number;
  /** Mean confidence and accuracy of the bin; 0 where it is empty. */
  readonly confidence: number;
  readonly accuracy: number;
}

export interface WrongImage {
  /** Position in the test file. */
  readonly image: number;
  readonly label: number;
  readonly prediction: number;
  /** Probability that the network gave to its prediction, and to the label. */
  readonly confidence: number;
  readonly labelProbability: number;
}

export interface ClassificationAnalysis {
  readonly step: number;
  readonly images: number;
  readonly accuracy: number;
  readonly logLoss: number;
  readonly brier: number;
  /** Expected calibration error over the bins (Guo et al. 2017). */
  readonly ece: number;
  readonly bins: readonly ReliabilityBin[];
  /** Counts [label][prediction]. */
  readonly confusion: readonly (readonly number[])[];
  readonly classes: readonly {
    readonly support: number;
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
  }[];
  /** Most confidently wrong first. */
  readonly wrong: readonly WrongImage[];
}

const binCount = 15;

/** What the network makes of all test images: confusions, calibration, scores per class, and its most confident errors. */
export async function analyseClassification(
  training: TrainingJob,
  wrongImages: number,
  context: JobContext,
): Promise<ClassificationAnalysis> {
  const net = await analysed(training, context);
  const { executable, stage, step } = net;
  try {
    const { handles, evaluationBatch } = stage.plan;
    const { count, labels } = training.data.test;
    const { classes } = training.data;
    const scores = new Float32Array(count * classes);
    const logits = new Float32Array(evaluationBatch * classes);
    const indices = new Int32Array(evaluationBatch);
    for (let from = 0; from < count; from += evaluationBatch) {
      for (let i = 0; i < evaluationBatch; i++) indices[i] = from + i < count ? from + i : -1;
      executable.write(handles.evaluationIndices, indices);
      executable.run('evaluateTest');
      await executable.read(handles.evaluationLogits, logits);
      scores.set(logits.subarray(0, Math.min(evaluationBatch, count - from) * classes), from * classes);
      context.progress(from / count);
      await context.turn();
      if (context.cancelled) break;
    }
    return { step, ...summary({ scores, labels, classes }, wrongImages) };
  } finally {
    await executable.dispose();
  }
}

function summary(
  data: { readonly scores: Float32Array; readonly labels: Uint8Array; readonly classes: number },
  wrongImages: number,
): Omit<ClassificationAnalysis, 'step'> {
  const { labels, classes } = data;
  const metrics = classificationMetrics(data, { calibrationBins: binCount, topK: [] });
  const sums = Array.from({ length: binCount }, () => ({ count: 0, confidence: 0, correct: 0 }));
  const wrong: WrongImage[] = [];
  const logP = new Float64Array(classes);
  for (let image = 0; image < labels.length; image++) {
    const label = labels[image]!;
    const prediction = argmax(data, image);
    logSoftmax(data, image, logP);
    const confidence = Math.exp(logP[prediction]!);
    // the bins of calibration.ts: (b / bins, (b + 1) / bins]
    const bin = sums[Math.min(binCount - 1, Math.max(0, Math.ceil(confidence * binCount) - 1))]!;
    bin.count++;
    bin.confidence += confidence;
    if (prediction === label) bin.correct++;
    else wrong.push({ image, label, prediction, confidence, labelProbability: Math.exp(logP[label]!) });
  }
  wrong.sort((a, b) => b.confidence - a.confidence || a.image - b.image);
  return {
    images: labels.length,
    accuracy: metrics.accuracy,
    logLoss: metrics.logLoss,
    brier: metrics.brier,
    ece: metrics.ece,
    bins: sums.map(({ count, confidence, correct }) => ({
      count,
      confidence: count === 0 ? 0 : confidence / count,
      accuracy: count === 0 ? 0 : correct / count,
    })),
    confusion: Array.from({ length: classes }, (_, c) => [
      ...metrics.confusion.subarray(c * classes, (c + 1) * classes),
    ]),
    classes: Array.from({ length: classes }, (_, c) => ({
      support: metrics.support[c]!,
      precision: metrics.precision[c]!,
      recall: metrics.recall[c]!,
      f1: metrics.f1[c]!,
    })),
    wrong: wrong.slice(0, wrongImages),
  };
}
