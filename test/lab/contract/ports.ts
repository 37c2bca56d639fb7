import type { Port } from '../../../lab/contract/rpc.ts';

export interface End extends Port {
  close(): void;
  /** What arrived here, for tests that look at the wire. */
  readonly received: unknown[];
}

/** Two ends of one line. Messages cross as JSON text, later than the call that sent them, as on a socket. */
export function line(): [End, End] {
  const ends = [end(), end()] as const;
  ends[0].other = ends[1];
  ends[1].other = ends[0];
  return [ends[0].port, ends[1].port];
}

interface Inner {
  other: Inner | null;
  listener: ((message: unknown) => void) | null;
  closed: (() => void) | null;
  readonly port: End;
}

function end(): Inner {
  let open = true;
  const inner: Inner = {
    other: null,
    listener: null,
    closed: null,
    port: {
      received: [],
      post: (message) => {
        if (!open) throw new Error('this end is closed');
        const text = JSON.stringify(message);
        const other = inner.other!;
        queueMicrotask(() => {
          const arrived: unknown = text === undefined ? undefined : JSON.parse(text);
          other.port.received.push(arrived);
          other.listener?.(arrived);
        });
      },
      on: (listener) => (inner.listener = listener),
      onClose: (listener) => (inner.closed = listener),
      close: () => {
        open = false;
        inner.closed?.();
        inner.other?.closed?.();
      },
    },
  };
  return inner;
}
