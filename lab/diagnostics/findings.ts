import type { Diagnostics, Finding, Measure } from '../contract/diagnosticsRecords.ts';
import { healthy, highestCost, vanishingRatio } from './ranges.ts';

/** What the findings need to know of the network around the numbers. */
export interface NetworkFacts {
  readonly batchSize: number;
  readonly learningRate: number;
  /** The rate of the step that follows a probe, as a part of the optimiser's: 1 is the whole. */
  readonly rateShare: (step: number) => number;
  readonly hasBatchNorm: boolean;
  /** Weights per layer, for gradients per weight. */
  readonly weights: ReadonlyMap<string, number>;
}

type Layers = Diagnostics['layers'];
type Seen = Pick<Diagnostics, 'steps' | 'layers' | 'share' | 'probes'>;

interface Point {
  readonly value: number;
  readonly step: number;
}

/** Share of the rate below which small steps are meant to be small. */
const cooledDown = 0.1;

/** The last value of a measure. */
function lastOf(seen: Seen, layer: Layers[number], measure: Measure): Point | undefined {
  const values = layer.measures[measure] ?? [];
  const at = values.findLastIndex((value) => value !== null);
  return at < 0 ? undefined : { value: values[at]!, step: seen.steps[at]! };
}

/** What the numbers say, worst first. Each finding is about the last probe in which there was such a value. */
export function findingsOf(seen: Seen, facts: NetworkFacts): Finding[] {
  const findings: Finding[] = [];
  for (const layer of seen.layers) {
    for (const rule of rules) {
      const last = lastOf(seen, layer, rule.measure);
      if (last === undefined) continue;
      if (last.step < (rule.from ?? 0)) continue;
      const found = rule.judge(last.value, layer.id, facts, last.step);
      if (found) findings.push({ ...found, layer: layer.id, measure: rule.measure, ...last });
    }
  }
  findings.push(...vanishing(seen, facts), ...cost(seen));
  const order = ['problem', 'warning', 'note'];
  return findings.sort((a, b) => order.indexOf(a.severity) - order.indexOf(b.severity));
}

interface Rule {
  readonly measure: Measure;
  /** Steps before that say nothing. */
  readonly from?: number;
  judge(
    value: number,
    layer: string,
    facts: NetworkFacts,
    step: number,
  ): Pick<Finding, 'severity' | 'text' | 'advice'> | null;
}

const percent = (value: number): string => `${Math.round(100 * value)} %`;
const few = (value: number): string =>
  value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5)
    ? value.toExponential(1)
    : `${Number(value.toPrecision(2))}`;
const above = (measure: Measure, value: number): boolean => value > (healthy(measure)?.high ?? Infinity);
const below = (measure: Measure, value: number): boolean => value < (healthy(measure)?.low ?? -Infinity);

/** Moving statistics begin at 0 and 1; with the usual momentum of 0.1 the beginning weighs 0.5 % after so many steps. */
const settled = 50;

const rules: readonly Rule[] = [
  {
    measure: 'nonFinite',
    judge: (value, layer) =>
      value > 0
        ? {
            severity: 'problem',
            text: `${percent(value)} of the values of ${layer} are infinite or not a number.`,
            advice: 'Lower the learning rate, or clip the gradient.',
          }
        : null,
  },
  {
    measure: 'saturation',
    judge: (value, layer, { hasBatchNorm }) =>
      above('saturation', value)
        ? {
            severity: value > 0.8 ? 'problem' : 'warning',
            text: `${percent(value)} of ${layer} is saturated.`,
            advice: hasBatchNorm
              ? 'Try a smaller learning rate, or ReLU instead.'
              : 'Try Glorot initial weights, BatchNorm before the activation, or a smaller learning rate.',
          }
        : null,
  },
  {
    measure: 'deadFraction',
    judge: (value, layer, { hasBatchNorm }) =>
      above('deadFraction', value)
        ? {
            severity: value > 0.8 ? 'problem' : 'warning',
            text: `${percent(value)} of the units of ${layer} are dead: no image of the batch makes them fire.`,
            advice: `Try a smaller learning rate, He initial weights, ${hasBatchNorm ? '' : 'BatchNorm before the activation, '}or leaky ReLU.`,
          }
        : null,
  },
  {
    measure: 'std',
    judge(value, layer) {
      if (below('std', value)) {
        return {
          severity: 'problem',
          text: `The values of ${layer} hardly differ (standard deviation ${few(value)}).`,
          advice: 'Try He or Glorot initial weights, or BatchNorm: nothing gets through this layer.',
        };
      }
      if (!above('std', value)) return null;
      return {
        severity: 'warning',
        text: `The values of ${layer} are very large (standard deviation ${few(value)}).`,
        advice: 'Try smaller initial weights, BatchNorm, or inputs from 0 to 1.',
      };
    },
  },
  {
    measure: 'gradientNorm',
    judge(value, layer) {
      if (layer === '') return null;
      if (below('gradientNorm', value)) {
        return {
          severity: 'problem',
          text: `Hardly any gradient reaches ${layer} (norm ${few(value)}).`,
          advice: 'Try other initial weights, BatchNorm, ReLU, or residual connections.',
        };
      }
      if (!above('gradientNorm', value)) return null;
      return {
        severity: 'problem',
        text: `The gradient of ${layer} is very large (norm ${few(value)}).`,
        advice: 'Clip the gradient, or lower the learning rate.',
      };
    },
  },
  {
    measure: 'updateRatio',
    judge(value, layer, { learningRate, rateShare }, step) {
      if (below('updateRatio', value)) {
        // small steps are what a schedule that has come down is for
        if (rateShare(step) < cooledDown) return null;
        return {
          severity: 'warning',
          text: `A step moves the weights of ${layer} by ${few(value)} of their size only.`,
          advice: `Try a higher learning rate than ${learningRate}, if the loss still falls slowly.`,
        };
      }
      if (!above('updateRatio', value)) return null;
      return {
        severity: value > 0.1 ? 'problem' : 'warning',
        text: `A step moves the weights of ${layer} by ${few(value)} of their size.`,
        advice: `Try a lower learning rate than ${learningRate}, or a warm-up.`,
      };
    },
  },
  {
    measure: 'bnVarianceShift',
    from: settled,
    judge: (value, layer) =>
      above('bnVarianceShift', value)
        ? {
            severity: 'warning',
            text: `The variances of a batch and the moving ones of ${layer} differ by a factor of ${few(value)}.`,
            advice: 'Recalibrate the statistics, use larger batches, or take dropout out from in front of it.',
          }
        : null,
  },
  {
    measure: 'bnMeanGap',
    from: settled,
    judge: (value, layer) =>
      above('bnMeanGap', value)
        ? {
            severity: 'warning',
            text: `The means of a batch and the moving ones of ${layer} are ${few(value)} standard deviations apart.`,
            advice: 'Recalibrate the statistics, or use a higher momentum.',
          }
        : null,
  },
  {
    measure: 'drift',
    judge: (value, layer) =>
      above('drift', value)
        ? {
            severity: 'note',
            text: `The distribution of ${layer} still drifts: by ${few(value)} of its band between two probes.`,
            advice: 'Try BatchNorm or a smaller learning rate, if this is late in the training.',
          }
        : null,
  },
  {
    measure: 'noiseScale',
    judge(value, _layer, { batchSize }) {
      if (value > 10 * batchSize) {
        return {
          severity: 'note',
          text: `The gradient is mostly noise: its noise scale is about ${few(value)} images, the batch has ${batchSize}.`,
          advice: 'A larger batch with a higher learning rate would need fewer steps.',
        };
      }
      if (value >= batchSize / 10) return null;
      return {
        severity: 'note',
        text: `The batch of ${batchSize} images is far above the noise scale of about ${few(value)}.`,
        advice: 'A smaller batch would learn as much from fewer images.',
      };
    },
  },
];

/** Gradients per weight of the lowest layer beside those of the topmost one. */
function vanishing(seen: Seen, { weights }: NetworkFacts): Finding[] {
  const perWeight = seen.layers.flatMap((layer) => {
    const last = layer.id === '' ? undefined : lastOf(seen, layer, 'gradientNorm');
    const count = weights.get(layer.id) ?? 0;
    // a normalisation's gamma is no weight matrix: layers of two axes and more are compared
    return last === undefined || count === 0 ? [] : [{ layer: layer.id, ...last, rms: last.value / Math.sqrt(count) }];
  });
  const [first, last] = [perWeight[0], perWeight.at(-1)];
  if (!first || !last || first === last || !(last.rms > 0)) return [];
  const ratio = first.rms / last.rms;
  if (!(ratio < vanishingRatio)) return [];
  return [
    {
      severity: ratio < vanishingRatio / 10 ? 'problem' : 'warning',
      layer: first.layer,
      measure: 'gradientNorm',
      value: first.value,
      step: first.step,
      text: `The gradient vanishes on its way down: per weight, ${first.layer} gets ${few(ratio)} of what ${last.layer} gets.`,
      advice: 'Try BatchNorm before the activations, ReLU instead of sigmoid, or residual connections.',
    },
  ];
}

function cost({ share, probes, steps }: Seen): Finding[] {
  if (share === null || share <= highestCost || probes < 3) return [];
  return [
    {
      severity: 'note',
      layer: '',
      measure: 'mean',
      value: share,
      step: steps.at(-1) ?? 0,
      text: `Looking into the layers took ${percent(share)} of the training time.`,
      advice: 'Raise training.diagnostics.every, or look at fewer layers.',
    },
  ];
}
