import type { Lab } from '../../lab/index.ts';
import { bar, LiveBlock } from './print/progress.ts';
import type { Stream } from './print/terminal.ts';

const lineEvery = 5000;

/** Shows how far a job is once it tells, until it is closed: a bar on a screen, a line every few seconds elsewhere. */
export function watchJob(lab: Pick<Lab, 'on'>, job: string, what: string, stream: Stream): { close(): void } {
  const block = stream.live ? new LiveBlock(stream) : null;
  let done: number | null = null;
  const line = (): string => `  ${what}  ${bar(done ?? 0, stream.style)}  ${Math.floor(100 * (done ?? 0))} %`;
  const off = lab.on((event) => {
    if (event.name !== 'job.progress' || event.data.job !== job) return;
    done = event.data.done;
    block?.draw([line()]);
  });
  const timer = block
    ? undefined
    : setInterval(() => {
        if (done !== null) stream.write(`${line()}\n`);
      }, lineEvery);
  return {
    close: () => {
      clearInterval(timer);
      off();
      block?.end();
    },
  };
}
