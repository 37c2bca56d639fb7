import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../engine/errors.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { TrainingCommand, TrainingEvent, TrainingJob } from '../../../engine/worker/protocol.ts';
import { serveTraining } from '../../../engine/worker/session.ts';
import type { TrainingHost } from '../../../engine/worker/session.ts';
import { all, only, smallJob } from '../train/jobs.ts';
import { train } from '../train/drive.ts';

/** A session in this thread. `react` is called with every event and may answer with a command. */
function serve(
  react: (event: TrainingEvent, send: (command: TrainingCommand) => void) => void,
  host: Partial<TrainingHost> = {},
): { send: (command: TrainingCommand) => void; events: TrainingEvent[]; closed: Promise<TrainingEvent[]> } {
  const events: TrainingEvent[] = [];
  let send: (command: TrainingCommand) => void = () => undefined;
  const closed = new Promise<TrainingEvent[]>((resolve) => {
    serveTraining(
      {
        post: (event) => {
          events.push(event);
          react(event, send);
        },
        on: (listener) => (send = listener),
        close: () => resolve(events),
      },
      {
        backend: () => Promise.resolve(referenceBackend),
        clock: () => performance.now(),
        turn: () => new Promise((resolve) => setImmediate(resolve)),
        ...host,
      },
    );
  });
  return { send: (command) => send(command), events, closed };
}

const run = (
  job: TrainingJob,
  react: (event: TrainingEvent, send: (command: TrainingCommand) => void) => void = () => undefined,
): Promise<TrainingEvent[]> => {
  const session = serve(react);
  session.send({ kind: 'start', job });
  return session.closed;
};

/** Evaluates often, so that there are many places to interfere with. */
const job = smallJob({ length: { steps: 60 }, evaluateEvery: { steps: 4 } });

describe('a session', () => {
  it('runs a job to the same result as the run itself', async () => {
    const events = await run(job);
    expect(events.slice(0, 2).map(({ kind }) => kind)).toEqual(['backend', 'ready']);
    expect(only(events, 'backend').choice).toMatchObject({ asked: job.backend, backend: job.backend });
    expect(events.at(-1)!.kind).toBe('finished');
    expect(only(events, 'finished').resultHash).toBe((await train(job, referenceBackend)).hash);
  });

  it('pauses with a checkpoint, does nothing while paused, and goes on to the same result', async () => {
    let heard = 0;
    let after = -1;
    const session = serve((event, send) => {
      if (event.kind === 'evaluation' && event.step === 12) send({ kind: 'pause' });
      if (event.kind === 'paused') {
        heard = session.events.length;
        setTimeout(() => {
          after = session.events.length;
          send({ kind: 'resume' });
        }, 50);
      }
    });
    session.send({ kind: 'start', job });
    const events = await session.closed;
    expect(after).toBe(heard);
    const paused = only(events, 'paused');
    const at = events.indexOf(paused);
    const before = all(events.slice(0, at), 'checkpoint').at(-1)!;
    expect(before).toMatchObject({ role: 'last', step: paused.step });
    expect(all(events.slice(0, at), 'progress').at(-1)!.step).toBe(paused.step);
    expect(events[at + 1]).toEqual({ kind: 'resumed', step: paused.step });
    expect(only(events, 'finished').resultHash).toBe((await train(job, referenceBackend)).hash);
  });

  it('stops with a checkpoint to go on from', async () => {
    const events = await run(job, (event, send) => {
      if (event.kind === 'evaluation' && event.step === 8) send({ kind: 'stop' });
    });
    const end = only(events, 'finished');
    expect(end.reason).toBe('stopped');
    expect(end.step).toBeLessThan(60);
    const checkpoint = all(events, 'checkpoint').at(-1)!;
    expect(checkpoint).toMatchObject({ role: 'last', step: end.step });
    const rest = await run({ ...job, resumeFrom: checkpoint.bytes });
    expect(only(rest, 'finished').resultHash).toBe((await train(job, referenceBackend)).hash);
  });

  it('stops while paused', async () => {
    const events = await run(job, (event, send) => {
      if (event.kind === 'evaluation' && event.step === 4) send({ kind: 'pause' });
      if (event.kind === 'paused') setTimeout(() => send({ kind: 'stop' }), 5);
    });
    expect(only(events, 'finished')).toMatchObject({ reason: 'stopped', step: only(events, 'paused').step });
    expect(all(events, 'resumed')).toEqual([]);
  });

  it('stops before the first step when told so at once', async () => {
    const session = serve(() => undefined);
    session.send({ kind: 'start', job });
    session.send({ kind: 'stop' });
    const events = await session.closed;
    expect(only(events, 'finished')).toMatchObject({ reason: 'stopped', step: 0 });
  });

  it('passes over commands that change nothing', async () => {
    const session = serve((event, send) => {
      if (event.kind !== 'evaluation' || event.step !== 4) return;
      send({ kind: 'resume' });
      send({ kind: 'start', job });
      send({ kind: 'pause' });
      send({ kind: 'resume' });
    });
    session.send({ kind: 'start', job });
    const events = await session.closed;
    expect(only(events, 'finished').reason).toBe('completed');
    expect(only(events, 'ready').step).toBe(0);
  });

  it('tells an engine error as plain data, once, and ends', async () => {
    const events = await run({ ...job, batchSize: 1000 });
    expect(events.map(({ kind }) => kind)).toEqual(['backend', 'failed']);
    expect(structuredClone(only(events, 'failed'))).toMatchObject({
      step: 0,
      error: { code: 'data', message: expect.stringContaining('batch of 1000') as string },
    });
  });

  it('tells every fault of a broken graph', async () => {
    const graph = {
      nodes: job.graph.nodes.map((node) => (node.layer === 'dense' ? { ...node, props: { units: -1 } } : node)),
    };
    const { error } = only(await run({ ...job, graph }), 'failed');
    expect(error.code).toBe('graph');
    expect(error.faults.map(({ node }) => node)).toEqual(expect.arrayContaining(['hidden', 'out']));
  });

  it('tells an error in the middle of training with the step', async () => {
    const session = serve(() => undefined, {
      backend: () =>
        Promise.resolve({
          name: 'reference',
          compile: async (plan) => {
            const executable = await referenceBackend.compile(plan);
            let steps = 0;
            const own = executable.run.bind(executable);
            executable.run = (segment) => {
              if (segment === 'train' && ++steps === 3) throw new EngineError('threads', 'Helper thread 1 died.');
              own(segment);
            };
            return executable;
          },
        }),
    });
    session.send({ kind: 'start', job });
    const failed = only(await session.closed, 'failed');
    expect(failed).toMatchObject({ step: 2, error: { code: 'threads', message: 'Helper thread 1 died.' } });
  });

  it('trains where it was told to, and compares no places itself', async () => {
    const asked: string[] = [];
    const noting = {
      backend: (name: string) => {
        asked.push(name);
        return Promise.resolve(referenceBackend);
      },
    };
    const auto: TrainingJob = { ...job, length: { steps: 2 }, backend: 'auto' };
    const choice = {
      asked: 'auto',
      backend: 'webgpu',
      reason: 'Measured.',
      adapter: 'Some GPU',
      measured: [],
    } as const;
    const told = serve(() => undefined, noting);
    told.send({ kind: 'start', job: { ...auto, choice } });
    expect(only(await told.closed, 'backend').choice).toEqual(choice);
    const alone = serve(() => undefined, noting);
    alone.send({ kind: 'start', job: auto });
    expect(only(await alone.closed, 'backend').choice).toMatchObject({ asked: 'auto', backend: 'cpu', measured: [] });
    expect(asked).toEqual(['webgpu', 'cpu']);
  });

  it('ends when the GPU fails: whoever chose it decides what becomes of the run', async () => {
    const session = serve(() => undefined, {
      backend: () => Promise.reject(new EngineError('device', 'The GPU is lost.')),
    });
    session.send({ kind: 'start', job: { ...job, backend: 'webgpu' } });
    const events = await session.closed;
    expect(events.map(({ kind }) => kind)).toEqual(['backend', 'failed']);
    expect(only(events, 'failed').error).toMatchObject({ code: 'device', message: 'The GPU is lost.' });
  });

  it('tells an unforeseen error as unexpected', async () => {
    const session = serve(() => undefined, { backend: () => Promise.reject(new TypeError('no such module')) });
    session.send({ kind: 'start', job });
    expect(only(await session.closed, 'failed').error).toMatchObject({
      code: 'unexpected',
      message: expect.stringContaining('no such module') as string,
    });
  });
});
