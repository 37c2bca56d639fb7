import { describe, expect, it } from 'vitest';
import { referenceBackend } from '../../../engine/reference/index.ts';
import type { Backend, Executable } from '../../../engine/backend.ts';
import { StepLog } from '../../../engine/train/stepLog.ts';
import { all, curve, mlp, only, smallJob } from './jobs.ts';
import { train } from './drive.ts';
import type { TrainingEvent } from '../../../engine/worker/protocol.ts';

/** A backend that queues: what is read comes later, as it was when it was asked for. */
function queueing(log: string[]): Backend {
  return {
    name: 'reference',
    compile: async (plan) => {
      const executable = await referenceBackend.compile(plan);
      const queued: Executable = {
        plan,
        bytes: executable.bytes,
        threads: 1,
        queued: true,
        write: (tensor, values) => executable.write(tensor, values),
        run: (segment) => {
          log.push(segment);
          executable.run(segment);
        },
        read: async (tensor, into) => {
          const now = into.slice() as typeof into;
          await executable.read(tensor, now);
          log.push(`ask ${plan.tensors[tensor]!.name}`);
          await new Promise((resolve) => setTimeout(resolve, 2));
          log.push(`told ${plan.tensors[tensor]!.name}`);
          into.set(now);
        },
        dispose: () => executable.dispose(),
      };
      return queued;
    },
  };
}

const job = smallJob({ graph: mlp, length: { steps: 24 }, evaluateEvery: { steps: 8 } });

describe('losses of a backend that queues', () => {
  it('are those of one that does not, and come back while the next steps are queued', async () => {
    const log: string[] = [];
    const queued = await train(job, queueing(log));
    const plain = await train(job, referenceBackend);
    expect(queued.hash).toBe(plain.hash);
    expect(curve(queued.events, 'loss')).toEqual(curve(plain.events, 'loss'));
    expect(curve(queued.events, 'learningRate')).toEqual(curve(plain.events, 'learningRate'));
    const history = log.filter((line) => line === 'train' || line.endsWith('history'));
    const asked = history.findIndex((line) => line.startsWith('ask'));
    // steps follow a reading that nobody has answered yet
    expect(history[asked + 1]).toBe('train');
    // and before an evaluation everything is there
    const evaluation = log.indexOf('evaluateTrain');
    const count = (what: string): number => log.slice(0, evaluation).filter((line) => line.startsWith(what)).length;
    expect(count('told')).toBe(count('ask'));
    expect(count('train')).toBe(8);
  });

  it('that are not numbers are told with their own step, and nothing is saved behind it', async () => {
    const wild = smallJob({
      graph: mlp,
      length: { steps: 40 },
      evaluateEvery: { steps: 40 },
      optimizer: {
        ...{ kind: 'sgd', momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 },
        learningRate: 1e38,
      },
    });
    const outcomes: string[] = [];
    const checkpoints: number[] = [];
    for (const backend of [referenceBackend, queueing([])]) {
      const events: TrainingEvent[] = [];
      await train(wild, backend, { events }).catch((error: unknown) => outcomes.push((error as Error).message));
      checkpoints.push(all(events, 'checkpoint').length);
    }
    expect(outcomes[0]).toMatch(/step \d+/);
    expect(outcomes[1]).toBe(outcomes[0]);
    expect(checkpoints).toEqual([0, 0]);
  });

  it('are all in a checkpoint that a stop makes', async () => {
    const stopped = await train(job, queueing([]), { stopAt: 5 });
    expect(only(stopped.events, 'finished').step).toBe(curve(stopped.events, 'loss').length);
  });
});

describe('the log of steps', () => {
  it('gives away what is complete and keeps the rest', () => {
    const log = new StepLog(8, 2, 0);
    for (let step = 0; step < 5; step++) log.note(step, step / 10);
    const history = Float32Array.from({ length: 16 }, (_, i) => i);
    expect(log.collect(history, 3)).toBe(0);
    const first = log.take();
    expect([first.firstStep, first.step]).toEqual([1, 3]);
    expect([...first.learningRate]).toEqual([0, 1, 2]);
    log.note(5, 0.5);
    expect(log.collect(history)).toBe(0);
    const rest = log.take();
    expect([rest.firstStep, rest.step]).toEqual([4, 6]);
    expect([...rest.learningRate]).toEqual([3, 4, 5]);
    expect([...rest.loss]).toEqual([6, 8, 10]);
  });
});
