import type { Migration } from './migration.ts';

/** How a run came to its backend: what was asked for, why, and what was measured, as JSON. */
export const migration: Migration = {
  version: 30,
  name: 'backend-choice',
  up: (db) => db.exec('ALTER TABLE runs ADD COLUMN backend_choice TEXT'),
};
