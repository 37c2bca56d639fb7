import Sqlite from 'better-sqlite3';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../../db/migrate.ts';
import { migrations } from '../../../db/migrations/index.ts';
import { historyFile, openStore } from '../../../db/open.node.ts';
import { home } from '../fixtures.ts';

const insertRun = `
  INSERT INTO runs (id, run_group, name, seed, status, created_at, step, total_steps, batch_size, seconds, dataset,
    sparkline, tags, note, starred, spec_hash, engine_version, search_text)
  VALUES ('r7', 'abcdefabcdef', 'old', 3, 'finished', 1700000000000, 900, 900, 60, 12.5, 'mnist',
    x'', '[]', '', 0, 'hash', '0.1.0', 'old');
  INSERT INTO run_specs VALUES ('r7', '{"ablate":1,"seed":3}');`;

it('a history from before there were probes keeps its runs, which have none', () => {
  const place = home();
  const file = join(place, historyFile);
  const db = new Sqlite(file);
  const older = migrations.filter(({ version }) => version < 20);
  migrate(db, older, { file, backup: () => expect.unreachable('an empty history needs no backup') });
  db.exec(insertRun);
  db.close();
  const store = openStore(place);
  expect(store.getRun('r7')?.name).toBe('old');
  expect(store.readProbes('r7', { maxSteps: 10 })).toEqual({ probes: 0, seconds: 0, steps: [], layers: [] });
  store.close();
});

/** Rows as this version wrote them, spelled out: they must stay readable by every later program. */
it('rows of format 20 can be read', () => {
  const place = home();
  const file = join(place, historyFile);
  const db = new Sqlite(file);
  const known = migrations.filter(({ version }) => version <= 20);
  migrate(db, known, { file, backup: () => expect.unreachable('an empty history needs no backup') });
  db.exec(`${insertRun}
    INSERT INTO probes VALUES ('r7', 0, 0.25), ('r7', 200, 0.5);
    INSERT INTO probe_layers VALUES ('r7', 0, 'dense1', x'0000003f0000803f'), ('r7', 200, 'dense1', x'0000c03f0000c07f');
    INSERT INTO probe_histograms VALUES ('r7', 'dense1', 'activation', 200, -1.5, 2, x'000000000300000004000000ff000000');`);
  db.close();
  const store = openStore(place);
  expect(store.readProbes('r7', { maxSteps: 10 })).toEqual({
    probes: 2,
    seconds: 0.75,
    steps: [0, 200],
    layers: [{ layer: 'dense1', measures: [Float32Array.of(0.5, 1), Float32Array.of(1.5, Number.NaN)] }],
  });
  expect(store.readHistograms('r7', { layer: 'dense1', of: 'activation', maxSteps: 5 })).toEqual([
    { step: 200, low: -1.5, high: 2, counts: Int32Array.of(0, 3, 4, 255) },
  ]);
  store.close();
});
