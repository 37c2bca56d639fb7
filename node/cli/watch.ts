import type { Lab } from '../../lab/index.ts';
import type { EvaluationProgress } from '../../lab/contract/events.ts';
import type { RunRecord } from '../../lab/contract/records.ts';
import { choiceWords } from '../../lab/runs/backend.ts';
import { LiveBlock, outcomeLine, Pace, progressLine } from './print/progress.ts';
import type { Stream } from './print/terminal.ts';

/** Milliseconds between two drawings on a screen, and between two lines in a file. */
const drawEvery = 125;
const lineEvery = 5000;

const ended: ReadonlySet<string> = new Set(['finished', 'failed', 'stopped', 'interrupted']);

export interface Watch {
  /** Resolves when every run has ended. In a script it resolves also when the disk made one pause: nobody is there to help. */
  readonly done: Promise<void>;
  /** The newest record of each run, in the order they were given. */
  records(): RunRecord[];
  /** Prints a line that stays, and ends the drawing of progress; how runs end is still told. */
  rest(line: string): void;
  /** Ends it all; the records stay. */
  close(): void;
}

/** Follows runs until they end and shows how far they are. Owns its copies of the records; the lab's events feed them. */
export function watchRuns(lab: Pick<Lab, 'on'>, runs: readonly RunRecord[], stream: Stream): Watch {
  const records = new Map(runs.map((run) => [run.id, run]));
  const paces = new Map(runs.map((run) => [run.id, new Pace()]));
  const evaluations = new Map<string, EvaluationProgress>();
  const told = new Set<string>();
  const held = new Set<string>();
  const block = stream.live ? new LiveBlock(stream) : null;
  let finish!: () => void;
  const done = new Promise<void>((resolve) => (finish = resolve));

  const lineOf = (run: RunRecord) => {
    const left = paces.get(run.id)!.secondsLeft(run, performance.now());
    const evaluation = evaluations.get(run.id) ?? null;
    return progressLine(run, left, stream.live ? stream.width() : Infinity, stream.style, evaluation);
  };
  const draw = () => {
    const running = [...records.values()].filter((run) => run.status === 'running');
    const waiting = [...records.values()].filter((run) => run.status === 'queued').length;
    const lines = running.map(lineOf);
    if (block) block.draw(waiting > 0 ? [...lines, stream.style.dim(`  ${waiting} waiting`)] : lines);
    else for (const line of lines) stream.write(`${line}\n`);
  };
  const print = (line: string) => {
    if (block) block.print(line);
    else stream.write(`${line}\n`);
  };
  const toldWords = new Set<string>();
  /** Who asked for the GPU by name, or for half precision, learns at once what it turned out to be. */
  const tellBackend = ({ backendChoice }: RunRecord) => {
    const isAsked = backendChoice?.asked === 'webgpu' || backendChoice?.storage !== undefined;
    const words = backendChoice && isAsked ? choiceWords(backendChoice) : undefined;
    if (words === undefined || toldWords.has(words)) return;
    toldWords.add(words);
    print(stream.style.dim(`  ${words}`));
  };
  const tell = (run: RunRecord) => {
    tellBackend(run);
    if (ended.has(run.status) && !told.has(run.id)) {
      told.add(run.id);
      print(outcomeLine(run, stream.style));
    }
    // the lab pauses a run by itself when its files cannot be written, and goes on with it once they can
    if (run.status === 'paused' && !held.has(run.id)) {
      held.add(run.id);
      print(outcomeLine(run, stream.style));
      if (block)
        print(stream.style.dim('  It goes on by itself once that is put right. Ctrl+C ends it, to be resumed later.'));
    } else if (run.status !== 'paused') held.delete(run.id);
  };
  const take = (run: RunRecord) => {
    records.set(run.id, run);
    tell(run);
    const all = [...records.values()];
    if (all.every((each) => ended.has(each.status)) || (!block && held.size > 0)) finish();
  };

  const off = lab.on((event) => {
    if (event.name === 'run.changed' && records.has(event.data.run.id)) take(event.data.run);
    else if (event.name === 'run.evaluating') {
      const { id, evaluation } = event.data;
      if (evaluation === null) evaluations.delete(id);
      else evaluations.set(id, evaluation);
    }
  });
  for (const run of runs) stream.write(`${outcomeLine(run, stream.style)}\n`);
  const timer = setInterval(draw, block ? drawEvery : lineEvery);
  for (const run of runs) take(run);
  let closed = false;
  return {
    done,
    records: () => runs.map((run) => records.get(run.id)!),
    rest: (line) => {
      clearInterval(timer);
      print(line);
    },
    close: () => {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      off();
      block?.end();
    },
  };
}
