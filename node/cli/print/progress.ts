import type { EvaluationProgress } from '../../../lab/contract/events.ts';
import type { RunRecord } from '../../../lab/contract/records.ts';
import { counted, duration, loss, percent, short, whole } from './format.ts';
import { cut, printable, widthOf } from './table.ts';
import type { Stream, Style } from './terminal.ts';

/** "mlp-sigmoid, seed 1". */
export const labelOf = (run: RunRecord): string =>
  `${printable(run.name) || run.dataset}, seed ${run.seed}${run.fold === null ? '' : `, fold ${run.fold} of ${run.folds}`}`;

const barWidth = 20;

/** A bar of `width` cells, the last one drawn to a half. */
export function bar(fraction: number, style: Style, width = barWidth): string {
  const halves = Math.round(Math.min(1, Math.max(0, fraction)) * width * 2);
  const full = '━'.repeat(Math.floor(halves / 2)) + (halves % 2 === 1 ? '╸' : '');
  return style.accent(full) + style.dim('─'.repeat(width - Math.ceil(halves / 2)));
}

/**
 * What a run does at this moment in one line that fits `width`; what matters least goes first when it is narrow.
 * @param evaluation the one under way, if there is one that takes its time
 */
export function progressLine(
  run: RunRecord,
  secondsLeft: number | null,
  width: number,
  style: Style,
  evaluation: EvaluationProgress | null = null,
): string {
  const total = run.totalSteps;
  const fraction = total ? run.step / total : 0;
  const { metrics } = run;
  const validation = metrics.validationAccuracy;
  // steps come after an evaluation of validation images, and nothing after that of test images
  const left = evaluation?.split === 'test' ? evaluation.secondsLeft : secondsLeft;
  const parts: { readonly text: string; readonly rank: number }[] = [
    { text: style.bold(cut(labelOf(run), 28)), rank: 0 },
    { text: bar(fraction, style, width < 80 ? 12 : barWidth), rank: 2 },
    { text: `${Math.floor(fraction * 100)} %`.padStart(5), rank: 0 },
    ...(evaluation === null
      ? [
          { text: `${whole(run.step)}${total ? `/${whole(total)}` : ''} steps`, rank: 3 },
          { text: run.imagesPerSecond === null ? '' : `${short(Math.round(run.imagesPerSecond))} images/s`, rank: 4 },
        ]
      : [{ text: evaluationWords(evaluation, width < 100), rank: 1 }]),
    { text: metrics.trainLoss === null ? '' : `loss ${loss(metrics.trainLoss)}`, rank: 2 },
    { text: validation === null ? '' : `validation ${percent(validation)}`, rank: evaluation === null ? 1 : 2 },
    { text: left === null ? '' : style.dim(`${duration(left)} left`), rank: 1 },
  ].filter((part) => part.text !== '');
  for (;;) {
    const line = `  ${parts.map((part) => part.text).join('  ')}`;
    const worst = parts.reduce((a, b) => (b.rank >= a.rank ? b : a));
    if (widthOf(line) <= width || worst.rank === 0) return line;
    parts.splice(parts.indexOf(worst), 1);
  }
}

/** "evaluates 4,200/10,000 test images"; of validation images with its own time left, as the run goes on behind it. */
function evaluationWords({ split, done, images, secondsLeft }: EvaluationProgress, narrow: boolean): string {
  if (narrow) return `evaluates ${split} images ${Math.floor((100 * done) / images)} %`;
  const own = split === 'validation' && secondsLeft !== null ? ` for ${duration(secondsLeft)}` : '';
  return `evaluates ${whole(done)}/${whole(images)} ${split} images${own}`;
}

/** How a run ended, or came to rest, in one line. */
export function outcomeLine(run: RunRecord, style: Style): string {
  const where = run.step > 0 ? ` after ${counted(run.step, 'step')} in ${duration(run.seconds)}` : '';
  const label = `${style.dim(run.id)}  ${style.bold(labelOf(run))}`;
  switch (run.status) {
    case 'finished': {
      const how = run.reason === 'earlyStopping' ? 'stopped early, as asked' : 'finished';
      return `${style.good('✓')} ${label}  ${how}${where}, test accuracy ${style.bold(percent(run.metrics.testAccuracy))}`;
    }
    case 'failed':
      return `${style.bad('✗')} ${label}  failed${where}: ${run.error?.message ?? 'no reason was given'}`;
    case 'queued':
      return `${style.dim('·')} ${label}  is in the queue (group ${run.group})`;
    case 'running':
      return `${style.dim('·')} ${label}  is running (group ${run.group})`;
    case 'paused':
    case 'stopped':
    case 'interrupted':
      return `${style.warn('‖')} ${label}  ${run.status}${where}${run.error ? `: ${run.error.message}` : ''}`;
  }
}

/** Seconds to the end by the pace of the last half minute, evaluations and all that comes between steps included. */
export class Pace {
  readonly #marks: { at: number; step: number }[] = [];
  readonly #span = 30_000;

  /** @param now milliseconds of any clock */
  secondsLeft(run: RunRecord, now: number): number | null {
    const marks = this.#marks;
    // a fork begins behind the steps of its parent, which took it no time
    const step = Math.max(run.step, run.start?.firstStep ?? 0);
    if (step < (marks.at(-1)?.step ?? 0)) marks.length = 0;
    if (step > (marks.at(-1)?.step ?? -1)) marks.push({ at: now, step });
    while (marks.length > 2 && now - marks[0]!.at > this.#span) marks.shift();
    const first = marks[0]!;
    const last = marks.at(-1)!;
    if (last.step <= first.step || run.totalSteps === null) return null;
    const perStep = (last.at - first.at) / (last.step - first.step);
    return Math.max(0, (run.totalSteps - last.step) * perStep - (now - last.at)) / 1000;
  }
}

/**
 * A few lines at the end of the output that are drawn over and over, with finished lines scrolling away above them.
 * Owns the cursor from the first drawing until `end`.
 */
export class LiveBlock {
  readonly #stream: Stream;
  #drawn = 0;
  #last = '';

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  draw(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}\x1b[K\n`).join('');
    if (text === this.#last) return;
    this.#stream.write(`\x1b[?25l${this.#back()}${text}\x1b[J`);
    this.#drawn = lines.length;
    this.#last = text;
  }

  /** A line that stays. */
  print(line: string): void {
    this.#stream.write(`${this.#back()}\x1b[J${line}\n`);
    this.#drawn = 0;
    this.#last = '';
  }

  end(): void {
    this.#stream.write(`${this.#back()}\x1b[J\x1b[?25h`);
    this.#drawn = 0;
    this.#last = '';
  }

  #back(): string {
    return this.#drawn > 0 ? `\x1b[${this.#drawn}A` : '';
  }
}
