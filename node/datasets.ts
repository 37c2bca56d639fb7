import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { z } from 'zod';
import { decodeIdxImages, type ImageFile } from '../engine/index.ts';
import { LabError } from '../lab/contract/errors.ts';
import type { DatasetRecord } from '../lab/contract/records.ts';
import type { Datasets } from '../lab/ports.ts';
import { errnoOf } from './diskError.ts';

/** Larger files are refused before anything is allocated for them. */
const maximumRawBytes = 2 ** 31;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 has 64 lower-case hexadecimal digits');
const fileSchema = z.object({
  file: z.string().regex(/^[\w.-]+$/, 'a file name without folders'),
  bytes: z.int().min(1),
  sha256,
  rawBytes: z.int().min(1).max(maximumRawBytes),
  rawSha256: sha256,
});
const splitSchema = z.object({ count: z.int().min(1), images: fileSchema, labels: fileSchema });
const descriptionSchema = z.object({
  format: z.literal(1),
  id: z.string().regex(/^[\w-]+$/),
  title: z.string(),
  description: z.string(),
  image: z.object({ shape: z.tuple([z.int().min(1), z.int().min(1), z.int().min(1)]) }),
  classes: z.array(z.string()).min(2).max(256),
  splits: z.object({ train: splitSchema, test: splitSchema }),
  licence: z.object({ name: z.string(), holder: z.string() }),
  source: z.object({ origin: z.string() }),
});
type Description = z.output<typeof descriptionSchema>;
type DescribedFile = z.output<typeof fileSchema>;

/** A data set in memory, ready for any number of runs at once: pixels and labels lie in shared memory. */
export interface DatasetImages {
  readonly record: DatasetRecord;
  readonly train: ImageFile;
  readonly test: ImageFile;
}

export interface NodeDatasets extends Datasets {
  /** Reads and checks the whole data set on the first call for it. Throws a LabError that names the file. */
  images(id: string): Promise<DatasetImages>;
}

/** Data sets of a folder: `<id>/dataset.json` with gzipped IDX files beside it. */
export function createDatasets(folder: string): NodeDatasets {
  const loaded = new Map<string, Promise<DatasetImages>>();
  let described: Promise<Map<string, Description>> | undefined;

  // a failure is not kept, so that a file put right is found by the next call
  const descriptions = () =>
    (described ??= readDescriptions(folder).catch((error: unknown) => {
      described = undefined;
      throw error;
    }));

  const images = async (id: string): Promise<DatasetImages> => {
    const known = await descriptions();
    const description = known.get(id);
    if (!description) {
      throw new LabError(
        'data',
        `There is no data set "${id}". Known ones: ${[...known.keys()].join(', ') || `none, in ${folder}`}.`,
      );
    }
    let promise = loaded.get(id);
    if (!promise) {
      promise = readImages(join(folder, id), description);
      loaded.set(id, promise);
      promise.catch(() => loaded.delete(id));
    }
    return promise;
  };

  return {
    list: async () => [...(await descriptions()).values()].map(recordOf),
    images,
    labels: async (id, split) => (await images(id))[split].labels,
    samples: async (id, offset, count, split = 'train') => {
      const { [split]: file, record } = await images(id);
      const [channels, height, width] = record.imageShape;
      const size = channels * height * width;
      const first = Math.min(offset, file.count);
      const last = Math.min(first + count, file.count);
      return {
        pixels: file.pixels.slice(first * size, last * size),
        labels: file.labels.slice(first, last),
        shape: [last - first, channels, height, width],
      };
    },
  };
}

async function readDescriptions(folder: string): Promise<Map<string, Description>> {
  let names: string[];
  try {
    names = (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    throw new LabError(
      'data',
      `The folder of data sets ${folder} cannot be read (${errnoOf(error) ?? String(error)}). ` +
        'It belongs to the program: install it again.',
    );
  }
  const descriptions = await Promise.all(names.map((name) => readDescription(folder, name)));
  return new Map(descriptions.filter((each) => each !== null).map((each) => [each.id, each]));
}

/** Null for a folder without dataset.json. */
async function readDescription(folder: string, name: string): Promise<Description | null> {
  const path = join(folder, name, 'dataset.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw unreadable(path, error);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new LabError('data', `${path} is not JSON: ${(error as Error).message}. Put the original file back.`);
  }
  const parsed = descriptionSchema.safeParse(json);
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => ({ message: `${issue.path.join('.')}: ${issue.message}` }));
    throw new LabError('data', `${path}: ${faults.map((fault) => fault.message).join('; ')}.`, faults);
  }
  if (parsed.data.id !== name) {
    throw new LabError(
      'data',
      `${path}: id is "${parsed.data.id}", but the folder is called "${name}". Make them equal.`,
    );
  }
  return parsed.data;
}

function recordOf(description: Description): DatasetRecord {
  const { splits } = description;
  const files = [splits.train.images, splits.train.labels, splits.test.images, splits.test.labels];
  const sums = createHash('sha256');
  // one line per raw file, as sha256sum prints them: checked when the images are read
  for (const file of files) sums.update(`${file.rawSha256}  ${file.file.replace(/\.gz$/, '')}\n`);
  return {
    id: description.id,
    title: description.title,
    summary: description.description,
    imageShape: description.image.shape,
    classes: description.classes,
    trainImages: splits.train.count,
    testImages: splits.test.count,
    licence: `${description.licence.name}; ${description.licence.holder}`,
    source: description.source.origin,
    hash: sums.digest('hex'),
  };
}

async function readImages(folder: string, description: Description): Promise<DatasetImages> {
  const [train, test] = await Promise.all([
    readSplit(folder, description, 'train'),
    readSplit(folder, description, 'test'),
  ]);
  return { record: recordOf(description), train, test };
}

async function readSplit(folder: string, description: Description, name: 'train' | 'test'): Promise<ImageFile> {
  const split = description.splits[name];
  const [images, labels] = await Promise.all([readRaw(folder, split.images), readRaw(folder, split.labels)]);
  const decoded = decodeIdxImages(
    {
      images,
      imagesName: join(folder, split.images.file),
      labels,
      labelsName: join(folder, split.labels.file),
    },
    description.classes.length,
  );
  const expected = `${split.count} images of ${description.image.shape.join(' x ')}`;
  const found = `${decoded.file.count} images of ${decoded.imageShape.join(' x ')}`;
  if (expected !== found) {
    throw new LabError(
      'data',
      `${join(folder, split.images.file)}: dataset.json promises ${expected}, the file holds ${found}. ` +
        'One of the two was changed: put the original back.',
    );
  }
  return decoded.file;
}

const unpack = promisify<Uint8Array, { maxOutputLength: number }, Buffer>(gunzip);

/** The unpacked bytes of a file in shared memory, after size and SHA-256 of both forms were found right. */
async function readRaw(folder: string, file: DescribedFile): Promise<Uint8Array> {
  const path = join(folder, file.file);
  let packed: Buffer<ArrayBuffer>;
  try {
    packed = await readFile(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  await checkBytes(path, packed, file.bytes, file.sha256);
  let raw: Buffer;
  try {
    raw = await unpack(packed, { maxOutputLength: file.rawBytes });
  } catch (error) {
    throw new LabError('data', `${path} cannot be unpacked: ${(error as Error).message}. Put the original file back.`);
  }
  await checkBytes(`${path}, unpacked`, raw as Buffer<ArrayBuffer>, file.rawBytes, file.rawSha256);
  const shared = new Uint8Array(new SharedArrayBuffer(raw.byteLength));
  shared.set(raw);
  return shared;
}

async function checkBytes(what: string, bytes: Buffer<ArrayBuffer>, size: number, hash: string): Promise<void> {
  // in the thread pool: 47 MB would hold up this thread for a fifth of a second
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  const found = Buffer.from(digest).toString('hex');
  if (bytes.byteLength === size && found === hash) return;
  throw new LabError(
    'data',
    `${what}: expected ${size} bytes with SHA-256 ${hash}, found ${bytes.byteLength} bytes with SHA-256 ${found}. ` +
      'The file is damaged or was changed: put the original back.',
  );
}

function unreadable(path: string, error: unknown): LabError {
  const code = errnoOf(error);
  const reason = code === 'ENOENT' ? 'is missing' : `cannot be read (${code ?? String(error)})`;
  return new LabError(
    'data',
    `${path} ${reason}. It belongs to the program: put the original file back or install it again.`,
  );
}
