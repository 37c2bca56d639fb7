import { serveJobs, type JobCommand, type JobEvent, type JobHost } from './jobServer.ts';
import type { TrainingCommand, TrainingEvent } from './protocol.ts';
import { serveTraining, type TrainingHost } from './session.ts';
import type { FormsCommand, FormsEvent, SharedForms } from './sharedForms.ts';

/** What a host sends to a worker: jobs, one after the other, and commands of one training run; and, before them, what helps. */
export type WorkerCommand = TrainingCommand | JobCommand | FormsCommand;
export type WorkerEvent = TrainingEvent | JobEvent | FormsEvent;

/** The worker's end of the line to its host, a thread or a process away. */
export interface WorkerPort {
  /** `transfer`: buffers that need not be copied, as the sender is done with them. */
  post(event: WorkerEvent, transfer: ArrayBuffer[]): void;
  /** Called once; hears every command, also those that came before. */
  on(listener: (command: WorkerCommand) => void): void;
  close(): void;
}

/** The place a worker runs in. `forms`: what its GPU's backend remembers forms of kernels in. */
export type WorkerHost = TrainingHost & JobHost & { readonly forms?: SharedForms };

/** Serves a host over `port`: jobs, and at most one run, which may come after them. */
export function serveWorker(port: WorkerPort, host: WorkerHost): void {
  let jobs: ((command: JobCommand) => void) | undefined;
  let training: ((command: TrainingCommand) => void) | undefined;
  host.forms?.tellTo((event) => port.post(event, []));
  const beginTraining = (): ((command: TrainingCommand) => void) => {
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
    if (command.kind === 'forms') host.forms?.learn(command.known);
    else if (command.kind === 'job' || command.kind === 'cancelJob') {
      (jobs ??= serveJobs((event) => port.post(event, []), host))(command);
    } else (training ??= beginTraining())(command);
  });
}
