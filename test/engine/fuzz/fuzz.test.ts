import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Backend } from '../../../engine/backend.ts';
import type { OpInstance, Plan } from '../../../engine/plan/plan.ts';
import { verifyPlan } from '../../../engine/plan/verify.ts';
import { ops } from '../../../engine/ops/index.ts';
import { referenceBackend } from '../../../engine/reference/index.ts';
import { loadBackend } from '../../golden/runner.ts';
import type { JobChoices } from '../train/randomJobs.ts';
import { buildPlan } from './build.ts';
import { readCases, replay, writeCase } from './cases.ts';
import { compareBackends } from './compareBackends.ts';
import { minimise } from './minimise.ts';
import { searchRuns } from './search.ts';
import { drawSpec } from './spec.ts';

describe('random models', () => {
  test('are legal plans and together use every op', () => {
    const used = new Set<string>();
    let nodes = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const fuzz = buildPlan(drawSpec(seed), { update: true });
      verifyPlan(fuzz.plan);
      nodes += fuzz.used;
      for (const segment of fuzz.plan.segments) for (const { op } of segment.ops) used.add(op);
    }
    // probes stand beside a model; augmentation, mixup and whitened images belong to a run
    const besides = new Set([
      ...['summarise', 'compare', 'copy', 'augmentImages', 'mixRows'],
      ...['gatherRows', 'scatterRows'],
    ]);
    expect(Object.keys(ops).filter((op) => !used.has(op) && !besides.has(op))).toEqual([]);
    expect(nodes / 300).toBeGreaterThan(2.5);
  });
});

/** The reference backend with one op's attributes changed behind its back. */
function planted(change: (instance: OpInstance) => OpInstance): Backend {
  return {
    name: 'reference',
    async compile(plan: Plan) {
      const segments = plan.segments.map((segment) => ({ ...segment, ops: segment.ops.map(change) }));
      return referenceBackend.compile({ ...plan, segments });
    },
  };
}

describe('the search itself', () => {
  test('finds nothing between a backend and itself', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      expect(await compareBackends(drawSpec(seed), referenceBackend)).toBeUndefined();
    }
  });

  test('finds a planted fault and shrinks the model to it', async () => {
    // The backward pass of tanh computed as that of sigmoid.
    const wrong = planted((instance) =>
      instance.op === 'activationGrad' && instance.attrs.fn === 'tanh'
        ? { ...instance, attrs: { fn: 'sigmoid' } }
        : instance,
    );
    const fails = async (spec: Parameters<typeof compareBackends>[0]) =>
      (await compareBackends(spec, wrong)) !== undefined;
    let seed = 1;
    while (seed < 300 && !(await fails(drawSpec(seed)))) seed++;
    const smallest = await minimise(drawSpec(seed), fails);
    expect(await compareBackends(smallest, wrong)).toMatchObject({ message: expect.stringContaining('grad') });
    expect(smallest.nodes.length).toBeLessThanOrEqual(3);
    expect(smallest.nodes).toContainEqual(expect.objectContaining({ kind: 'activation', fn: 'tanh' }));
    expect(smallest.batch).toBe(1);
  });
});

describe('the search among runs', () => {
  test('finds nothing between a backend and itself', async () => {
    for (let seed = 1; seed <= 3; seed++) expect(await searchRuns(seed, referenceBackend, {})).toBeUndefined();
  });

  test('finds a planted fault and shrinks the run to it', async () => {
    // images of a stage are brought to its size by the nearest pixel
    const wrong = planted((instance) =>
      instance.op === 'resize' && instance.phase === 'data' ? { ...instance, attrs: { mode: 'nearest' } } : instance,
    );
    let seed = 1;
    let found = await searchRuns(seed, wrong, {});
    while (found === undefined && seed < 30) found = await searchRuns(++seed, wrong, {});
    expect(found?.message).toContain('instead of');
    const { choices } = found as { choices: JobChoices };
    expect(choices.stages.map(({ size }) => size === null)).toEqual([false]);
    // nothing else is left of it
    const { blocks, dropout, augmentation, accumulate, optimizer, schedule, preprocessing } = choices;
    expect({ blocks, dropout, augmentation, accumulate, optimizer, schedule, preprocessing }).toEqual({
      blocks: [],
      dropout: 0,
      augmentation: null,
      accumulate: 1,
      optimizer: 'sgd',
      schedule: 'constant',
      preprocessing: 'unit',
    });
  }, 60_000);
});

describe('cases that were found once', () => {
  test('agree on the backend that they were found on', async () => {
    const cases = await readCases();
    expect(cases.length).toBeGreaterThan(0);
    for (const [file, found] of cases) {
      // differences of WebGPU are replayed where a device is (test/engine/webgpu)
      if (found.backend === 'webgpu') continue;
      expect(await replay(found, await loadBackend(found.backend)), file).toBeUndefined();
    }
  });

  test('are written so that they can be read again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ablate-fuzz-'));
    try {
      const found = { backend: 'cpu', precision: 'exact', seed: 3, message: 'y[0]', spec: drawSpec(3) } as const;
      const file = await writeCase(folder, found);
      expect(await readCases(folder)).toEqual([[basename(file), found]]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

test('cpu agrees with the reference on 20 random runs', async () => {
  const cpu = await loadBackend('cpu');
  for (let seed = 1; seed <= 20; seed++) {
    const found = await searchRuns(seed, cpu, {});
    expect(found, `npm run fuzz -- --of runs --graphs 1 --seed ${seed}`).toBeUndefined();
  }
}, 120_000);

test('cpu agrees with the reference on 60 random models', async () => {
  const cpu = await loadBackend('cpu');
  for (let seed = 1; seed <= 60; seed++) {
    const mismatch = await compareBackends(drawSpec(seed), cpu);
    expect(mismatch, `npm run fuzz -- --graphs 1 --seed ${seed}`).toBeUndefined();
  }
}, 120_000);
