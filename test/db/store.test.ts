import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../db/open.node.ts';
import { runRecordSchema } from '../../lab/contract/records.ts';
import type { CheckpointRecord, Store } from '../../lab/ports.ts';
import { leastTime, slowness } from '../processorTime.ts';
import { home, run, spec } from './fixtures.ts';

function withStore<T>(body: (store: Store) => T): T {
  const store = openStore(home());
  try {
    return body(store);
  } finally {
    store.close();
  }
}

describe('runs', () => {
  it('come back as they were put in, whole', () => {
    withStore((store) => {
      const record = run('r1', {
        tags: ['a', 'ü'],
        note: 'a note',
        starred: true,
        sparkline: [0.5, 0.25],
        error: { code: 'nonFinite', message: 'loss', faults: [{ node: 'dense1', message: 'NaN' }] },
        metrics: { ...run('x').metrics, testAccuracy: 0.9731 },
        seconds: 1.5,
        reason: 'completed',
        status: 'finished',
        endedAt: 3,
        startedAt: 2,
        resultHash: 'ab',
        checkpointStep: 7,
      });
      store.insertRun(record, spec);
      const { spec: storedSpec, events, ...rest } = store.getRun('r1')!;
      expect(rest).toEqual(record);
      expect(runRecordSchema.parse(rest)).toEqual(record);
      expect(storedSpec).toEqual(spec);
      expect(events).toEqual([]);
      expect(store.getRun('r2')).toBeNull();
    });
  });

  it('take a patch of any field, and answer the record', () => {
    withStore((store) => {
      store.insertRun(run('r1'), spec);
      const patched = store.updateRun('r1', {
        step: 12,
        status: 'running',
        sparkline: [1],
        note: 'Über',
        starred: true,
      });
      expect(patched).toEqual(run('r1', { step: 12, status: 'running', sparkline: [1], note: 'Über', starred: true }));
      expect(store.updateRun('r1', { imagesPerSecond: Number.NaN }).imagesPerSecond).toBeNull();
      expect(() => store.updateRun('r9', { step: 1 })).toThrow(/no run r9/);
      expect(() => store.updateRun('r9', {})).toThrow(/no run r9/);
    });
  });

  it('are listed newest first, filtered by words, status and group, with a total', () => {
    withStore((store) => {
      store.insertRun(run('ra', { createdAt: 1, name: 'Sigmoid MLP', status: 'finished' }), spec);
      store.insertRun(run('rb', { createdAt: 2, name: 'cnn', group: '111122223333', dataset: 'fashion-mnist' }), spec);
      store.insertRun(run('rc', { createdAt: 2, name: 'cnn', tags: ['Paper'] }), spec);
      const ids = (filter: Parameters<Store['listRuns']>[0]): string[] =>
        store.listRuns(filter).runs.map(({ id }) => id);
      expect(ids({})).toEqual(['rc', 'rb', 'ra']);
      expect(ids({ search: 'mlp SIGMOID' })).toEqual(['ra']);
      expect(ids({ search: 'paper' })).toEqual(['rc']);
      expect(ids({ search: '100%_"\'' })).toEqual([]);
      expect(ids({ status: ['finished', 'failed'] })).toEqual(['ra']);
      expect(ids({ group: '111122223333' })).toEqual(['rb']);
      expect(store.listRuns({ limit: 1, offset: 1 })).toMatchObject({ runs: [{ id: 'rb' }], total: 3 });
      store.updateRun('rb', { note: 'see page 4' });
      expect(ids({ search: 'page' })).toEqual(['rb']);
    });
  });

  it('are found by the beginning of an id or of a group', () => {
    withStore((store) => {
      for (const id of ['rab1', 'rab2', 'rb']) store.insertRun(run(id), spec);
      store.insertRun(run('rc', { group: 'aaaa00000000' }), spec);
      expect(store.findRuns('rab')).toEqual(['rab1', 'rab2']);
      expect(store.findRuns('')).toHaveLength(4);
      expect(store.findRuns('%')).toEqual([]);
      expect(store.findGroups('aaaa')).toEqual(['aaaa00000000', 'aaaabbbbcccc']);
      expect(store.findGroups('aaaab')).toEqual(['aaaabbbbcccc']);
    });
  });

  it('of a group come by seed', () => {
    withStore((store) => {
      store.insertRun(run('r2', { seed: 2 }), spec);
      store.insertRun(run('r1', { seed: 1 }), spec);
      expect(store.groupRuns('aaaabbbbcccc').map(({ seed }) => seed)).toEqual([1, 2]);
    });
  });

  it('are deleted, restored, and purged with everything that hangs on them', () => {
    withStore((store) => {
      for (const id of ['r1', 'r2']) {
        store.insertRun(run(id), spec);
        store.appendEvent(id, { at: 1, step: 0, kind: 'created', text: 'x' });
        store.appendSeries(id, [{ name: 'train.loss', steps: [1], values: [2], seconds: [0] }]);
        store.putCheckpoint(checkpoint(id, 1));
      }
      expect(store.markDeleted(['r1', 'r1', 'nope'], 50)).toEqual(['r1']);
      expect(store.getRun('r1')).toBeNull();
      expect(store.findRuns('r')).toEqual(['r2']);
      expect(store.groupRuns('aaaabbbbcccc')).toHaveLength(1);
      expect(store.markDeleted(['r1'], null)).toEqual(['r1']);
      expect(store.getRun('r1')?.events).toHaveLength(1);
      store.markDeleted(['r1'], 50);
      expect(store.purgeDeleted(50)).toEqual([]);
      expect(store.purgeDeleted(51)).toEqual(['r1-last-1.safetensors']);
      expect(store.markDeleted(['r1'], null)).toEqual([]);
      expect(store.readSeries('r1')).toEqual([]);
      expect(store.getCheckpoint('r1', 'last')).toBeNull();
      expect(store.getCheckpoint('r2', 'last')).not.toBeNull();
    });
  });

  it('10,000 of them list in under 100 ms', () => {
    withStore((store) => {
      store.transaction(() => {
        for (let i = 0; i < 10_000; i++) {
          const more = { createdAt: i, seed: i, sparkline: Array.from({ length: 32 }, (_, k) => k / 32), tags: ['a'] };
          store.insertRun(run(`r${i}`, more), spec);
        }
      });
      store.listRuns({ limit: 10 });
      const most = 100 * slowness();
      expect(leastTime(() => expect(store.listRuns({}).runs).toHaveLength(10_000))).toBeLessThan(most);
      const search = { search: 'r999', limit: 100 };
      expect(leastTime(() => expect(store.listRuns(search).total).toBe(11))).toBeLessThan(most);
    });
  });
});

function checkpoint(runId: string, step: number, more: Partial<CheckpointRecord> = {}): CheckpointRecord {
  const file = `${runId}-last-${step}.safetensors`;
  return { runId, role: 'last', step, file, hash: 'h', bytes: 3, createdAt: 9, ...more };
}

describe('checkpoints', () => {
  it('replace the one of their role and name the file that went out of use', () => {
    withStore((store) => {
      store.insertRun(run('r1'), spec);
      expect(store.putCheckpoint(checkpoint('r1', 1))).toBeNull();
      expect(store.putCheckpoint(checkpoint('r1', 1))).toBeNull();
      expect(store.putCheckpoint(checkpoint('r1', 2, { role: 'best' }))).toBeNull();
      expect(store.putCheckpoint(checkpoint('r1', 3))).toBe('r1-last-1.safetensors');
      expect(store.getCheckpoint('r1', 'last')).toEqual(checkpoint('r1', 3));
      expect(store.getCheckpoint('r1', 'best')?.step).toBe(2);
      expect(store.dropCheckpoints('r1').sort()).toEqual(['r1-last-2.safetensors', 'r1-last-3.safetensors']);
      expect(store.getCheckpoint('r1', 'last')).toBeNull();
      expect(store.dropCheckpoints('r1')).toEqual([]);
    });
  });
});

describe('settings and transactions', () => {
  it('keep JSON', () => {
    withStore((store) => {
      expect(store.getSetting('a')).toBeUndefined();
      store.setSetting('a', { b: [1] });
      store.setSetting('a', { b: [2] });
      expect(store.getSetting('a')).toEqual({ b: [2] });
    });
  });

  it('write all or nothing, nested too', () => {
    withStore((store) => {
      expect(() =>
        store.transaction(() => {
          store.insertRun(run('r1'), spec);
          store.transaction(() => store.setSetting('a', 1));
          throw new Error('stop');
        }),
      ).toThrow('stop');
      expect(store.getRun('r1')).toBeNull();
      expect(store.getSetting('a')).toBeUndefined();
    });
  });
});

describe('curves', () => {
  const points = fc.array(
    fc.record({
      gap: fc.integer({ min: 1, max: 50 }),
      value: fc.oneof(fc.double(), fc.float()),
      seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
    }),
    { maxLength: 60 },
  );

  it('come back point for point, however they were cut into flushes', () => {
    withStore((store) => {
      let number = 0;
      fc.assert(
        fc.property(points, fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 }), (all, cuts) => {
          const id = `r${number++}`;
          store.insertRun(run(id), spec);
          let step = 0;
          const steps = all.map(({ gap }) => (step += gap));
          for (let at = 0, k = 0; at < all.length; k++) {
            const to = Math.min(all.length, at + cuts[k % cuts.length]!);
            const part = all.slice(at, to);
            store.appendSeries(id, [
              {
                name: 'train.loss',
                steps: steps.slice(at, to),
                values: part.map(({ value }) => value),
                seconds: part.map(({ seconds }) => seconds),
              },
            ]);
            at = to;
          }
          const [series] = store.readSeries(id, ['train.loss', 'test.loss']);
          if (all.length === 0) expect(series).toBeUndefined();
          else {
            expect(series).toEqual({
              name: 'train.loss',
              steps,
              values: all.map(({ value }) => (Number.isFinite(value) ? value : null)),
              seconds: all.map(({ seconds }) => seconds),
            });
          }
          const limit = steps[Math.floor(steps.length / 2)] ?? 0;
          store.truncateSeries(id, limit);
          expect(store.readSeries(id)[0]?.steps ?? []).toEqual(steps.filter((each) => each <= limit));
        }),
        { numRuns: 60 },
      );
    });
  });

  it('are stored in few rows, cut at chunk borders, and repeated points are passed over', () => {
    withStore((store) => {
      store.insertRun(run('r1'), spec);
      const n = 5000;
      for (let at = 0; at < n; at += 300) {
        const steps = Array.from({ length: Math.min(300, n - at) }, (_, i) => at + i + 1);
        const chunk = { name: 'train.loss', steps, values: steps.map(Math.fround), seconds: steps } as const;
        store.appendSeries('r1', [chunk]);
        store.appendSeries('r1', [chunk]);
      }
      expect(store.readSeries('r1')[0]!.steps).toEqual(Array.from({ length: n }, (_, i) => i + 1));
      store.truncateSeries('r1', 2048);
      expect(store.readSeries('r1')[0]!.steps.at(-1)).toBe(2048);
      store.truncateSeries('r1', 0);
      expect(store.readSeries('r1')).toEqual([]);
    });
  });
});
