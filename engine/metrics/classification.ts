import { calibrationError } from './calibration.ts';
import { classReport, confusionMatrix, type ClassReport } from './confusion.ts';
import { argmax, logSoftmax, requireScores, type Scored } from './scores.ts';

export interface ClassificationOptions {
  /** Each k of top-k accuracy. */
  readonly topK?: readonly number[];
  /** Bins of the calibration error. Default 15. */
  readonly calibrationBins?: number;
}

export interface Classification extends ClassReport {
  readonly accuracy: number;
  /** In the order of `topK`. */
  readonly topK: readonly number[];
  /** Counts [label, prediction]. */
  readonly confusion: Int32Array;
  /** Mean of -ln p(label), nothing clipped. */
  readonly logLoss: number;
  /** Mean over samples of the squared distance between probabilities and the label's unit vector, 0 to 2 (Brier 1950). */
  readonly brier: number;
  /** Expected calibration error. */
  readonly ece: number;
}

/** How many classes stand before the label: with a higher score, or an equal one and a lower index. */
function rankOfLabel({ scores, labels, classes }: Scored, i: number): number {
  const label = labels[i]!;
  const own = scores[i * classes + label]!;
  let before = 0;
  for (let c = 0; c < classes; c++) {
    const score = scores[i * classes + c]!;
    if (score > own || (score === own && c < label)) before++;
  }
  return before;
}

/** Everything that logits [N, C] and labels [N] tell about a classifier. NaN where there are no samples. Throws RangeError. */
export function classificationMetrics(data: Scored, options: ClassificationOptions = {}): Classification {
  requireScores(data);
  const { labels, classes } = data;
  const { topK = [1, 5], calibrationBins = 15 } = options;
  const n = labels.length;
  const predictions = Array.from({ length: n }, (_, i) => argmax(data, i));
  const correct = predictions.map((prediction, i) => prediction === labels[i]);
  const ranks = predictions.map((_, i) => rankOfLabel(data, i));
  const confidence = new Float64Array(n);
  const logP = new Float64Array(classes);
  let logLoss = 0;
  let brier = 0;
  for (let i = 0; i < n; i++) {
    logSoftmax(data, i, logP);
    logLoss -= logP[labels[i]!]!;
    confidence[i] = Math.exp(logP[predictions[i]!]!);
    for (let c = 0; c < classes; c++) brier += (Math.exp(logP[c]!) - (c === labels[i] ? 1 : 0)) ** 2;
  }
  const confusion = confusionMatrix(labels, predictions, classes);
  return {
    accuracy: correct.filter(Boolean).length / n,
    topK: topK.map((k) => ranks.filter((before) => before < k).length / n),
    confusion,
    ...classReport(confusion, classes),
    logLoss: logLoss / n,
    brier: brier / n,
    ece: calibrationError(confidence, correct, calibrationBins),
  };
}
