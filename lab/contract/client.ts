import type { LabEventName, LabEvents } from './events.ts';
import type { MethodInput, MethodName, MethodOutput } from './methods.ts';

/** One event with its name, as listeners get it. */
export type LabEvent = { [N in LabEventName]: { readonly name: N; readonly data: LabEvents[N] } }[LabEventName];

/** The lab as a shell sees it, whatever lies between. */
export interface LabClient {
  /** Rejects with a LabError. */
  call<N extends MethodName>(name: N, input: MethodInput<N>): Promise<MethodOutput<N>>;
  /** Returns what ends the listening. */
  on(listener: (event: LabEvent) => void): () => void;
  /** Ends the connection; calls that wait for an answer reject with code 'disconnected'. */
  close(): void;
}

/** What a connection is served from: the lab itself. */
export interface LabServer {
  /** Input as it came in; validated inside. Rejects with a LabError. */
  call(name: string, input: unknown): Promise<unknown>;
  on(listener: (event: LabEvent) => void): () => void;
}
