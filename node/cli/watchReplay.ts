import type { EvaluationProgress } from '../../lab/contract/events.ts';
import type { RunDetails } from '../../lab/contract/records.ts';
import type { Lab } from '../../lab/index.ts';
import { LiveBlock, Pace, progressLine } from './print/progress.ts';
import type { Stream } from './print/terminal.ts';

/** Milliseconds between two drawings on a screen, and between two lines in a file. */
const drawEvery = 125;
const lineEvery = 5000;

/** Shows how far the replay of a run is, until it is closed. */
export function watchReplay(lab: Pick<Lab, 'on'>, run: RunDetails, stream: Stream): { close(): void } {
  const block = stream.live ? new LiveBlock(stream) : null;
  const pace = new Pace();
  // what is shown of a run that trains: its own numbers are those of its end
  const metrics = { ...run.metrics, trainLoss: null, validationAccuracy: null };
  let replay = { ...run, metrics, step: 0, imagesPerSecond: null };
  let evaluation: EvaluationProgress | null = null;
  const off = lab.on((event) => {
    if (event.name !== 'run.verifying' || event.data.id !== run.id) return;
    replay = { ...replay, step: event.data.step, totalSteps: event.data.steps };
    evaluation = event.data.evaluation;
  });
  const draw = (): void => {
    const left = pace.secondsLeft(replay, performance.now());
    const line = progressLine(replay, left, block ? stream.width() : Infinity, stream.style, evaluation);
    if (block) block.draw([line]);
    else stream.write(`${line}\n`);
  };
  const timer = setInterval(draw, block ? drawEvery : lineEvery);
  return {
    close: () => {
      clearInterval(timer);
      off();
      block?.end();
    },
  };
}
