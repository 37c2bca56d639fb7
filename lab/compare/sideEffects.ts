import { stageShape } from '../../engine/index.ts';
import type { DatasetRecord } from '../contract/records.ts';
import { checkSpec } from '../spec/check.ts';
import { imagesAfter, paceOf } from '../spec/pace.ts';
import type { Spec } from '../spec/schema.ts';
import type { Arm } from './arms.ts';

/** Thousands apart, as in the rest of the lab's words. */
export const count = (n: number): string =>
  Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',');

interface Facts {
  readonly parameters: number | null;
  readonly macsPerImage: number | null;
  readonly images: number | null;
  readonly work: number | null;
  readonly biasTerms: number | null;
  /** Pixels of the test images, as the last stage sees them. */
  readonly testSize: string | null;
}

function factsOf(arm: Arm, datasets: readonly DatasetRecord[]): Facts {
  const run = arm.runs[0]!;
  const { checked, length, dataset } = checkSpec(arm.spec, datasets);
  const last = length?.stages.at(-1)?.settings;
  const biases = checked?.ok
    ? checked.nodes.flatMap((node) => node.parameters.filter(({ name }) => name === 'bias'))
    : null;
  const lengths = arm.runs.map((each) => (each.status === 'finished' ? each.step : each.totalSteps));
  const pace = paceOf(run, arm.spec, datasets);
  const images = lengths.every((each) => each !== null)
    ? lengths.reduce((sum, each) => sum + imagesAfter(pace, each), 0) / lengths.length
    : null;
  return {
    testSize: last && dataset ? stageShape(dataset.imageShape, last).slice(1).join('×') : null,
    parameters: run.parameters,
    macsPerImage: run.macsPerImage,
    images,
    // three passes of about the same cost: forward, gradient of the inputs, gradient of the weights
    work: images === null || run.macsPerImage === null ? null : 3 * images * run.macsPerImage,
    biasTerms:
      biases && biases.reduce((sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1), 0),
  };
}

const facts = [
  { key: 'parameters', name: 'parameters' },
  { key: 'macsPerImage', name: 'multiply-accumulates per image' },
  { key: 'biasTerms', name: 'bias terms' },
  { key: 'images', name: 'training images seen' },
  { key: 'work', name: 'multiply-accumulates in training' },
] as const;

/** What differs besides what was changed on purpose, in sentences about each arm against the baseline. */
export function sideEffects(
  arms: readonly Arm[],
  labels: readonly string[],
  baseline: Arm,
  datasets: readonly DatasetRecord[],
): string[] {
  const all = arms.map((arm) => factsOf(arm, datasets));
  const at = arms.indexOf(baseline);
  const base = all[at]!;
  const out: string[] = [];
  arms.forEach((arm, i) => {
    if (arm.repeats > 0) {
      const runs = arm.repeats === 1 ? '1 more run' : `${arm.repeats} more runs`;
      out.push(
        `${labels[i]} has ${runs} of ${arm.runs[0]!.fold === null ? 'seeds' : 'folds'} that are counted already; each counts once.`,
      );
    }
    if (i === at) return;
    for (const { key, name } of facts) {
      const mine = all[i]![key];
      const theirs = base[key];
      // without stages it follows from the two that are named already
      if (key === 'work' && !isStaged(arm) && !isStaged(baseline)) continue;
      if (mine === null || theirs === null || Math.round(mine) === Math.round(theirs)) continue;
      const more = mine > theirs;
      const share = theirs > 0 ? ` (${more ? '+' : '−'}${percent(Math.abs(mine - theirs) / theirs)})` : '';
      out.push(`${labels[i]} has ${count(mine)} ${name} against ${count(theirs)} of ${labels[at]}${share}.`);
    }
    const [size, baseSize] = [all[i]!.testSize, base.testSize];
    if (size !== null && baseSize !== null && size !== baseSize) {
      out.push(`${labels[i]} sees the test images at ${size} pixels, ${labels[at]} at ${baseSize}.`);
    }
    out.push(...otherEffects(arm, baseline, labels[i]!, labels[at]!));
  });
  return out;
}

const isStaged = ({ spec }: Arm): boolean => spec.training.stages.length > 0;

function percent(share: number): string {
  const value = 100 * share;
  return `${value >= 10 ? Math.round(value) : Number(value.toPrecision(2))} %`;
}

/** Which images validate an arm, in words: the same words for the same images of a seed. */
function heldOutWords({ data }: Spec): string {
  const { split, folds, validation } = data;
  const drawn = split === 'stratified' ? 'drawn class by class' : 'drawn at random';
  return folds === null ? `${count(validation)} images ${drawn}` : `folds, 1 of ${folds.count}, ${drawn}`;
}

/** What an arm had learnt before its first step. */
function beginning({ runs }: Arm): string {
  const starts = runs.map(({ start }) => start).filter((start) => start !== null);
  const [first] = starts;
  if (first === undefined) return 'begins with drawn weights';
  const verb = first.carry === 'everything' ? 'goes on from' : 'begins with';
  const others = new Set(starts.map(({ weights }) => weights)).size - 1;
  return `${verb} the ${first.words}${others > 0 ? `, and ${others} more of other seeds` : ''}`;
}

/** What should be the same in a fair comparison and is not. */
function otherEffects(arm: Arm, baseline: Arm, label: string, baseLabel: string): string[] {
  const out: string[] = [];
  const [mine, theirs] = [arm, baseline].map(beginning);
  if (mine !== theirs) out.push(`${label} ${mine}, ${baseLabel} ${theirs}.`);
  const [held, baseHeld] = [heldOutWords(arm.spec), heldOutWords(baseline.spec)];
  if (held !== baseHeld) {
    out.push(
      `${label} is validated on ${held}, ${baseLabel} on ${baseHeld}: their validation numbers are of different images.`,
    );
  }
  const differs = (of: (run: Arm['runs'][number]) => string | null): [string, string] | null => {
    const mine = [...new Set(arm.runs.map(of).filter((each) => each !== null))].sort();
    const theirs = [...new Set(baseline.runs.map(of).filter((each) => each !== null))].sort();
    if (mine.length === 0 || theirs.length === 0 || mine.join() === theirs.join()) return null;
    return [mine.join(', '), theirs.join(', ')];
  };
  const backend = differs((run) => run.backend);
  if (backend)
    out.push(`${label} ran on the ${backend[0]} backend, ${baseLabel} on ${backend[1]}: their rounding differs.`);
  const engine = differs((run) => run.engineVersion);
  if (engine) out.push(`${label} was trained with engine ${engine[0]}, ${baseLabel} with ${engine[1]}.`);
  const data = differs((run) => run.dataHash);
  if (data) out.push(`${label} and ${baseLabel} were trained on different bytes of data.`);
  const threads = differs((run) => (run.threads === null ? null : String(run.threads)));
  if (threads)
    out.push(`${label} ran with ${threads[0]} threads, ${baseLabel} with ${threads[1]}: their times do not compare.`);
  return out;
}
