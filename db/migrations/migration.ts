import type { WritableDb } from '../sql.ts';

/** One step of the schema. Versions go up by ten; a released one is never changed again. Each has a test with old rows. */
export interface Migration {
  /** Becomes SQLite's user_version. */
  readonly version: number;
  readonly name: string;
  /** Runs in a transaction of its own. */
  up(db: WritableDb): void;
}
