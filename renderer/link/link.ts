import type { LabClient, LabEvent } from '../../lab/contract/client.ts';
import { LabError } from '../../lab/contract/errors.ts';
import type { MethodInput, MethodName, MethodOutput } from '../../lab/contract/methods.ts';

/** `lost` comes after `open` only; the link keeps trying and says `open` again by itself. */
export type LinkState = 'connecting' | 'open' | 'lost' | 'refused';

/** The lab as the page sees it: a client that outlives its connections. */
export interface Link {
  /** Waits for the first connection; while the connection is lost it rejects with code 'disconnected'. */
  call<N extends MethodName>(name: N, input: MethodInput<N>): Promise<MethodOutput<N>>;
  /** Events of every connection, in order. What was missed in between has to be read again on `open`. */
  onEvent(listener: (event: LabEvent) => void): () => void;
  /** Hears the present state at once. */
  onState(listener: (state: LinkState) => void): () => void;
  close(): void;
}

/** Tries one connection. Settles when it is open or has failed; `closed` runs once when an open one ends. */
export type Connect = (closed: () => void) => Promise<LabClient>;

/** Thrown by a `Connect` that would fail the same way again: a wrong token, say. */
export class Refused extends Error {}

/** Waits between attempts, in milliseconds; the last one repeats. */
const waits = [250, 500, 1000, 2000, 4000];

/** A link over connections that may be lost and made again. */
export function createLink(connect: Connect): Link {
  const listeners = new Set<(event: LabEvent) => void>();
  const watchers = new Set<(state: LinkState) => void>();
  let state: LinkState = 'connecting';
  let client: LabClient | null = null;
  let attempt = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  let first!: () => void;
  const settled = new Promise<void>((resolve) => (first = resolve));

  const enter = (next: LinkState): void => {
    state = next;
    if (next !== 'connecting') first();
    for (const watcher of [...watchers]) watcher(next);
  };
  const retry = (): void => {
    client = null;
    if (closed) return;
    timer = setTimeout(() => void open(), waits[Math.min(attempt++, waits.length - 1)]);
  };
  const open = async (): Promise<void> => {
    try {
      const next = await connect(() => {
        if (client !== next) return;
        enter('lost');
        retry();
      });
      if (closed) return next.close();
      client = next;
      attempt = 0;
      next.on((event) => {
        for (const listener of [...listeners]) listener(event);
      });
      enter('open');
    } catch (error) {
      if (error instanceof Refused) return enter('refused');
      if (state !== 'lost' && attempt >= 2) enter('lost');
      retry();
    }
  };
  void open();

  return {
    async call(name, input) {
      await settled;
      if (client) return client.call(name, input);
      throw new LabError('disconnected', 'The lab does not answer at the moment; this page connects again by itself.');
    },
    onEvent(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onState(listener) {
      watchers.add(listener);
      listener(state);
      return () => watchers.delete(listener);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      client?.close();
      enter('lost');
    },
  };
}
