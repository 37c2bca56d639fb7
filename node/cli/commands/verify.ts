import type { RunDetails, Verification } from '../../../lab/contract/records.ts';
import { compose } from '../../compose.ts';
import { exitCodeOfSignal, onEndSignal, type EndSignal } from '../../signals.ts';
import { usage } from '../args.ts';
import { homeOptions, printJson, type Command } from '../command.ts';
import { counted, duration, whole } from '../print/format.ts';
import { labelOf } from '../print/progress.ts';
import type { Stream } from '../print/terminal.ts';
import { watchReplay } from '../watchReplay.ts';

const mostSteps = 2 ** 31;

export const verifyCommand: Command = {
  name: 'verify',
  usage: '<run> [options]',
  summary: 'Replay a finished run and state whether the result is identical',
  details: [
    'Trains again from the spec and compares result hash and curves, bit for bit. The replay is stored nowhere.',
    'Ends with 0 when it is identical and with 1 when it differs.',
  ],
  examples: ['verify k3f9a2', 'verify k3f9a2 --steps 500'],
  options: {
    steps: { value: 'k', help: 'Replay the first k steps only and compare their curves' },
    json: { help: 'Print the outcome as JSON on stdout' },
  },
  words: 1,
  run: async (args, terminal) => {
    const id = args.positionals[0];
    if (id === undefined) throw usage('verify needs the id of a run, or its beginning. `list` shows them.');
    const steps = args.whole('steps', 1, mostSteps);
    const composition = await compose({ ...homeOptions(args), autoStart: false });
    const { lab } = composition;
    let signal: EndSignal | undefined;
    const off = onEndSignal((which) => {
      signal = which;
      void composition.close();
    });
    try {
      const run = await lab.call('runs.get', { id });
      const watch = watchReplay(lab, run, terminal.err);
      let verification: Verification;
      try {
        verification = await lab.call('runs.verify', { id: run.id, ...(steps !== undefined && { steps }) });
      } finally {
        watch.close();
      }
      if (args.has('json')) printJson(terminal, verification);
      else print(verification, run, terminal.out);
      return verification.identical ? 0 : 1;
    } catch (error) {
      if (signal === undefined) throw error;
      return exitCodeOfSignal(signal);
    } finally {
      off();
      await composition.close();
    }
  },
};

function print(verification: Verification, run: RunDetails, out: Stream): void {
  const { style } = out;
  const { identical, firstDifference, recordedEngine, replayedEngine } = verification;
  const mark = identical ? style.good('✓ identical') : style.bad('✗ differs');
  const part = verification.whole ? 'whole run' : `first ${counted(verification.steps, 'step')}`;
  out.write(`${mark}  ${style.dim(run.id)}  ${style.bold(labelOf(run))}, ${part}\n`);
  const line = (text: string): void => out.write(`  ${text}\n`);
  line(
    `${counted(verification.steps, 'step')} replayed in ${duration(verification.seconds)} with ${counted(verification.threads, 'thread')}; ${whole(verification.compared)} values of curves compared`,
  );
  if (verification.recordedHash !== null) line(`result, recorded  ${verification.recordedHash}`);
  if (verification.replayedHash !== null) line(`result, replayed  ${verification.replayedHash}`);
  if (firstDifference) {
    const { series, step, recorded, replayed } = firstDifference;
    line(`curves part at step ${whole(step)}: ${series} was ${valueText(recorded)} and is ${valueText(replayed)}`);
  }
  if (recordedEngine !== replayedEngine) {
    line(`recorded with engine ${recordedEngine}, replayed with ${replayedEngine}: a difference may come from that`);
  }
}

const valueText = (value: number | null): string => (value === null ? 'no finite number' : String(value));
