import Sqlite from 'better-sqlite3';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../../db/migrate.ts';
import { migration } from '../../../db/migrations/060-stored-weights.ts';
import { migrations } from '../../../db/migrations/index.ts';
import { historyFile, openStore } from '../../../db/open.node.ts';
import type { RunStart } from '../../../lab/contract/records.ts';
import { home, run, spec } from '../fixtures.ts';

const earlier = migrations.filter(({ version }) => version < migration.version);

const start: RunStart = {
  weights: 'a'.repeat(64),
  from: 'run:r7:best',
  carry: 'weights',
  run: 'r7',
  architecture: null,
  checkpoint: 'best',
  step: 900,
  firstStep: 0,
  words: 'best weights of old (r7), step 900',
};
const file = { hash: start.weights, file: `weights-${start.weights}.safetensors`, bytes: 12, createdAt: 5 };

/** A run as the program wrote it before runs could begin with stored weights. */
it('runs of earlier formats began with drawn weights; files stay while a run names them', () => {
  const place = home();
  const path = join(place, historyFile);
  const db = new Sqlite(path);
  migrate(db, earlier, { file: path, backup: () => expect.unreachable('an empty history needs no backup') });
  db.exec(`
    INSERT INTO runs (id, run_group, name, seed, status, created_at, step, batch_size, seconds, dataset, backend, threads,
      sparkline, tags, note, starred, spec_hash, engine_version, search_text)
    VALUES ('r7', 'abcdefabcdef', 'old', 3, 'finished', 1700000000000, 900, 60, 12.5, 'mnist', 'cpu', 2,
      x'', '[]', '', 0, 'hash', '0.1.0', 'old');
    INSERT INTO run_specs VALUES ('r7', '{"ablate":1,"data":{"dataset":"mnist"},"model":{"nodes":[{"id":"in","layer":"input"}]},"training":{"optimizer":{"kind":"sgd"}},"seed":3}');`);
  db.close();

  const store = openStore(place);
  const old = store.getRun('r7')!;
  expect(old.start).toBeNull();
  expect(old.spec.start).toBeNull();
  // a run cannot name weights that are not there
  expect(() => store.insertRun(run('r8', { start }), spec)).toThrow(/FOREIGN KEY/);

  store.putStoredWeights(file);
  store.putStoredWeights({ ...file, createdAt: 6 });
  expect(store.getStoredWeights(file.hash)).toEqual(file);
  store.insertRun(run('r8', { start }), spec);
  store.insertRun(run('r9', { start: { ...start, words: 'the same again' } }), spec);
  expect(store.getRun('r8')!.start).toEqual(start);
  expect(
    store
      .listRuns({})
      .runs.map((each) => each.start?.words ?? null)
      .sort(),
  ).toEqual([start.words, 'the same again', null].sort());
  expect(store.startWith(file.hash)).toEqual(start);
  expect(store.checkpointFiles()).toEqual([file.file]);

  store.markDeleted(['r8'], 10);
  expect(store.purgeDeleted(11)).toEqual([]);
  expect(store.getStoredWeights(file.hash)).toEqual(file);
  store.markDeleted(['r9'], 12);
  // one that can still be restored needs its file
  expect(store.checkpointFiles()).toEqual([file.file]);
  expect(store.purgeDeleted(13)).toEqual([file.file]);
  expect(store.getStoredWeights(file.hash)).toBeNull();
  store.close();
});
