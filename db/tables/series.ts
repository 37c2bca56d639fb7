import { seriesNames, type Series, type SeriesName } from '../../lab/contract/records.ts';
import type { SeriesChunk } from '../../lab/ports.ts';
import type { ReadableDb, WritableDb } from '../sql.ts';

/**
 * Curves live in chunks: little-endian arrays of u32 steps, f32 (or, where f32 would lose digits, f64) values and f64
 * seconds. New points go to the last chunk until it is full, so that a flush rewrites at most 20 kB and a run of 100,000
 * steps is a hundred rows per curve.
 */
export const chunkPoints = 1024;

interface ChunkRow {
  readonly number: number;
  readonly first_step: number;
  readonly last_step: number;
  readonly points: number;
  readonly value_bytes: number;
  readonly steps: Uint8Array;
  readonly point_values: Uint8Array;
  readonly seconds: Uint8Array;
}

interface Points {
  readonly steps: number[];
  readonly values: number[];
  readonly seconds: number[];
}

type Kind = 'u32' | 'f32' | 'f64';
const arrays = { u32: Uint32Array, f32: Float32Array, f64: Float64Array } as const;
/** Blobs are little-endian. Typed arrays are as the machine is, which is the same everywhere that this runs, or bytes are swapped. */
const swapped = new Uint8Array(new Uint16Array([1]).buffer)[0] !== 1;

function swap(bytes: Uint8Array, width: number): Uint8Array {
  for (let at = 0; at < bytes.length; at += width) bytes.subarray(at, at + width).reverse();
  return bytes;
}

function encode(values: readonly number[], kind: Kind): Uint8Array {
  const bytes = new Uint8Array(arrays[kind].from(values).buffer);
  return swapped ? swap(bytes, arrays[kind].BYTES_PER_ELEMENT) : bytes;
}

function decode(blob: Uint8Array, kind: Kind, into: number[]): void {
  // a copy, because a blob need not begin at a multiple of the element's size
  const bytes = new Uint8Array(blob);
  const width = arrays[kind].BYTES_PER_ELEMENT;
  if (swapped) swap(bytes, width);
  const values = new arrays[kind](bytes.buffer, 0, Math.floor(bytes.byteLength / width));
  for (let i = 0; i < values.length; i++) into.push(values[i]!);
}

function unpack(row: ChunkRow, into: Points): Points {
  decode(row.steps, 'u32', into.steps);
  decode(row.point_values, row.value_bytes === 4 ? 'f32' : 'f64', into.values);
  decode(row.seconds, 'f64', into.seconds);
  return into;
}

const fitsFloat32 = (value: number): boolean => Object.is(Math.fround(value), value) || Number.isNaN(value);

function put(db: WritableDb, runId: string, name: SeriesName, number: number | null, points: Points): void {
  const narrow = points.values.every(fitsFloat32);
  const stored = [
    points.steps[0]!,
    points.steps.at(-1)!,
    points.steps.length,
    narrow ? 4 : 8,
    encode(points.steps, 'u32'),
    encode(points.values, narrow ? 'f32' : 'f64'),
    encode(points.seconds, 'f64'),
  ];
  if (number === null) {
    db.run(
      `INSERT INTO series_chunks (run_id, name, first_step, last_step, points, value_bytes, steps, point_values, seconds)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      runId,
      name,
      ...stored,
    );
  } else {
    db.run(
      `UPDATE series_chunks SET first_step = ?, last_step = ?, points = ?, value_bytes = ?, steps = ?, point_values = ?,
       seconds = ? WHERE number = ?`,
      ...stored,
      number,
    );
  }
}

const chunkColumns = 'number, first_step, last_step, points, value_bytes, steps, point_values, seconds';
const none = (): Points => ({ steps: [], values: [], seconds: [] });

/** Appends points behind those that are there. A point whose step is already covered is passed over. */
export function appendSeries(db: WritableDb, runId: string, chunks: readonly SeriesChunk[]): void {
  for (const chunk of chunks) {
    const tail = db.get<ChunkRow>(
      `SELECT ${chunkColumns} FROM series_chunks WHERE run_id = ? AND name = ? ORDER BY first_step DESC LIMIT 1`,
      runId,
      chunk.name,
    );
    let number = tail && tail.points < chunkPoints ? tail.number : null;
    let points = tail && number !== null ? unpack(tail, none()) : none();
    let last = tail ? tail.last_step : -1;
    let changed = false;
    for (let i = 0; i < chunk.steps.length; i++) {
      const step = chunk.steps[i]!;
      if (step <= last) continue;
      last = step;
      points.steps.push(step);
      points.values.push(chunk.values[i]!);
      points.seconds.push(chunk.seconds[i]!);
      changed = true;
      if (points.steps.length >= chunkPoints) {
        put(db, runId, chunk.name, number, points);
        number = null;
        points = none();
        changed = false;
      }
    }
    if (changed) put(db, runId, chunk.name, number, points);
  }
}

/** Drops points after `step`. */
export function truncateSeries(db: WritableDb, runId: string, step: number): void {
  db.run('DELETE FROM series_chunks WHERE run_id = ? AND first_step > ?', runId, step);
  const rows = db.all<ChunkRow & { name: SeriesName }>(
    `SELECT name, ${chunkColumns} FROM series_chunks WHERE run_id = ? AND last_step > ?`,
    runId,
    step,
  );
  for (const row of rows) {
    const points = unpack(row, none());
    const keep = points.steps.findLastIndex((each) => each <= step) + 1;
    put(db, runId, row.name, row.number, {
      steps: points.steps.slice(0, keep),
      values: points.values.slice(0, keep),
      seconds: points.seconds.slice(0, keep),
    });
  }
}

/** Curves in the order of `seriesNames`; those without a point are left out. A value that is not finite is null. */
export function readSeries(db: ReadableDb, runId: string, names: readonly SeriesName[] = seriesNames): Series[] {
  const out: Series[] = [];
  for (const name of seriesNames) {
    if (!names.includes(name)) continue;
    const rows = db.all<ChunkRow>(
      `SELECT ${chunkColumns} FROM series_chunks WHERE run_id = ? AND name = ? ORDER BY first_step`,
      runId,
      name,
    );
    if (rows.length === 0) continue;
    const points = none();
    for (const row of rows) unpack(row, points);
    out.push({
      name,
      steps: points.steps,
      values: points.values.map((value) => (Number.isFinite(value) ? value : null)),
      seconds: points.seconds,
    });
  }
  return out;
}
