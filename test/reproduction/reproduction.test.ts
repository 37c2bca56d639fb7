import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mean, standardDeviation } from '../../lab/stats/moments.ts';
import { compose } from '../../node/compose.ts';
import type { Results } from '../../scripts/reproduce/document.ts';
import { groups } from '../../scripts/reproduce/groups.ts';
import { measureRow } from '../../scripts/reproduce/measure.ts';

/** Two cheap rows of docs/reproduction.md; the others are behind `npm run reproduce`. */
const rows = ['dropout/plain-0', 'dropout/batchnorm-0'];

test.each(rows)('%s reaches what docs/reproduction.md says', { timeout: 120_000 }, async (key) => {
  const file = new URL('../../scripts/reproduce/results.json', import.meta.url);
  const recorded = (JSON.parse(await readFile(file, 'utf8')) as Results).rows[key]!.map((run) => run.testAccuracy);
  const [id, name] = key.split('/');
  const group = groups.find((each) => each.id === id)!;
  const row = group.rows.find((each) => each.name === name)!;
  const home = await mkdtemp(join(tmpdir(), 'ablate-learning-'));
  const composition = await compose({ home });
  try {
    const [run] = await measureRow(composition.lab, group, row, [1], false);
    // the same seed on another engine version may round otherwise; three seeds spread by less than this
    const allowed = Math.max(0.01, 4 * standardDeviation(recorded));
    expect(Math.abs(run!.testAccuracy - mean(recorded))).toBeLessThan(allowed);
  } finally {
    await composition.close();
    await rm(home, { recursive: true, force: true });
  }
});
