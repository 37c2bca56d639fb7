import Sqlite from 'better-sqlite3';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../../db/migrate.ts';
import { migration } from '../../../db/migrations/070-mean-sizes.ts';
import { migrations } from '../../../db/migrations/index.ts';
import { historyFile, openStore } from '../../../db/open.node.ts';
import { home, run, spec } from '../fixtures.ts';

const earlier = migrations.filter(({ version }) => version < migration.version);

/** Runs as the program wrote them when batches of all stages had to be of one size, with curves and a checkpoint that hang on one. */
it('sizes of earlier runs stay, and those of stages may be means', () => {
  const place = home();
  const path = join(place, historyFile);
  const db = new Sqlite(path);
  db.pragma('foreign_keys = ON');
  migrate(db, earlier, { file: path, backup: () => expect.unreachable('an empty history needs no backup') });
  const columns = `id, run_group, name, seed, status, created_at, step, steps_per_epoch, batch_size, seconds, dataset, backend,
    threads, sparkline, tags, note, starred, spec_hash, engine_version, search_text`;
  const rest = "12.5, 'mnist', 'cpu', 2, x'', '[]', '', 0, 'hash', '0.1.0', 'old'";
  const document =
    '{"ablate":1,"data":{"dataset":"mnist"},"model":{"nodes":[{"id":"in","layer":"input"}]},"training":{"optimizer":{"kind":"sgd"}},"seed":3}';
  db.exec(`
    INSERT INTO runs (${columns}) VALUES ('r7', 'abcdefabcdef', 'old', 3, 'finished', 1700000000000, 900, 937, 64, ${rest});
    INSERT INTO runs (${columns}) VALUES ('r8', 'abcdefabcdef', 'old', 4, 'queued', 1700000000001, 0, NULL, 60, ${rest});
    INSERT INTO run_specs VALUES ('r7', '${document}'), ('r8', '${document}');
    INSERT INTO checkpoints VALUES ('r7', 'last', 900, 'r7-last-900.safetensors', 'hash', 12, 5);
    INSERT INTO run_events (run_id, at, step, kind, text) VALUES ('r7', 1700000000000, 0, 'created', 'Put into the queue.');`);
  db.close();

  const store = openStore(place);
  expect(store.getRun('r7')).toMatchObject({ stepsPerEpoch: 937, batchSize: 64, seconds: 12.5 });
  expect(store.getRun('r8')).toMatchObject({ stepsPerEpoch: null, batchSize: 60 });
  // what hangs on a run is not swept away with the columns
  expect(store.getRun('r7')!.events).toHaveLength(1);
  expect(store.checkpointFiles()).toEqual(['r7-last-900.safetensors']);

  store.insertRun(run('r9', { stepsPerEpoch: 13.75, batchSize: 49.5 }), spec);
  expect(store.getRun('r9')).toMatchObject({ stepsPerEpoch: 13.75, batchSize: 49.5 });
  expect(store.updateRun('r9', { stepsPerEpoch: 12.5 }).stepsPerEpoch).toBe(12.5);
  store.close();
});
