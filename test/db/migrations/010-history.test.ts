import Sqlite from 'better-sqlite3';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../../db/migrate.ts';
import { migration } from '../../../db/migrations/010-history.ts';
import { historyFile, openStore } from '../../../db/open.node.ts';
import { home } from '../fixtures.ts';

/** Rows as this version wrote them, spelled out: they must stay readable by every later program. */
it('rows of format 10 can be read', () => {
  const place = home();
  const file = join(place, historyFile);
  const db = new Sqlite(file);
  migrate(db, [migration], { file, backup: () => expect.unreachable('an empty history needs no backup') });
  db.exec(`
    INSERT INTO runs (id, run_group, name, seed, status, created_at, step, total_steps, batch_size, seconds, dataset, best_validation_accuracy,
      sparkline, tags, note, starred, spec_hash, engine_version, search_text)
    VALUES ('r7', 'abcdefabcdef', 'old', 3, 'interrupted', 1700000000000, 900, 9000, 60, 12.5, 'mnist', 0.91,
      x'0000003f0000403f', '["paper"]', 'n', 1, 'hash', '0.1.0', 'old');
    INSERT INTO run_specs VALUES ('r7', '{"ablate":1,"seed":3}');
    INSERT INTO run_events (run_id, at, step, kind, text) VALUES ('r7', 1700000000001, 0, 'started', 'Started.');
    INSERT INTO series_chunks (run_id, name, first_step, last_step, points, value_bytes, steps, point_values, seconds)
    VALUES ('r7', 'train.loss', 1, 2, 2, 4, x'0100000002000000', x'0000003f0000803f', x'000000000000e03f000000000000f03f');
    INSERT INTO checkpoints VALUES ('r7', 'last', 900, 'r7-last-900.safetensors', 'h', 10, 1700000000002);
    INSERT INTO settings VALUES ('queue.concurrency', '2');`);
  db.close();

  const store = openStore(place);
  expect(store.getRun('r7')).toMatchObject({
    name: 'old',
    status: 'interrupted',
    sparkline: [0.5, 0.75],
    tags: ['paper'],
    starred: true,
    metrics: { bestValidationAccuracy: 0.91, testAccuracy: null },
    spec: { ablate: 1, seed: 3 },
    events: [{ at: 1700000000001, step: 0, kind: 'started', text: 'Started.' }],
  });
  expect(store.readSeries('r7')).toEqual([{ name: 'train.loss', steps: [1, 2], values: [0.5, 1], seconds: [0.5, 1] }]);
  expect(store.getCheckpoint('r7', 'last')?.file).toBe('r7-last-900.safetensors');
  expect(store.getSetting('queue.concurrency')).toBe(2);
  store.close();
});
