import { parseArgs } from 'node:util';
import { workloads, type Workload } from './workloads.ts';

export const variants = ['stock', 'revectorize'] as const;
export type Variant = (typeof variants)[number];

export interface Options {
  readonly workloads: readonly Workload[];
  readonly threads: readonly number[];
  readonly variants: readonly Variant[];
  /** Names of peers; empty: none. */
  readonly peers: readonly string[];
  readonly quick: boolean;
  readonly json: boolean;
  readonly profile: boolean;
  readonly pipeline: boolean;
  readonly concurrent: boolean;
  readonly precision: boolean;
  readonly guard: boolean;
  readonly baseline: boolean;
  readonly rounds: number;
  /** Of one contestant in one round. */
  readonly seconds: number;
  /** A contestant without a step after so many milliseconds is left out of the workload. */
  readonly limitMs: number;
  /** All workloads together; contestants that come too late are left out by name. */
  readonly totalMs: number;
}

export const usage = `npm run bench -- [options]

  --quick              under three minutes: fewer and shorter rounds, slow peers are given up sooner
  --json               one JSON document instead of tables
  --workload W1,W2     ${workloads.map(({ name }) => name).join(', ')} (default: all but tiny)
  --threads 1,2        threads of the cpu backend and of PyTorch
  --variants a,b       stock, revectorize (V8 with --experimental-wasm-revectorize)
  --peers a,b          torch, tfjs, jax; none
  --rounds n           turns that all contestants of a workload take
  --pipeline           what preprocessing, augmentation and whitening add to a step
  --profile            where the time of a step goes, instead of a comparison
  --backend webgpu     the GPU instead, against TensorFlow.js and jax-js on the same adapter, in pages of one browser or in
                       Node, and PyTorch on CUDA; prints JSON. With --help: its options
  --precision          rounding errors of convolutions, by layer and way of computing them, instead of a comparison
  --concurrent         total speed of runs side by side, with the largest number of --threads
  --guard              compares the ratios with bench/baseline.json; what has fallen is measured again, up to three rounds in
                       all, and fails when its fastest steps still have
  --baseline           writes the ratios of this run to bench/baseline.json`;

function choose<T extends string>(
  flag: string,
  text: string | undefined,
  all: readonly T[],
  byDefault: readonly T[],
): T[] {
  if (text === undefined) return [...byDefault];
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    const found = all.find((each) => each === name);
    if (found === undefined) throw new Error(`--${flag}: there is no "${name}"; choose from ${all.join(', ')}.`);
    return found;
  });
}

function numbers(flag: string, text: string): number[] {
  const values = text.split(',').map(Number);
  if (values.some((value) => !Number.isInteger(value) || value < 1)) {
    throw new Error(`--${flag} takes whole numbers like 1,2, not "${text}".`);
  }
  return values;
}

export function readOptions(args: string[], peerNames: readonly string[]): Options | null {
  const { values: flags } = parseArgs({
    args,
    options: {
      help: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      pipeline: { type: 'boolean', default: false },
      concurrent: { type: 'boolean', default: false },
      precision: { type: 'boolean', default: false },
      guard: { type: 'boolean', default: false },
      baseline: { type: 'boolean', default: false },
      threads: { type: 'string', default: '1,2' },
      workload: { type: 'string' },
      variants: { type: 'string' },
      peers: { type: 'string' },
      rounds: { type: 'string' },
    },
  });
  if (flags.help) return null;
  const names = workloads.map(({ name }) => name);
  const usual = workloads.filter(({ tiny }) => !tiny).map(({ name }) => name);
  const chosen = choose('workload', flags.workload, names, usual);
  return {
    workloads: chosen.map((name) => workloads.find((workload) => workload.name === name)!),
    threads: numbers('threads', flags.threads),
    variants: choose('variants', flags.variants, variants, ['stock']),
    peers: choose('peers', flags.peers, peerNames, peerNames),
    quick: flags.quick,
    json: flags.json,
    profile: flags.profile,
    pipeline: flags.pipeline,
    concurrent: flags.concurrent,
    precision: flags.precision,
    guard: flags.guard,
    baseline: flags.baseline,
    rounds: numbers('rounds', flags.rounds ?? (flags.quick ? '3' : '10'))[0]!,
    seconds: flags.quick ? 0.2 : 0.5,
    limitMs: flags.quick ? 6_000 : 30_000,
    totalMs: flags.quick ? 160_000 : Infinity,
  };
}
