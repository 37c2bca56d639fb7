import type { Migration } from './migration.ts';

/** Which fold of a cross-validation a run holds out, and of how many; null for runs that hold out none. */
export const migration: Migration = {
  version: 50,
  name: 'folds',
  up(db) {
    db.exec('ALTER TABLE runs ADD COLUMN fold INTEGER');
    db.exec('ALTER TABLE runs ADD COLUMN folds INTEGER');
  },
};
