import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { LabEvent, LabServer } from '../../../lab/contract/client.ts';
import { LabError } from '../../../lab/contract/errors.ts';
import { connectLab, localClient, serveLab } from '../../../lab/contract/rpc.ts';
import { line } from './ports.ts';

/** A lab whose calls do what a test says. */
function fakeLab(
  answer: (name: string, input: unknown) => unknown,
): LabServer & { emit(event: LabEvent): void; listening(): number } {
  const listeners = new Set<(event: LabEvent) => void>();
  return {
    call: (name, input) => answer(name, input) as Promise<unknown>,
    on: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    emit: (event) => listeners.forEach((listener) => listener(event)),
    listening: () => listeners.size,
  };
}

const event: LabEvent = { name: 'run.deleted', data: { ids: ['r1'] } };
/** What no handler should do. */
const reject = (reason: Error): Promise<never> => Promise.reject(reason);

const rejection = async (promise: Promise<unknown>): Promise<LabError> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(LabError);
  return error as LabError;
};

describe('calls over a line', () => {
  it('are answered, each with its own answer, in any order', async () => {
    const [here, there] = line();
    const waits: ((value: unknown) => void)[] = [];
    serveLab(
      fakeLab(() => new Promise((resolve) => waits.push(resolve))),
      there,
    );
    const lab = connectLab(here);
    const first = lab.call('queue.get', {});
    const second = lab.call('datasets.list', {});
    await vi.waitFor(() => expect(waits).toHaveLength(2), 15_000);
    waits[1]!('second');
    waits[0]!('first');
    expect(await first).toBe('first');
    expect(await second).toBe('second');
  });

  it('bring a LabError back as it was thrown, with its faults', async () => {
    const [here, there] = line();
    const faults = [{ node: 'dense1', prop: 'units', message: 'too many' }];
    serveLab(
      fakeLab(() => Promise.reject(new LabError('spec', 'bad spec', faults))),
      there,
    );
    const error = await rejection(connectLab(here).call('queue.get', {}));
    expect(error).toMatchObject({ code: 'spec', message: 'bad spec', faults });
  });

  it.each([
    [
      'a synchronous throw',
      () => {
        throw new Error('at once');
      },
      'at once',
    ],
    ['undefined', () => reject(undefined as unknown as Error), 'undefined'],
    ['a text', () => reject('words' as unknown as Error), 'words'],
    ['an object without a text form', () => reject(Object.create(null) as Error), 'cannot be put into words'],
    [
      'an error whose message throws',
      () =>
        Promise.reject(
          Object.defineProperty(new Error(), 'message', {
            get: () => {
              throw new Error();
            },
          }),
        ),
      'cannot be put into words',
    ],
    [
      'an error of a code that the catalogue lacks',
      () => Promise.reject(Object.assign(new Error('m'), { code: 'ENOENT', faults: [] })),
      'm',
    ],
  ])('get a reply also when a handler throws %s', async (_name, answer, words) => {
    const [here, there] = line();
    serveLab(fakeLab(answer), there);
    const error = await rejection(connectLab(here).call('queue.get', {}));
    expect(error.code).toBe('unexpected');
    expect(error.message).toContain(words);
  });

  it('get a reply when the answer cannot be sent', async () => {
    const [here, there] = line();
    serveLab(
      fakeLab(() => Promise.resolve(10n)),
      there,
    );
    const error = await rejection(connectLab(here).call('queue.get', {}));
    expect(error).toMatchObject({ code: 'unexpected' });
    expect(error.message).toContain('queue.get');
  });

  it('reject with "disconnected" when the line closes, before or after they were sent', async () => {
    const [here, there] = line();
    const server = fakeLab(() => new Promise(() => undefined));
    serveLab(server, there);
    const lab = connectLab(here);
    const pending = lab.call('queue.get', {});
    expect(server.listening()).toBe(1);
    here.close();
    expect((await rejection(pending)).code).toBe('disconnected');
    expect((await rejection(lab.call('queue.get', {}))).code).toBe('disconnected');
    expect(server.listening()).toBe(0);
  });

  it('reject with "disconnected" when the client was closed or its post throws', async () => {
    const [here] = line();
    const lab = connectLab({
      ...here,
      post: () => {
        throw new Error('socket is closing');
      },
    });
    expect(await rejection(lab.call('queue.get', {}))).toMatchObject({ code: 'disconnected' });
    const [other, otherEnd] = line();
    serveLab(
      fakeLab(() => new Promise(() => undefined)),
      otherEnd,
    );
    const client = connectLab(other);
    const pending = client.call('queue.get', {});
    client.close();
    expect((await rejection(pending)).code).toBe('disconnected');
  });

  it('are refused with their own number when the message is no call', async () => {
    const [here, there] = line();
    serveLab(
      fakeLab(() => Promise.resolve(1)),
      there,
    );
    here.post({ kind: 'call', id: 7, name: 3 });
    here.post('nonsense');
    here.post(null);
    await vi.waitFor(() => expect(here.received).toHaveLength(3), 15_000);
    expect(here.received).toMatchObject([
      { kind: 'reply', id: 7, ok: false, error: { code: 'invalid' } },
      { kind: 'reply', id: null, ok: false },
      { kind: 'reply', id: null, ok: false },
    ]);
  });

  it('survive any garbage on the line, at both ends', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.jsonValue(), { maxLength: 20 }), async (garbage) => {
        const [here, there] = line();
        const server = fakeLab((name) => Promise.resolve(name));
        serveLab(server, there);
        const lab = connectLab(here);
        lab.on(() => undefined);
        for (const message of garbage) {
          here.post(message);
          there.post(message);
        }
        expect(await lab.call('queue.get', {})).toBe('queue.get');
      }),
      { numRuns: 100 },
    );
  });
});

describe('events over a line', () => {
  it('reach every listener, also after one of them threw, until it stops listening', async () => {
    const [here, there] = line();
    const server = fakeLab(() => Promise.resolve(null));
    serveLab(server, there);
    const lab = connectLab(here);
    const heard: LabEvent[] = [];
    lab.on(() => {
      throw new Error('my own defect');
    });
    const off = lab.on((each) => heard.push(each));
    server.emit(event);
    await lab.call('queue.get', {});
    expect(heard).toEqual([event]);
    off();
    server.emit(event);
    await lab.call('queue.get', {});
    expect(heard).toHaveLength(1);
  });

  it('end with the service', async () => {
    const [here, there] = line();
    const server = fakeLab(() => Promise.resolve(null));
    const end = serveLab(server, there);
    connectLab(here);
    end();
    expect(server.listening()).toBe(0);
    server.emit(event);
    await Promise.resolve();
    expect(here.received).toEqual([]);
  });
});

describe('a client in the same process', () => {
  it('gets copies, and LabErrors', async () => {
    const inside = { list: [1] };
    const server = fakeLab((name) =>
      name === 'queue.get' ? Promise.resolve(inside) : Promise.reject(new Error('odd')),
    );
    const lab = localClient(server);
    const answer = (await lab.call('queue.get', {})) as unknown as typeof inside;
    answer.list.push(2);
    expect(inside.list).toEqual([1]);
    expect((await rejection(lab.call('datasets.list', {}))).code).toBe('unexpected');
    const heard: LabEvent[] = [];
    lab.on((each) => heard.push(each));
    server.emit(event);
    expect(heard).toEqual([event]);
    expect(heard[0]).not.toBe(event);
    lab.close();
    server.emit(event);
    expect(heard).toHaveLength(1);
    expect((await rejection(lab.call('queue.get', {}))).code).toBe('disconnected');
  });
});
