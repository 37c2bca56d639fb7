import { z } from 'zod';
import type { LabClient, LabEvent, LabServer } from './client.ts';
import { asLabError, fromErrorRecord, LabError, toErrorRecord } from './errors.ts';
import type { LabEventName } from './events.ts';
import { errorRecordSchema } from './records.ts';

/**
 * The contract over any pair of ends that post and hear messages: a WebSocket, a MessagePort, Electron's bridge.
 * Messages are plain JSON data; an adapter for a text transport parses and prints them.
 */
export interface Port {
  post(message: unknown): void;
  /** Called once, before the first message can arrive. */
  on(listener: (message: unknown) => void): void;
  /** Called once. `listener` runs when the other end is gone, at once if it already is. */
  onClose(listener: () => void): void;
}

/** Longest error detail that is sent back for a message that is no call. */
const shown = 80;

const callSchema = z.object({ kind: z.literal('call'), id: z.int().min(0), name: z.string(), input: z.unknown() });
const replySchema = z.union([
  z.object({ kind: z.literal('reply'), id: z.int().min(0), ok: z.literal(true), value: z.unknown() }),
  z.object({ kind: z.literal('reply'), id: z.int().min(0).nullable(), ok: z.literal(false), error: errorRecordSchema }),
]);
const eventNames = {
  'run.changed': true,
  'run.deleted': true,
  'run.restored': true,
  'run.series': true,
  'run.probe': true,
  'run.evaluating': true,
  'run.verifying': true,
  'job.progress': true,
  'queue.changed': true,
  'architectures.changed': true,
} as const satisfies Record<LabEventName, true>;
const eventSchema = z.object({
  kind: z.literal('event'),
  name: z.string().refine((name) => Object.hasOwn(eventNames, name)),
  data: z.record(z.string(), z.unknown()),
});

/**
 * Answers the calls that arrive on `port` and pushes the lab's events into it. Every call gets exactly one reply, also when
 * the handler throws something odd or its answer cannot be sent. Returns what ends the service; a closed port ends it too.
 */
export function serveLab(lab: LabServer, port: Port): () => void {
  let open = true;
  const post = (message: unknown): boolean => {
    if (!open) return true;
    try {
      port.post(message);
      return true;
    } catch {
      return false;
    }
  };
  const off = lab.on((event) => post({ kind: 'event', name: event.name, data: event.data }));
  const end = (): void => {
    open = false;
    off();
  };
  const refuse = (id: number | null, error: unknown): void => {
    post({ kind: 'reply', id, ok: false, error: toErrorRecord(error) });
  };
  port.on((message) => {
    if (!open) return;
    const call = readCall(message);
    if (!call) {
      refuse(idOf(message), new LabError('invalid', `This message is no call of the lab: ${print(message)}`));
      return;
    }
    void answer(lab, call.name, call.input).then(
      (value) => {
        if (post({ kind: 'reply', id: call.id, ok: true, value })) return;
        refuse(call.id, new LabError('unexpected', `${call.name}: the answer could not be sent.`));
      },
      (error: unknown) => refuse(call.id, error),
    );
  });
  port.onClose(end);
  return end;
}

/** A handler that throws before it makes its promise is treated as one that rejects. */
async function answer(lab: LabServer, name: string, input: unknown): Promise<unknown> {
  return await lab.call(name, input);
}

function readCall(message: unknown): z.output<typeof callSchema> | null {
  try {
    const parsed = callSchema.safeParse(message);
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** The number of a broken call, so that whoever waits for it hears of it. */
function idOf(message: unknown): number | null {
  try {
    const id: unknown = (message as { id?: unknown } | null | undefined)?.id;
    return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0 ? id : null;
  } catch {
    return null;
  }
}

function print(message: unknown): string {
  try {
    const text = JSON.stringify(message) ?? typeof message;
    return text.length > shown ? `${text.slice(0, shown)}...` : text;
  } catch {
    return 'something that cannot be printed';
  }
}

/** The lab at the other end of `port`. Messages that are neither a reply nor an event are passed over. */
export function connectLab(port: Port): LabClient {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: LabError) => void }>();
  const listeners = new Set<(event: LabEvent) => void>();
  let nextId = 1;
  let open = true;

  const end = (message: string): void => {
    if (!open) return;
    open = false;
    listeners.clear();
    for (const { reject } of waiting.values()) reject(new LabError('disconnected', message));
    waiting.clear();
  };

  const hear = (message: unknown): void => {
    const reply = replySchema.safeParse(message);
    if (reply.success) {
      const { data } = reply;
      const call = data.id === null ? undefined : waiting.get(data.id);
      if (!call || data.id === null) return;
      waiting.delete(data.id);
      if (data.ok) call.resolve(data.value as never);
      else call.reject(fromErrorRecord(data.error));
      return;
    }
    const event = eventSchema.safeParse(message);
    if (!event.success) return;
    notify(listeners, { name: event.data.name, data: event.data.data } as unknown as LabEvent);
  };

  port.on((message) => {
    if (open) hear(message);
  });
  port.onClose(() => end('The connection to the lab closed before it answered. Runs go on; connect again.'));

  return {
    call: (name, input) =>
      new Promise((resolve, reject) => {
        if (!open) {
          reject(new LabError('disconnected', `${name}: the connection to the lab is closed. Connect again.`));
          return;
        }
        const id = nextId++;
        waiting.set(id, { resolve, reject });
        try {
          port.post({ kind: 'call', id, name, input });
        } catch (error) {
          waiting.delete(id);
          const reason = error instanceof Error ? error.message : String(error);
          reject(new LabError('disconnected', `${name}: the call could not be sent (${reason}).`));
        }
      }),
    on: (listener) => {
      // a wrapper of its own, so that one function may listen twice and stop once
      const own = (event: LabEvent): void => listener(event);
      if (open) listeners.add(own);
      return () => listeners.delete(own);
    },
    close: () => end('The connection to the lab was closed here before it answered.'),
  };
}

/** A client in the lab's own process. Values are copied, so no shell holds the lab's own objects. */
export function localClient(lab: LabServer): LabClient {
  const offs = new Set<() => void>();
  let open = true;
  return {
    call: async (name, input) => {
      if (!open) throw new LabError('disconnected', `${name}: this client was closed.`);
      try {
        return structuredClone(await lab.call(name, structuredClone(input))) as never;
      } catch (error) {
        throw asLabError(error);
      }
    },
    on: (listener) => {
      const off = lab.on((event) => listener(structuredClone(event)));
      offs.add(off);
      return () => {
        offs.delete(off);
        off();
      };
    },
    close: () => {
      open = false;
      for (const off of offs) off();
      offs.clear();
    },
  };
}

/** Tells every listener; one that throws does not keep the others from hearing. */
function notify(listeners: ReadonlySet<(event: LabEvent) => void>, event: LabEvent): void {
  for (const listener of [...listeners]) {
    try {
      listener(event);
    } catch (error) {
      // pages have reportError; elsewhere a listener's own defect must not take the connection down
      (globalThis as { reportError?: (error: unknown) => void }).reportError?.(error);
    }
  }
}
