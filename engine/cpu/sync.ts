import type { Func, Local } from './asm/func.ts';
import type { Module } from './asm/module.ts';

/** Byte offsets of the words that threads share at the start of memory, each on its own cache line. */
export const syncWord = {
  /** Grows by one with every command. */
  command: 64,
  /** Number of the segment to run, or -1 to end. */
  segment: 128,
  barrierCount: 192,
  barrierTurn: 256,
  barrierSleepers: 320,
  /** Not 0 once a thread has failed; nobody waits any longer. */
  abort: 384,
  /** Helpers that are ready. */
  ready: 448,
} as const;
/** Counters of claimed tasks, one per level, follow. */
export const countersStart = 512;
export const counterBytes = 64;

/** Polls before a waiting thread sleeps: some tens of microseconds, longer than a barrier usually takes. */
const spins = 20_000;
const sleepNs = 1_000_000_000;
/** A thread that waits this many times `sleepNs` for the others gives them up for dead. */
export const defaultPatience = 30;

/**
 * barrier(): 0, or 1 if a thread has failed. All threads must arrive before any leaves. Waits by polling first, then asleep.
 */
export function emitBarrier(module: Module, threads: number, patience: number): Func {
  const f = module.func('barrier', [], 'i32');
  const turn = f.local('i32');
  const polls = f.local('i32');
  const naps = f.local('i32');
  const turned = (): (() => void) => f.i32.ne(f.atomicLoad(syncWord.barrierTurn), turn);
  f.set(turn, f.atomicLoad(syncWord.barrierTurn));
  f.if(
    f.i32.eq(f.atomicAdd(syncWord.barrierCount, 0, 1), threads - 1),
    () => {
      f.atomicStore(syncWord.barrierCount, 0, 0);
      f.drop(f.atomicAdd(syncWord.barrierTurn, 0, 1));
      f.if(f.atomicLoad(syncWord.barrierSleepers), () => f.atomicNotify(syncWord.barrierTurn, 0));
    },
    () => {
      f.set(polls, 0);
      f.forever((leave) => {
        leave(turned());
        f.inc(polls, 1);
        leave(f.i32.geU(polls, spins));
      });
      f.if(f.i32.eqz(turned()), () => {
        f.drop(f.atomicAdd(syncWord.barrierSleepers, 0, 1));
        f.set(naps, 0);
        f.forever((leave) => {
          leave(turned());
          leave(f.atomicLoad(syncWord.abort));
          f.if(f.i32.eq(f.atomicWait(syncWord.barrierTurn, 0, turn, sleepNs), 2), () => {
            f.inc(naps, 1);
            f.if(f.i32.geU(naps, patience), () => {
              f.atomicStore(syncWord.abort, 0, 1);
              f.atomicNotify(syncWord.barrierTurn, 0);
              f.atomicNotify(syncWord.command, 0);
            });
          });
        });
        f.drop(f.atomicAdd(syncWord.barrierSleepers, 0, -1));
      });
    },
  );
  f.run(f.atomicLoad(syncWord.abort));
  return f;
}

/** helper(scratch): runs segments on command until told to end or until a thread has failed. */
export function emitHelperLoop(module: Module, segments: readonly Func[]): Func {
  const f = module.func('helper', ['i32']);
  const [scratch] = f.params() as [Local];
  const seen = f.local('i32');
  const polls = f.local('i32');
  const segment = f.local('i32');
  const failed = f.local('i32');
  f.set(seen, 0);
  f.set(failed, 0);
  f.drop(f.atomicAdd(syncWord.ready, 0, 1));
  f.atomicNotify(syncWord.ready, 0);
  f.forever((leave) => {
    f.set(polls, 0);
    f.forever((stop) => {
      stop(f.i32.ne(f.atomicLoad(syncWord.command), seen));
      stop(f.atomicLoad(syncWord.abort));
      f.inc(polls, 1);
      f.if(f.i32.geU(polls, spins), () => f.drop(f.atomicWait(syncWord.command, 0, seen, sleepNs)));
    });
    leave(f.atomicLoad(syncWord.abort));
    f.inc(seen, 1);
    f.set(segment, f.atomicLoad(syncWord.segment));
    leave(f.i32.eq(segment, -1));
    segments.forEach((run, index) => {
      f.if(f.i32.eq(segment, index), () => f.set(failed, f.call(run, scratch, 1)));
    });
    leave(failed);
  });
  return f;
}

/** command(segment): sends the helpers to work. */
export function emitCommand(module: Module): Func {
  const f = module.func('command', ['i32']);
  f.atomicStore(syncWord.segment, 0, f.param(0));
  f.drop(f.atomicAdd(syncWord.command, 0, 1));
  f.atomicNotify(syncWord.command, 0);
  return f;
}
