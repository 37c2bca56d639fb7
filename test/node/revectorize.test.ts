import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  judge,
  machineKey,
  rememberedVerdict,
  revectorizeFlag,
  selfTestProcess,
  setUpRevectorize,
  testRevectorize,
  type RunSelfTest,
} from '../../node/revectorize.ts';

const outcome =
  (plain: number, wide: number, wideHash = 'same'): RunSelfTest =>
  (revectorize) =>
    Promise.resolve(revectorize ? { hash: wideHash, milliseconds: wide } : { hash: 'same', milliseconds: plain });

describe('256-bit vectors', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'ablate-revectorize-'));
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
    delete process.env['ABLATE_REVECTORIZE'];
  });

  it('are adopted when they give the same bits and are faster', async () => {
    expect(await judge(outcome(3, 2))).toMatchObject({ adopted: true, speedup: 1.5 });
  });

  it('are not adopted with other bits, without gain, or when the self-test fails', async () => {
    expect(await judge(outcome(3, 2, 'other'))).toMatchObject({
      adopted: false,
      reason: 'its results differ from those without it',
    });
    expect(await judge(outcome(3, 2.9))).toMatchObject({ adopted: false, speedup: 1.03 });
    const crashed = await judge(() => Promise.reject(new Error('SIGSEGV')));
    expect(crashed).toMatchObject({ adopted: false, speedup: null, reason: 'the self-test failed: SIGSEGV' });
  });

  it('are remembered for this machine and V8 only', async () => {
    expect(rememberedVerdict(home)).toBeNull();
    const verdict = await testRevectorize(home, outcome(3, 2));
    expect(rememberedVerdict(home)).toEqual(verdict);
    const file = join(home, 'revectorize.json');
    writeFileSync(file, JSON.stringify({ ...verdict, key: `${machineKey()} of yesterday` }));
    expect(rememberedVerdict(home)).toBeNull();
    writeFileSync(file, '{"key":');
    expect(rememberedVerdict(home)).toBeNull();
  });

  it('are tested once, and never when they are switched off', async () => {
    let runs = 0;
    const slow: RunSelfTest = (revectorize) => {
      runs++;
      return outcome(2, 2)(revectorize, 1, revectorizeFlag);
    };
    process.env['ABLATE_REVECTORIZE'] = 'off';
    expect(await setUpRevectorize(home, slow)).toBeNull();
    delete process.env['ABLATE_REVECTORIZE'];
    expect(await setUpRevectorize(home, null)).toBeNull();
    expect(runs).toBe(0);
    expect(await setUpRevectorize(home, slow)).toMatchObject({ adopted: false });
    expect(await setUpRevectorize(home, slow)).toMatchObject({ adopted: false });
    expect(runs).toBe(4);
    expect(process.env['ABLATE_REVECTORIZE']).toBeUndefined();
  });

  it('give the same bits in a process with the flag as in one without', async () => {
    const run = selfTestProcess();
    const [plain, wide] = await Promise.all([run(false, 1, revectorizeFlag), run(true, 1, revectorizeFlag)]);
    expect(wide.hash).toBe(plain.hash);
    expect(plain.milliseconds).toBeGreaterThan(0);
  });
});
