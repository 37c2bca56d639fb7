import { describe, expect, it } from 'vitest';
import { compareRatios, fastestOf, guardResults } from '../../bench/guard.ts';
import { results, type Result } from '../../bench/report.ts';
import { flopsOf, forPeers, workloads } from '../../bench/workloads.ts';

const baseline = { tolerance: 0.2, cpu: 'one', ratios: { 'W1 stock 1t / torch-1t': 2, 'W2 stock 2t / torch-2t': 1.5 } };

describe('the guard of the benchmark', () => {
  it('lets ratios vary within the tolerance and names those that fell further', () => {
    const steady = compareRatios({ 'W1 stock 1t / torch-1t': 1.61, other: 9 }, baseline, 'one');
    expect(steady).toEqual({ compared: 1, fallen: [], otherMachine: null });
    const fallen = compareRatios({ 'W1 stock 1t / torch-1t': 1.59, 'W2 stock 2t / torch-2t': 3 }, baseline, 'two');
    expect(fallen.fallen).toEqual(['W1 stock 1t / torch-1t: 1.59x, was 2.00x']);
    expect(fallen.otherMachine).toBe('one');
  });

  it('refuses to pass when there is nothing to compare', () => {
    expect(() => compareRatios({ other: 1 }, baseline, 'one')).toThrow('--baseline');
  });
});

/** W1 (or another) on one thread: our fastest step, and that of PyTorch. */
const measured = (own: number, torch: number, workload = 'W1'): Result => ({
  ...{ workload, backend: 'cpu', variant: 'stock', threads: 1, imagesPerSecond: 1, gflops: 1, peakShare: 1 },
  milliseconds: { median: 9, least: own, most: 9 },
  peers: { 'torch-1t': { imagesPerSecond: 1, ratio: 1, ratioOfLeast: torch / own } },
  failed: {},
});

describe('the guard measures again before it complains', () => {
  const base = { tolerance: 0.2, cpu: 'one', ratios: { 'W1 stock 1t / torch-1t': 2, 'W2 stock 1t / torch-1t': 2 } };
  const guard = async (first: Result[], ...rounds: Result[][]) => {
    const asked: (readonly string[])[] = [];
    const verdict = await guardResults(first, base, 'one', (workloads) => {
      asked.push(workloads);
      return Promise.resolve(rounds.shift() ?? []);
    });
    return { ...verdict, asked };
  };

  it('asks for nothing where nothing has fallen', async () => {
    expect(await guard([measured(1, 2)])).toMatchObject({ compared: 1, fallen: [], asked: [] });
  });

  it('lets go of what a disturbed step of ours had made', async () => {
    const { fallen, asked } = await guard(
      [measured(2, 2), measured(1, 2, 'W2')],
      [measured(1.9, 2.1)],
      [measured(1.1, 2.5)],
    );
    expect(fallen).toEqual([]);
    expect(asked).toEqual([['W1'], ['W1']]);
  });

  it('keeps to a regression, and to three rounds', async () => {
    const slow = measured(2, 2);
    const { fallen, asked } = await guard([slow], [slow], [slow], [measured(1, 2)]);
    expect(fallen).toEqual(['W1 stock 1t / torch-1t: 1.00x, was 2.00x']);
    expect(asked).toHaveLength(2);
  });

  it('is not appeased by a slower peer: the fastest step of each counts', () => {
    const [merged] = fastestOf([measured(2, 2)], [measured(1.8, 40)]);
    expect(merged!.milliseconds.least).toBe(1.8);
    expect(merged!.peers['torch-1t']!.ratioOfLeast).toBeCloseTo(2 / 1.8);
  });
});

describe('results of the benchmark', () => {
  it('are images per second and ratios of medians and of least times, peers that failed by name', () => {
    const workload = workloads.find(({ name }) => name === 'W1')!;
    const timing = (median: number, least: number) => ({ median, least, most: 9, steps: 3, note: '' });
    const timings = new Map([
      ['cpu stock 2t', timing(1, 0.5)],
      ['torch-2t', timing(2, 0.6)],
    ]);
    const own = [{ name: 'cpu stock 2t', variant: 'stock', threads: 2 }] as const;
    const failures = new Map([['tfjs-wasm', 'no kernel']]);
    const [result] = results({ workload, timings, failures }, own, new Map([['cpu stock 2t', 50]]));
    expect(result).toMatchObject({
      workload: 'W1',
      backend: 'cpu',
      variant: 'stock',
      threads: 2,
      imagesPerSecond: 60_000,
      peers: { 'torch-2t': { imagesPerSecond: 30_000, ratio: 2, ratioOfLeast: 1.2 } },
      failed: { 'tfjs-wasm': 'no kernel' },
    });
    // 99,400 weights three times but for the first layer's input
    expect(flopsOf(workload)).toBe(2 * 60 * (2 * 78_400 + 3 * 21_000));
    expect(result!.gflops).toBeCloseTo(flopsOf(workload) / 1e6, 1);
  });

  it('every workload can be told to a peer', () => {
    for (const workload of workloads) {
      const { nodes } = forPeers(workload);
      expect(nodes.at(-1)!.outputShape).toEqual([10]);
      expect(JSON.parse(JSON.stringify(nodes))).toEqual(nodes);
    }
  });
});
