import { serveJobs, type JobCommand, type JobEvent } from './jobServer.ts';
import type { TrainingCommand, TrainingEvent } from './protocol.ts';
import { serveTraining, type TrainingHost } from './session.ts';

/** What a host sends to a worker: commands of one training run, or jobs, one after the other. */
export type WorkerCommand = TrainingCommand | JobCommand;
export type WorkerEvent = TrainingEvent | JobEvent;

/** The worker's end of the line to its host, a thread or a process away. */
export interface WorkerPort {
  /** `transfer`: buffers that need not be copied, as the sender is done with them. */
  post(event: WorkerEvent, transfer: ArrayBuffer[]): void;
  /** Called once; hears every command, also those that came before. */
  on(listener: (command: WorkerCommand) => void): void;
  close(): void;
}

/** Serves a host over `port`. The first message says what the worker is for. */
export function serveWorker(port: WorkerPort, host: TrainingHost): void {
  let answer: ((command: never) => void) | undefined;
  const begin = (first: WorkerCommand): ((command: never) => void) => {
    if (first.kind === 'job' || first.kind === 'cancelJob') return serveJobs((event) => port.post(event, []), host);
    let listener: (command: TrainingCommand) => void = () => undefined;
    serveTraining(
      {
        post: (event, transfer) => port.post(event, transfer),
        on: (given) => (listener = given),
        close: () => port.close(),
      },
      host,
    );
    return listener;
  };
  port.on((command) => {
    answer ??= begin(command);
    answer(command as never);
  });
}
