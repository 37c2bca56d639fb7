import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hedgesG } from '../../../lab/stats/hedgesG.ts';
import { meanDifference } from '../../../lab/stats/meanDifference.ts';
import { pairedT } from '../../../lab/stats/pairedT.ts';
import { studentT, studentTQuantile } from '../../../lab/stats/studentT.ts';
import { welchT } from '../../../lab/stats/welchT.ts';

/** Reference data that may lie beside the repository; the committed numbers of statistics.test.ts are checked always. */
const folder = new URL('../../../../shared/golden/', import.meta.url);
const present = existsSync(new URL('statistics.json', folder));

interface Case {
  readonly id: string;
  readonly op: string;
  readonly attrs: { readonly confidence?: number };
  readonly inputs: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, number | number[] | null>>;
  readonly valuesTolerance: { readonly abs: number; readonly rel: number };
}
type Inputs = Readonly<Record<string, number[]>>;

const confidence = ({ attrs }: Case): number => attrs.confidence ?? 0.95;
const test = ({ t, df, p, pGreater, pLess }: ReturnType<typeof welchT>): object => ({
  t,
  df,
  p,
  p_greater: pGreater,
  p_less: pLess,
});
const ops: Record<string, (inputs: Inputs, each: Case) => object> = {
  welch_t: ({ x, y }) => test(welchT(x!, y!)),
  paired_t: ({ x, y }, each) => {
    const result = pairedT(x!, y!, confidence(each));
    return { ...result, ...test(result) };
  },
  mean_difference: ({ x, y }, each) => meanDifference(x!, y!, confidence(each)),
  hedges_g: ({ x, y }) => hedgesG(x!, y!),
  student_t_cdf: ({ t, df }) => {
    const tails = t!.map((value, i) => studentT(value, df![i] ?? df![0]!));
    return { cdf: tails.map(({ cdf }) => cdf), sf: tails.map(({ sf }) => sf) };
  },
  student_t_quantile: ({ p, df }) => ({ t: p!.map((value, i) => studentTQuantile(value, df![i] ?? df![0]!)) }),
};

function readTensors(): (name: string) => number[] {
  const file = readFileSync(new URL('statistics.safetensors', folder));
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  return (name) => {
    const { dtype, data_offsets: offsets } = header[name]!;
    const values: number[] = [];
    for (let at = 8 + length + offsets[0]; at < 8 + length + offsets[1]; at += 4) {
      values.push(dtype === 'F32' ? file.readFloatLE(at) : file.readInt32LE(at));
    }
    return values;
  };
}

describe('reference statistics', () => {
  const { cases } = (
    present ? JSON.parse(readFileSync(new URL('statistics.json', folder), 'utf8')) : { cases: [] }
  ) as { cases: Case[] };
  const tensor = present ? readTensors() : (): number[] => [];
  const supported = cases.filter(({ op }) => Object.hasOwn(ops, op));

  it('has cases of every operation', ({ skip }) => {
    skip(!present, 'no folder ../shared/golden beside the repository');
    expect(new Set(supported.map(({ op }) => op))).toEqual(new Set(Object.keys(ops)));
  });

  it.each(supported.map((each) => [each.id, each] as const))('%s', (_id, each) => {
    const inputs = Object.fromEntries(Object.entries(each.inputs).map(([name, at]) => [name, tensor(at)]));
    const result = ops[each.op]!(inputs, each) as Record<string, number | number[]>;
    const { abs, rel } = each.valuesTolerance;
    for (const [name, expected] of Object.entries(each.values)) {
      const found = [result[name]!].flat();
      [expected].flat().forEach((value, i) => {
        if (value === null) expect(found[i], `${name}[${i}]`).toBeNaN();
        else
          expect(Math.abs(found[i]! - value), `${name}[${i}]: ${found[i]} against ${value}`).toBeLessThanOrEqual(
            abs * Math.min(1, Math.abs(value)) + rel * Math.abs(value),
          );
      });
    }
  });
});
