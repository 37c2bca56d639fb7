import Sqlite from 'better-sqlite3';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../../db/migrate.ts';
import { migrations } from '../../../db/migrations/index.ts';
import { migration } from '../../../db/migrations/030-backend-choice.ts';
import { historyFile, openStore } from '../../../db/open.node.ts';
import { home } from '../fixtures.ts';

const earlier = migrations.filter(({ version }) => version < migration.version);

/** A run as the program wrote it before it chose between backends. */
it('runs of earlier formats have made no choice, and new ones keep theirs', () => {
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
  expect(store.getRun('r7')).toMatchObject({ backend: 'cpu', threads: 2, backendChoice: null });
  const backendChoice = {
    asked: 'auto',
    backend: 'webgpu',
    reason: 'Measured.',
    adapter: 'Some GPU',
    measured: [{ backend: 'cpu', millisecondsPerStep: 2.5 }],
  } as const;
  store.updateRun('r7', { backendChoice: { ...backendChoice, measured: [...backendChoice.measured] } });
  expect(store.getRun('r7')!.backendChoice).toEqual(backendChoice);
  store.close();
});
