import type Sqlite from 'better-sqlite3';
import type { Store } from '../lab/ports.ts';
import { translating } from './errors.ts';
import { wrap } from './sql.ts';
import * as architectures from './tables/architectures.ts';
import { checkpointFiles, dropCheckpoints, getCheckpoint, putCheckpoint } from './tables/checkpoints.ts';
import { appendEvent } from './tables/events.ts';
import { appendProbes, readHistograms, readProbes, truncateProbes } from './tables/probes.ts';
import * as runs from './tables/runs.ts';
import { appendSeries, readSeries, truncateSeries } from './tables/series.ts';
import { getSetting, setSetting } from './tables/settings.ts';
import * as storedWeights from './tables/storedWeights.ts';

/** The Store port over an open, migrated database. `close` is what ends it; `file` is for messages. */
export function createStore(raw: Sqlite.Database, file: string, close: () => void): Store {
  const db = wrap(raw);
  const transaction = <T>(body: () => T): T => raw.transaction(body).immediate();
  return translating<Store>(
    {
      insertRun: (run, spec) => transaction(() => runs.insertRun(db, run, spec)),
      updateRun: (id, patch) => transaction(() => runs.updateRun(db, id, patch)),
      getRun: (id) => runs.getRun(db, id),
      findRuns: (prefix) => runs.findRuns(db, prefix),
      findGroups: (prefix) => runs.findGroups(db, prefix),
      listRuns: (filter) => runs.listRuns(db, filter),
      groupRuns: (group) => runs.groupRuns(db, group),
      markDeleted: (ids, at) => transaction(() => runs.markDeleted(db, ids, at)),
      purgeDeleted: (before) =>
        transaction(() => [...runs.purgeDeleted(db, before), ...storedWeights.dropUnusedWeights(db)]),
      appendSeries: (id, chunks) => transaction(() => appendSeries(db, id, chunks)),
      truncateSeries: (id, step) =>
        transaction(() => {
          truncateSeries(db, id, step);
          truncateProbes(db, id, step);
        }),
      readSeries: (id, names) => readSeries(db, id, names),
      appendProbes: (id, probes) => transaction(() => appendProbes(db, id, probes)),
      readProbes: (id, filter) => readProbes(db, id, filter),
      readHistograms: (id, filter) => readHistograms(db, id, filter),
      appendEvent: (id, event) => appendEvent(db, id, event),
      putCheckpoint: (record) => transaction(() => putCheckpoint(db, record)),
      getCheckpoint: (id, role) => getCheckpoint(db, id, role),
      dropCheckpoints: (id) => transaction(() => dropCheckpoints(db, id)),
      checkpointFiles: () => [
        ...checkpointFiles(db),
        ...storedWeights.storedWeightsFiles(db),
        ...architectures.architectureFiles(db),
      ],
      putStoredWeights: (record) => storedWeights.putStoredWeights(db, record),
      getStoredWeights: (hash) => storedWeights.getStoredWeights(db, hash),
      startWith: (hash) => storedWeights.startWith(db, hash),
      insertArchitecture: (architecture) => transaction(() => architectures.insertArchitecture(db, architecture)),
      addArchitectureVersion: (id, version) => transaction(() => architectures.addArchitectureVersion(db, id, version)),
      updateArchitecture: (id, patch) => transaction(() => architectures.updateArchitecture(db, id, patch)),
      getArchitecture: (id) => architectures.getArchitecture(db, id),
      findArchitectures: (text) => architectures.findArchitectures(db, text),
      listArchitectures: (filter) => architectures.listArchitectures(db, filter),
      markArchitecturesDeleted: (ids, at) => transaction(() => architectures.markArchitecturesDeleted(db, ids, at)),
      purgeArchitectures: (before) => transaction(() => architectures.purgeArchitectures(db, before)),
      getSetting: (key) => getSetting(db, key),
      setSetting: (key, value) => setSetting(db, key, value),
      transaction,
      close,
    },
    file,
  );
}
