import type { StageSpan } from '../../../engine/index.ts';
import type { Spec } from '../../spec/schema.ts';
import type { Needs } from '../needs.ts';
import { literal } from './source.ts';

interface Field {
  readonly name: string;
  readonly type: string;
  readonly says: string;
  readonly of: (span: StageSpan) => unknown;
}

/** How often validation images are evaluated in a stage: counted from its beginning in epochs, of the run in steps. */
export function evaluateEvery({ evaluateEvery: cadence }: Spec['training'], { stepsPerEpoch }: StageSpan): number {
  return 'steps' in cadence ? cadence.steps : Math.max(1, Math.round(cadence.epochs * stepsPerEpoch));
}

/** \`Stage\` and \`STAGES\`: stretches of the run, with the fields that differ between them. \`names\`: attributes of nodes, \`norms\`: which of them are batch norms. */
export function stagesSource(
  needs: Needs,
  { training }: Pick<Spec, 'training'>,
  names: ReadonlyMap<string, string>,
  norms: ReadonlySet<string>,
): string {
  if (!needs.staged) return '';
  const { spans, imageShape } = needs;
  const attributes = (ids: readonly string[]): string[] => ids.flatMap((id) => names.get(id) ?? []);
  const fields: Field[] = [
    { name: 'first', type: 'int', says: 'the step that it begins with, from 0', of: ({ firstStep }) => firstStep },
    { name: 'end', type: 'int', says: 'and the one that it ends before', of: ({ endStep }) => endStep },
    {
      name: 'epoch',
      type: 'int',
      says: 'its first epoch: the order of images is drawn by epoch',
      of: ({ firstEpoch }) => firstEpoch,
    },
    { name: 'batch_size', type: 'int', says: '', of: ({ settings }) => settings.batchSize },
  ];
  if (needs.validated && !('steps' in training.evaluateEvery)) {
    fields.push({ name: 'evaluate_every', type: 'int', says: 'steps', of: (span) => evaluateEvery(training, span) });
  }
  if (needs.resized) {
    fields.push({
      name: 'size',
      type: 'tuple',
      says: 'height and width of images',
      of: ({ settings }) => settings.imageSize ?? imageShape.slice(1),
    });
  }
  if (needs.rated) {
    fields.push({
      name: 'rate',
      type: 'float',
      says: 'times the learning rate',
      of: ({ settings }) => settings.learningRateFactor,
    });
  }
  if (needs.strengthVaries && (needs.augmented !== null || needs.mixup > 0)) {
    fields.push({
      name: 'strength',
      type: 'float',
      says: 'of augmentation',
      of: ({ settings }) => settings.augmentationStrength,
    });
  }
  if (needs.frozen) {
    fields.push({
      name: 'frozen',
      type: 'tuple',
      says: 'layers whose parameters stay as they are',
      of: ({ settings }) => attributes(settings.frozen),
    });
  }
  if (freezesStatistics(needs, norms)) {
    fields.push({
      name: 'still',
      type: 'tuple',
      says: 'batch norms that use and keep their running statistics',
      of: ({ settings }) =>
        settings.frozenBatchNorm === 'running' ? attributes(settings.frozen.filter((id) => norms.has(id))) : [],
    });
  }
  const value = (each: unknown): string =>
    typeof each === 'object' ? literal([...(each as unknown[])]) : literal(each);
  const rows = spans.map(
    (span) => `    Stage(${fields.map(({ name, of }) => `${name}=${value(of(span))}`).join(', ')}),`,
  );
  return `
class Stage(typing.NamedTuple):
    """A stretch of the run. Weights, optimiser and schedule go on from the one before."""

${fields.map(({ name, type, says }) => `    ${name}: ${type}${says === '' ? '' : `  # ${says}`}`).join('\n')}


STAGES = (
${rows.join('\n')}
)
`;
}

/** Whether any stage has batch norms that keep their running statistics. */
export const freezesStatistics = ({ spans }: Needs, norms: ReadonlySet<string>): boolean =>
  spans.some(({ settings }) => settings.frozenBatchNorm === 'running' && settings.frozen.some((id) => norms.has(id)));
