// The bundled data sets are the published ones: every byte is accounted for, and what the bytes say about themselves
// (IDX headers) agrees with dataset.json and with the published counts.
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';

interface DatasetFile {
  file: string;
  bytes: number;
  sha256: string;
  rawBytes: number;
  rawSha256: string;
}
interface DatasetDocument {
  format: number;
  id: string;
  title: string;
  image: { shape: [number, number, number]; type: string };
  classes: string[];
  splits: Record<'train' | 'test', { count: number; images: DatasetFile; labels: DatasetFile }>;
  licence: { spdx: string; file: string };
}

const root = new URL('../../resources/datasets/', import.meta.url);
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Images per class, as published for MNIST; Fashion-MNIST is balanced. */
const published: Record<string, Record<'train' | 'test', number[]>> = {
  mnist: {
    train: [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    test: [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009],
  },
  'fashion-mnist': { train: Array<number>(10).fill(6000), test: Array<number>(10).fill(1000) },
};

it('has exactly the data sets that are expected', () => {
  const folders = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  expect(folders.sort()).toEqual(Object.keys(published).sort());
});

describe.each(Object.keys(published))('%s', (id) => {
  const folder = new URL(`${id}/`, root);
  const document = JSON.parse(readFileSync(new URL('dataset.json', folder), 'utf8')) as DatasetDocument;

  it('describes itself and carries its licence', () => {
    expect(document.format).toBe(1);
    expect(document.id).toBe(id);
    expect(document.classes).toHaveLength(10);
    expect(new Set(document.classes).size).toBe(10);
    const licence = readFileSync(new URL(document.licence.file, folder), 'utf8');
    expect(licence).toContain(document.licence.spdx === 'MIT' ? 'MIT License' : 'Attribution-ShareAlike 3.0');
    expect(readFileSync(new URL('../../NOTICE', root), 'utf8')).toContain(document.title);
  });

  it.each(['train', 'test'] as const)('%s: bytes, headers and class counts are right', (split) => {
    const { count, images, labels } = document.splits[split];
    const [pixels, classes] = [images, labels].map((entry) => {
      const packed = readFileSync(new URL(entry.file, folder));
      expect(packed.length, entry.file).toBe(entry.bytes);
      expect(sha256(packed), entry.file).toBe(entry.sha256);
      const raw = gunzipSync(packed);
      expect(raw.length, entry.file).toBe(entry.rawBytes);
      expect(sha256(raw), entry.file).toBe(entry.rawSha256);
      return raw;
    }) as [Buffer, Buffer];

    // IDX: magic number (0x08 = unsigned byte, then the rank), then one big-endian size per axis
    const [channels, height, width] = document.image.shape;
    expect(channels).toBe(1);
    expect([0, 4, 8, 12].map((at) => pixels.readUInt32BE(at))).toEqual([0x803, count, height, width]);
    expect([0, 4].map((at) => classes.readUInt32BE(at))).toEqual([0x801, count]);
    expect(pixels.length).toBe(16 + count * height * width);
    expect(classes.length).toBe(8 + count);
    expect(count).toBe(split === 'train' ? 60_000 : 10_000);

    const perClass = Array<number>(document.classes.length).fill(0);
    for (const label of classes.subarray(8)) perClass[label] = (perClass[label] ?? Number.NaN) + 1;
    expect(perClass).toEqual(published[id]![split]);
  });
});
