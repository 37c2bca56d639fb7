import type { Migration } from './migration.ts';

/**
 * Steps of an epoch and images of a step as real numbers: of a run in stages with batches of several sizes they are means. A strict
 * table refuses those in columns of whole numbers, so the columns are made anew; the table itself is not, as others refer to it.
 */
export const migration: Migration = {
  version: 70,
  name: 'mean-sizes',
  up(db) {
    db.exec(`
ALTER TABLE runs ADD COLUMN mean_steps_per_epoch REAL;
ALTER TABLE runs ADD COLUMN mean_batch_size REAL NOT NULL DEFAULT 0;
UPDATE runs SET mean_steps_per_epoch = steps_per_epoch, mean_batch_size = batch_size;
ALTER TABLE runs DROP COLUMN steps_per_epoch;
ALTER TABLE runs DROP COLUMN batch_size;
ALTER TABLE runs RENAME COLUMN mean_steps_per_epoch TO steps_per_epoch;
ALTER TABLE runs RENAME COLUMN mean_batch_size TO batch_size;
`);
  },
};
