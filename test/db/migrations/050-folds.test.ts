import Sqlite from 'better-sqlite3';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../../db/migrate.ts';
import { migrations } from '../../../db/migrations/index.ts';
import { migration } from '../../../db/migrations/050-folds.ts';
import { historyFile, openStore } from '../../../db/open.node.ts';
import { home, run, spec } from '../fixtures.ts';

const earlier = migrations.filter(({ version }) => version < migration.version);

/** A run as the program wrote it before there were folds. */
it('runs of earlier formats hold out no fold, and new ones keep theirs, in their order', () => {
  const place = home();
  const file = join(place, historyFile);
  const db = new Sqlite(file);
  migrate(db, earlier, { file, backup: () => expect.unreachable('an empty history needs no backup') });
  db.exec(`
    INSERT INTO runs (id, run_group, name, seed, status, created_at, step, batch_size, seconds, dataset, backend, threads,
      sparkline, tags, note, starred, spec_hash, engine_version, search_text)
    VALUES ('r7', 'abcdefabcdef', 'old', 3, 'finished', 1700000000000, 900, 60, 12.5, 'mnist', 'cpu', 2,
      x'', '[]', '', 0, 'hash', '0.1.0', 'old');
    INSERT INTO run_specs VALUES ('r7', '{"ablate":1,"seed":3}');`);
  db.close();

  const store = openStore(place);
  expect(store.getRun('r7')).toMatchObject({ seed: 3, fold: null, folds: null });
  const replicates = [
    { seed: 2, fold: 1 },
    { seed: 1, fold: 10 },
    { seed: 1, fold: 2 },
  ];
  for (const [i, replicate] of replicates.entries()) {
    store.insertRun({ ...run(`f${i}`), ...replicate, group: 'fedcbafedcba', folds: 10 }, spec);
  }
  expect(store.groupRuns('fedcbafedcba').map(({ seed, fold, folds }) => [seed, fold, folds])).toEqual([
    [1, 2, 10],
    [1, 10, 10],
    [2, 1, 10],
  ]);
  store.close();
});
