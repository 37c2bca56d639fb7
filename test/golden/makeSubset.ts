/**
 * Writes the reference data that the repository carries: of every op of every group the smallest cases, in the same format.
 *
 *   node test/golden/makeSubset.ts <folder with all reference data> [<target folder>]
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { groupsIn } from './cases.ts';
import { readSafetensors } from './safetensors.ts';
import type { GoldenTensor } from './safetensors.ts';

interface StoredCase {
  readonly id: string;
  readonly op: string;
  readonly inputs: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

/** Cases per op; one where a group has many ops or large cases. */
const casesPerOp: Readonly<Record<string, number>> = {
  layers: 2,
  losses: 2,
  optimizers: 2,
  diagnostics: 2,
  metrics: 3,
  statistics: 2,
  rng: 2,
};

const tensorNames = (golden: StoredCase): string[] => [
  ...Object.values(golden.inputs),
  ...Object.values(golden.outputs),
];

function smallestOfEachOp(
  cases: readonly StoredCase[],
  count: number,
  tensors: ReadonlyMap<string, GoldenTensor>,
): StoredCase[] {
  const sizeOfCase = (golden: StoredCase): number =>
    [...new Set(tensorNames(golden))].reduce((sum, name) => sum + tensors.get(name)!.data.byteLength, 0);
  const chosen = [...Map.groupBy(cases, (golden) => golden.op).values()].flatMap((ofOp) =>
    ofOp.toSorted((a, b) => sizeOfCase(a) - sizeOfCase(b)).slice(0, count),
  );
  return cases.filter((golden) => chosen.includes(golden));
}

function safetensorsBytes(tensors: ReadonlyMap<string, GoldenTensor>): Uint8Array {
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let offset = 0;
  // Bytes last, so that every four-byte value starts at a multiple of 4.
  const ordered = [...tensors].sort(([, a], [, b]) => b.data.BYTES_PER_ELEMENT - a.data.BYTES_PER_ELEMENT);
  for (const [name, { shape, data }] of ordered) {
    const dtype = data instanceof Float32Array ? 'F32' : data instanceof Int32Array ? 'I32' : 'U8';
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    offset += data.byteLength;
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
}

function main(source: string, target: string): void {
  mkdirSync(target, { recursive: true });
  for (const group of groupsIn(source)) {
    const document = JSON.parse(readFileSync(join(source, `${group}.json`), 'utf8')) as {
      cases: StoredCase[];
      file: string;
    };
    const tensors = readSafetensors(join(source, document.file));
    const cases = smallestOfEachOp(document.cases, casesPerOp[group] ?? 1, tensors);
    const used = new Map(cases.flatMap(tensorNames).map((name) => [name, tensors.get(name)!]));
    const file = `${group}.safetensors`;
    const bytes = safetensorsBytes(used);
    const text = JSON.stringify({ ...document, file, cases });
    writeFileSync(join(target, file), bytes);
    writeFileSync(join(target, `${group}.json`), `${text}\n`);
    process.stdout.write(`${group}: ${cases.length} cases, ${bytes.length + text.length} bytes\n`);
  }
}

const [source, target = join(import.meta.dirname, 'subset')] = process.argv.slice(2);
if (source === undefined) {
  process.stderr.write('usage: node test/golden/makeSubset.ts <folder with reference data> [<target folder>]\n');
  process.exitCode = 2;
} else {
  main(source, target);
}
