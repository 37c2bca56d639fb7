/** A spec in a few lines, for people. */
import type { Spec } from '../../lab/contract/spec.ts';
import { optimizerNames } from '../builder/trainingFields.ts';
import { count, integer, percent, plural, setting } from '../format.ts';

export const preprocessingWords: Record<Spec['data']['preprocessing'], string> = {
  raw: 'Raw, 0 to 255',
  unit: 'Scaled to 0 to 1',
  standardise: 'Standardised',
  standardiseFeatures: 'Every pixel standardised',
  pcaWhitening: 'PCA whitening',
  zcaWhitening: 'ZCA whitening',
};

export const batchNormWords: Record<Spec['model']['batchNorm'], string> = {
  asDrawn: 'As drawn',
  none: 'None',
  before: 'Before each activation',
  after: 'After each activation',
};

export function optimizerWords(optimizer: Spec['training']['optimizer']): string {
  const rate = `learning rate ${setting(optimizer.learningRate)}`;
  const decay = optimizer.weightDecay > 0 ? `, weight decay ${setting(optimizer.weightDecay)}` : '';
  const isDecoupled = optimizer.kind === 'adam' && optimizer.decoupled;
  const nesterov = optimizer.kind === 'sgd' && optimizer.nesterov ? 'Nesterov ' : '';
  const momentum =
    'momentum' in optimizer && optimizer.momentum > 0 ? `, ${nesterov}momentum ${setting(optimizer.momentum)}` : '';
  const centered = optimizer.kind === 'rmsprop' && optimizer.centered ? ', centered' : '';
  const uncorrected = optimizer.kind === 'adam' && !optimizer.biasCorrection ? ', without bias correction' : '';
  const name = optimizerNames[isDecoupled ? 'adamw' : optimizer.kind];
  return `${name}, ${rate}${momentum}${centered}${uncorrected}${decay}`;
}

const overWords = ({ steps }: { readonly steps: number | null }): string =>
  steps === null ? '' : ` over ${integer(steps)} steps`;

export function clipWords(clip: NonNullable<Spec['training']['clip']>): string {
  return 'norm' in clip ? `Norm up to ${setting(clip.norm)}` : `Values up to ${setting(clip.value)}`;
}

export function scheduleWords(schedule: Spec['training']['schedule']): string {
  switch (schedule.kind) {
    case 'constant':
      return 'Constant';
    case 'step':
      return `× ${setting(schedule.gamma)} every ${integer(schedule.stepSize)} steps`;
    case 'cosine':
      return `Cosine down to ${percent(schedule.finalFactor, 0)}${overWords(schedule)}`;
    case 'multiStep':
      return `× ${setting(schedule.gamma)} at ${schedule.milestones.map((step) => integer(step)).join(', ')} steps`;
    case 'exponential':
      return `× ${setting(schedule.gamma)} in every step`;
    case 'polynomial':
      return `Polynomial of power ${setting(schedule.power)}${overWords(schedule)}`;
    case 'warmRestarts':
      return `Cosine that starts over every ${integer(schedule.period)} steps${schedule.periodFactor > 1 ? `, × ${schedule.periodFactor} each time` : ''}`;
    case 'warmupCosine':
      return `${integer(schedule.warmupSteps)} steps of warm-up, cosine down to ${percent(schedule.finalFactor, 0)}${overWords(schedule)}`;
    case 'oneCycle':
      return `One cycle from 1/${setting(schedule.divFactor)}${overWords(schedule)}`;
    case 'reduceOnPlateau':
      return `× ${setting(schedule.factor)} when ${schedule.metric.replace('.', ' ')} stays, patience ${schedule.patience}`;
  }
}

export function lossWords(loss: Spec['training']['loss']): string {
  switch (loss.kind) {
    case 'crossEntropy': {
      const smoothing = loss.labelSmoothing > 0 ? `, label smoothing ${setting(loss.labelSmoothing)}` : '';
      return `Cross entropy${smoothing}${loss.classWeight ? ', weighted classes' : ''}`;
    }
    case 'mse':
      return 'Mean squared error';
    case 'mae':
      return 'Mean absolute error';
    case 'huber':
      return `Huber, delta ${setting(loss.delta)}`;
    case 'binaryCrossEntropy':
      return 'Binary cross entropy';
    case 'hinge':
      return `${loss.p === 2 ? 'Squared hinge' : 'Hinge'}, margin ${setting(loss.margin)}`;
  }
}

export const lengthWords = (length: Spec['training']['length']): string =>
  'epochs' in length
    ? `${setting(length.epochs)} ${length.epochs === 1 ? 'epoch' : 'epochs'}`
    : plural(length.steps, 'step');

function heldOutWords({ validation, folds, split }: Spec['data']): string {
  const held = folds === null ? `${count(validation)} held out` : `fold ${folds.fold} of ${folds.count} held out`;
  return split === 'stratified' ? `${held}, class by class` : held;
}

type Stage = Spec['training']['stages'][number];

/** "5 epochs at 14×14, rate × 0.1, 3 layers frozen" */
function stageWords({ length, imageSize, batchSize, learningRateFactor, frozen }: Stage): string {
  const size = typeof imageSize === 'number' ? [imageSize, imageSize] : imageSize;
  return [
    `${lengthWords(length)}${size === null ? '' : ` at ${size.join('×')}`}`,
    ...(batchSize === null ? [] : [`batches of ${integer(batchSize)}`]),
    ...(learningRateFactor === 1 ? [] : [`rate × ${setting(learningRateFactor)}`]),
    ...(frozen.length === 0 ? [] : [`${plural(frozen.length, 'layer')} frozen`]),
  ].join(', ');
}

/** How long a run is, with or without stages. */
export const runLengthWords = ({ length, stages }: Spec['training']): string =>
  stages.length === 0 ? lengthWords(length) : stages.map(stageWords).join('; then ');

export function specSummary(spec: Spec, datasetTitle: string): { label: string; value: string }[] {
  const { data, model, training } = spec;
  const hidden = model.nodes.filter((node) => node.layer !== 'input').length;
  const stopping = training.earlyStopping;
  return [
    { label: 'Data', value: datasetTitle },
    { label: 'Preprocessing', value: preprocessingWords[data.preprocessing] },
    {
      label: 'Training images',
      value: `${data.trainImages === null ? 'all' : integer(data.trainImages)}, ${heldOutWords(data)}`,
    },
    { label: 'Model', value: `${hidden} layers drawn` },
    ...(model.batchNorm === 'asDrawn' ? [] : [{ label: 'BatchNorm', value: batchNormWords[model.batchNorm] }]),
    ...(model.dropout === null ? [] : [{ label: 'Dropout', value: setting(model.dropout) }]),
    { label: 'Optimiser', value: optimizerWords(training.optimizer) },
    ...(training.schedule.kind === 'constant' ? [] : [{ label: 'Schedule', value: scheduleWords(training.schedule) }]),
    ...(training.clip === null ? [] : [{ label: 'Clipping', value: clipWords(training.clip) }]),
    ...(training.l1 === 0 ? [] : [{ label: 'L1', value: setting(training.l1) }]),
    { label: 'Batch size', value: integer(training.batchSize) },
    ...(training.stages.length === 0
      ? [{ label: 'Length', value: lengthWords(training.length) }]
      : training.stages.map((stage, i) => ({ label: `Stage ${i + 1}`, value: stageWords(stage) }))),
    ...(training.loss.kind === 'crossEntropy' && training.loss.labelSmoothing === 0 && !training.loss.classWeight
      ? []
      : [{ label: 'Loss', value: lossWords(training.loss) }]),
    ...(stopping === null
      ? []
      : [
          {
            label: 'Early stopping',
            value: `${stopping.metric.replace('.', ' ')}, patience ${stopping.patience}${stopping.restoreBest ? ', best model put back' : ''}`,
          },
        ]),
    ...(training.recalibrateBatchNorm === 0
      ? []
      : [{ label: 'Recalibrated', value: `over ${plural(training.recalibrateBatchNorm, 'batch', 'batches')}` }]),
    { label: 'Evaluated every', value: lengthWords(training.evaluateEvery) },
    { label: 'Seed', value: String(spec.seed) },
  ];
}
