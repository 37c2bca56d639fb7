import type Sqlite from 'better-sqlite3';

export type SqlValue = string | number | bigint | Uint8Array | null;

/** A database to read from. Table functions take it or WritableDb as their first argument: the type says which it needs. */
export interface ReadableDb {
  /** Rows as objects. */
  all<Row>(sql: string, ...values: SqlValue[]): Row[];
  /** Rows as arrays, in the order of the columns: about twice as fast for thousands of them. */
  rows(sql: string, ...values: SqlValue[]): unknown[][];
  get<Row>(sql: string, ...values: SqlValue[]): Row | undefined;
}

export interface WritableDb extends ReadableDb {
  /** Returns the number of changed rows. */
  run(sql: string, ...values: SqlValue[]): number;
  /** Statements without parameters, for migrations. */
  exec(sql: string): void;
}

/** Texts are few (a dozen per table), except for searches, whose shape varies; this bounds what stays prepared. */
const maximumStatements = 200;

/** Statements are prepared once per text. */
export function wrap(db: Sqlite.Database): WritableDb {
  const prepared = new Map<string, Sqlite.Statement>();
  const prepare = (sql: string): Sqlite.Statement => {
    let statement = prepared.get(sql);
    if (!statement) {
      if (prepared.size >= maximumStatements) prepared.clear();
      statement = db.prepare(sql);
      prepared.set(sql, statement);
    }
    return statement;
  };
  // a statement remembers whether it answers arrays, so each way of reading has its own
  const raw = new Map<string, Sqlite.Statement>();
  return {
    all: <Row>(sql: string, ...values: SqlValue[]) => prepare(sql).all(...values) as Row[],
    rows: (sql, ...values) => {
      let statement = raw.get(sql);
      if (!statement) {
        if (raw.size >= maximumStatements) raw.clear();
        statement = db.prepare(sql).raw();
        raw.set(sql, statement);
      }
      return statement.all(...values) as unknown[][];
    },
    get: <Row>(sql: string, ...values: SqlValue[]) => prepare(sql).get(...values) as Row | undefined,
    run: (sql, ...values) => prepare(sql).run(...values).changes,
    exec: (sql) => void db.exec(sql),
  };
}
