import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { datasetRecordSchema } from '../../lab/contract/records.ts';
import { datasetsFolder } from '../../node/compose.ts';
import { createDatasets } from '../../node/datasets.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ablate-datasets-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
/** An IDX file of bytes. */
function idx(shape: number[], values: Uint8Array): Uint8Array {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((extent, i) => header.writeUInt32BE(extent, 4 + 4 * i));
  return Buffer.concat([header, values]);
}

interface Change {
  readonly description?: (json: Record<string, never>) => unknown;
  readonly trainImages?: Uint8Array;
}

/** A data set of 6 + 4 images of 2 x 3 pixels in two classes; `change` damages it. */
function write(id = 'tiny', change: Change = {}): string {
  const place = join(folder, id);
  mkdirSync(place);
  const file = (name: string, raw: Uint8Array) => {
    const packed = gzipSync(raw);
    writeFileSync(join(place, name), packed);
    return { file: name, bytes: packed.length, sha256: sha256(packed), rawBytes: raw.length, rawSha256: sha256(raw) };
  };
  const split = (name: string, count: number, images?: Uint8Array) => ({
    count,
    images: file(
      `${name}-images.gz`,
      images ??
        idx(
          [count, 2, 3],
          Uint8Array.from({ length: count * 6 }, (_, i) => i * 3),
        ),
    ),
    labels: file(
      `${name}-labels.gz`,
      idx(
        [count],
        Uint8Array.from({ length: count }, (_, i) => i % 2),
      ),
    ),
  });
  const description = {
    format: 1,
    id,
    title: 'Tiny',
    description: 'For tests.',
    image: { shape: [1, 2, 3], type: 'u8', axes: 'channel, row, column' },
    classes: ['even', 'odd'],
    splits: { train: split('train', 6, change.trainImages), test: split('test', 4) },
    licence: { name: 'CC0', holder: 'nobody' },
    source: { origin: 'here' },
  };
  const changed = change.description?.(description as never) ?? description;
  writeFileSync(join(place, 'dataset.json'), typeof changed === 'string' ? changed : JSON.stringify(changed));
  return place;
}

describe('data sets', () => {
  it('are listed with their counts, and read into shared memory once', async () => {
    write();
    mkdirSync(join(folder, 'no-data-set'));
    const datasets = createDatasets(folder);
    const [record, ...others] = await datasets.list();
    expect(others).toEqual([]);
    expect(datasetRecordSchema.parse(record)).toMatchObject({
      id: 'tiny',
      trainImages: 6,
      testImages: 4,
      imageShape: [1, 2, 3],
    });
    const images = await datasets.images('tiny');
    expect([...images.train.pixels.subarray(0, 4)]).toEqual([0, 3, 6, 9]);
    expect([...images.test.labels]).toEqual([0, 1, 0, 1]);
    for (const array of [images.train.pixels, images.train.labels, images.test.pixels, images.test.labels]) {
      expect(array.buffer).toBeInstanceOf(SharedArrayBuffer);
    }
    const again = await datasets.images('tiny');
    expect(again.train.pixels).toBe(images.train.pixels);
  });

  it('show samples, and none beyond the end', async () => {
    write();
    const datasets = createDatasets(folder);
    const samples = await datasets.samples('tiny', 4, 50);
    expect(samples.shape).toEqual([2, 1, 2, 3]);
    expect(samples.pixels).toHaveLength(12);
    expect(samples.pixels[0]).toBe(4 * 6 * 3);
    expect([...samples.labels]).toEqual([0, 1]);
    expect((await datasets.samples('tiny', 100, 5)).shape).toEqual([0, 1, 2, 3]);
  });

  it('show samples of the test file where it is asked for', async () => {
    write();
    const datasets = createDatasets(folder);
    const { test } = await datasets.images('tiny');
    const samples = await datasets.samples('tiny', 3, 50, 'test');
    expect(samples.shape).toEqual([1, 1, 2, 3]);
    expect([...samples.pixels]).toEqual([...test.pixels.subarray(3 * 6, 4 * 6)]);
    expect([...samples.labels]).toEqual([1]);
  });

  it('are the complete MNIST and Fashion-MNIST in this project', async () => {
    const datasets = createDatasets(datasetsFolder());
    const { train, test } = await datasets.images('mnist');
    expect([train.count, test.count]).toEqual([60000, 10000]);
    // the first digits of the files, as everybody knows them
    expect([...train.labels.subarray(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    expect([...test.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
    expect((await datasets.list()).map((each) => each.id)).toEqual(['fashion-mnist', 'mnist']);
  });

  it('have a hash that follows the raw bytes', async () => {
    write('a');
    write('b', { trainImages: idx([6, 2, 3], new Uint8Array(36)) });
    const [a, b] = await createDatasets(folder).list();
    expect(a!.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(a!.hash).not.toBe(b!.hash);
  });
});

describe('a data set that is not as it should be', () => {
  const refusal = async (id: string) => {
    const error: unknown = await createDatasets(folder)
      .images(id)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect(error).toBeInstanceOf(Error);
    return error as Error & { code: string };
  };

  it('is unknown: the known ones are named', async () => {
    write();
    const error = await refusal('tinny');
    expect(error.code).toBe('data');
    expect(error.message).toContain('no data set "tinny". Known ones: tiny');
  });

  it('lacks a file: the file is named, and found once it is back', async () => {
    const place = write();
    const path = join(place, 'test-labels.gz');
    rmSync(path);
    const datasets = createDatasets(folder);
    await expect(datasets.images('tiny')).rejects.toThrow(`${path} is missing`);
    const labels = gzipSync(idx([4], Uint8Array.of(0, 1, 0, 1)));
    writeFileSync(path, labels);
    expect((await datasets.images('tiny')).test.count).toBe(4);
  });

  it('was changed: file, expected and found hash', async () => {
    const place = write();
    const path = join(place, 'train-images.gz');
    const other = gzipSync(Buffer.from('something else'));
    writeFileSync(path, other);
    const error = await refusal('tiny');
    expect(error.message).toContain(path);
    expect(error.message).toContain(`found ${other.length} bytes with SHA-256 ${sha256(other)}`);
    expect(error.message).toMatch(/expected \d+ bytes with SHA-256 [0-9a-f]{64}/);
  });

  it('unpacks to more than was promised: refused before it fills memory', async () => {
    write('bomb', { description: (json) => edit(json, ['splits', 'train', 'images', 'rawBytes'], 10) });
    const error = await refusal('bomb');
    expect(error.message).toMatch(/train-images\.gz cannot be unpacked/);
  });

  it('holds another count or shape than dataset.json says', async () => {
    write('count', { description: (json) => edit(json, ['splits', 'train', 'count'], 7) });
    expect((await refusal('count')).message).toMatch(
      /promises 7 images of 1 x 2 x 3, the file holds 6 images of 1 x 2 x 3/,
    );
    rmSync(join(folder, 'count'), { recursive: true });
    write('idx', { trainImages: Buffer.concat([idx([6, 2, 3], new Uint8Array(36)), Buffer.of(1)]) });
    expect((await refusal('idx')).message).toMatch(/train-images\.gz: byte \d+:/);
  });

  it('has a description that is no JSON, lacks fields, or names files elsewhere', async () => {
    const cases: [string, Change['description'], RegExp][] = [
      ['json', () => '{ "format": 1,', /json\/dataset\.json is not JSON/],
      ['field', () => ({ format: 1 }), /field\/dataset\.json: .*splits/],
      ['path', (json) => edit(json, ['splits', 'train', 'images', 'file'], '../x.gz'), /splits\.train\.images\.file/],
      ['huge', (json) => edit(json, ['splits', 'train', 'images', 'rawBytes'], 1e12), /rawBytes/],
      ['name', (json) => edit(json, ['id'], 'other'), /id is "other", but the folder is called "name"/],
    ];
    for (const [id, description, message] of cases) {
      write(id, { description: description! });
      expect((await refusal(id)).message).toMatch(message);
      rmSync(join(folder, id), { recursive: true });
    }
  });

  it('lies in a folder that is not there', async () => {
    await expect(createDatasets(join(folder, 'gone')).list()).rejects.toThrow(/gone cannot be read \(ENOENT\)/);
  });
});

/** A copy with one value changed. */
function edit(json: object, path: readonly string[], value: unknown): unknown {
  const copy = structuredClone(json) as Record<string, unknown>;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1)!] = value;
  return copy;
}
