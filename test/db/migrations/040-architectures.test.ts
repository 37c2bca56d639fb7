import Sqlite from 'better-sqlite3';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { migrate } from '../../../db/migrate.ts';
import { migration as history } from '../../../db/migrations/010-history.ts';
import { migration as probes } from '../../../db/migrations/020-probes.ts';
import { migration as backendChoice } from '../../../db/migrations/030-backend-choice.ts';
import { migration } from '../../../db/migrations/040-architectures.ts';
import { historyFile, openStore } from '../../../db/open.node.ts';
import { home } from '../fixtures.ts';

/** Rows as this version wrote them, spelled out: they must stay readable by every later program. */
it('rows of format 40 can be read, and those of earlier formats stay', () => {
  const place = home();
  const file = join(place, historyFile);
  const db = new Sqlite(file);
  migrate(db, [history, probes, backendChoice], {
    file,
    backup: () => expect.unreachable('an empty history needs no backup'),
  });
  db.exec(`INSERT INTO settings VALUES ('queue.concurrency', '2')`);
  let backups = 0;
  migrate(db, [history, probes, backendChoice, migration], { file, backup: () => backups++ });
  expect(backups).toBe(1);
  db.exec(`
    INSERT INTO architectures (id, name, name_key, description, tags, created_at, updated_at, search_text)
    VALUES ('a7', 'My Net', 'my net', 'words', '["paper"]', 1700000000000, 1700000000005, 'my net paper words');
    INSERT INTO architecture_versions (architecture_id, version, created_at, note, model, dataset, input_shape, classes,
      parameters, macs_per_image, weights_file, weights_hash, weights_bytes, source)
    VALUES ('a7', 1, 1700000000000, '', '{"nodes":[{"id":"in","layer":"input"}]}', NULL, '[1,8,8]', 3, NULL, NULL, NULL, NULL, NULL, 'drawn'),
      ('a7', 2, 1700000000005, 'wider', '{"nodes":[{"id":"in","layer":"input"}],"batchNorm":"before","dropout":0.2}', 'mnist', '[1,28,28]', 10,
       12, 34, 'a7-2.safetensors', 'h', 9, 'run r1');`);
  db.close();

  const store = openStore(place);
  expect(store.getSetting('queue.concurrency')).toBe(2);
  expect(store.findArchitectures('MY NET')).toEqual(['a7']);
  const found = store.getArchitecture('a7')!;
  expect(found).toMatchObject({ name: 'My Net', description: 'words', tags: ['paper'], updatedAt: 1700000000005 });
  expect(found.versions.map(({ version }) => version)).toEqual([2, 1]);
  expect(found.latest).toMatchObject({
    note: 'wider',
    model: { nodes: [{ id: 'in', layer: 'input' }], batchNorm: 'before', dropout: 0.2 },
    dataset: 'mnist',
    inputShape: [1, 28, 28],
    parameters: 12,
    macsPerImage: 34,
    weights: { file: 'a7-2.safetensors', hash: 'h', bytes: 9 },
    source: 'run r1',
  });
  expect(found.versions[1]).toMatchObject({ model: { batchNorm: 'asDrawn', dropout: null }, weights: null });
  store.close();
});
