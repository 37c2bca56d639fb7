import { classificationMetrics } from '../../../engine/metrics/classification.ts';
import { rocAucOneVsRest } from '../../../engine/metrics/rocAuc.ts';
import { Unsupported } from '../errors.ts';
import { inputOf, numberOf, numbersOf } from './adapter.ts';
import type { GroupAdapter } from './adapter.ts';
import { doubles } from './doubles.ts';

export const metrics: GroupAdapter = async (golden) => {
  const classes = numberOf(golden, 'classes');
  const labels = inputOf(golden, 'labels').data;
  if (golden.op === 'roc_auc_ovr') {
    const { auc, macro } = rocAucOneVsRest({ scores: inputOf(golden, 'scores').data, labels, classes });
    return doubles(golden, { auc, macro_auc: macro });
  }
  if (golden.op !== 'classification') throw new Unsupported(golden.op);
  const result = classificationMetrics(
    { scores: inputOf(golden, 'logits').data, labels, classes },
    { topK: numbersOf(golden, 'top_k'), calibrationBins: numberOf(golden, 'ece_bins') },
  );
  const { accuracy, topK, confusion, support, precision, recall, f1, brier, ece } = result;
  return doubles(golden, {
    accuracy,
    top_k: topK,
    confusion,
    support,
    precision,
    recall,
    f1,
    macro_precision: result.macroPrecision,
    macro_recall: result.macroRecall,
    macro_f1: result.macroF1,
    micro_precision: result.microPrecision,
    micro_recall: result.microRecall,
    micro_f1: result.microF1,
    weighted_f1: result.weightedF1,
    log_loss: result.logLoss,
    brier,
    ece,
  });
};
