import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { replaceJson } from './smallFile.ts';

/**
 * V8 can join neighbouring vectors of WebAssembly code to ones of 256 bits, an experimental flag. The cpu backend then uses tiles
 * twice as wide and is much faster on x64 machines with AVX2. It is never needed: a self-test in processes of their own says
 * whether it gives the very same bits and is faster here, and the answer is remembered in the home folder.
 */
export const revectorizeFlag = '--experimental-wasm-revectorize';
/** Tells the engine's threads (engine/worker/entry.node.ts) that the flag is set; `off` from outside: never set it. */
export const revectorizeVariable = 'ABLATE_REVECTORIZE';

/** It must be so many times as fast, or the plain way stays. */
const leastSpeedup = 1.1;
/** Of timed steps in one run of the self-test. */
const selfTestMilliseconds = 400;
const testLimitMs = 60_000;

/** What the self-test found on a machine. */
export interface RevectorizeVerdict {
  /** Machine and V8 that it was found on. */
  readonly key: string;
  readonly adopted: boolean;
  readonly reason: string;
  /** Step time without divided by step time with it; null where it did not get so far. */
  readonly speedup: number | null;
}

/** A verdict holds for one processor model, one V8 and one state of the engine's kernels. */
export function machineKey(): string {
  return [cpus()[0]?.model.trim() ?? 'unknown', process.arch, `V8 ${process.versions.v8}`, 'kernels 1'].join(', ');
}

const fileOf = (home: string): string => join(home, 'revectorize.json');

/** The verdict that is remembered for this machine, or null. A file that cannot be read counts as none. */
export function rememberedVerdict(home: string): RevectorizeVerdict | null {
  try {
    const verdict = JSON.parse(readFileSync(fileOf(home), 'utf8')) as Partial<RevectorizeVerdict> | null;
    if (verdict?.key !== machineKey() || typeof verdict.adopted !== 'boolean') return null;
    const { speedup } = verdict;
    return {
      key: verdict.key,
      adopted: verdict.adopted,
      reason: String(verdict.reason),
      speedup: typeof speedup === 'number' ? speedup : null,
    };
  } catch {
    return null;
  }
}

export interface SelfTestOutcome {
  readonly hash: string;
  readonly milliseconds: number;
}

/** Runs the self-test program once, with the flag or without, and answers what it printed. */
export type RunSelfTest = (revectorize: boolean, milliseconds: number, flag: string) => Promise<SelfTestOutcome>;

/** In processes of this process's own program, which is Node. */
export function selfTestProcess(): RunSelfTest {
  const entry = new URL('../engine/worker/selfTest.node.ts', import.meta.url);
  return (revectorize, milliseconds, flag) =>
    new Promise((resolve, reject) => {
      const args = [...(revectorize ? [flag] : []), fileURLToPath(entry)];
      const variant = revectorize ? 'revectorize' : 'stock';
      execFile(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', ...args, variant, String(milliseconds)],
        { timeout: testLimitMs, killSignal: 'SIGKILL' },
        (error, stdout) => {
          if (error) {
            reject(new Error(error.message));
            return;
          }
          try {
            resolve(JSON.parse(stdout) as SelfTestOutcome);
          } catch {
            reject(new Error('it printed no result'));
          }
        },
      );
    });
}

/** Compares two runs without and two with the flag, in turns. Never throws: what fails is not adopted. */
export async function judge(run: RunSelfTest): Promise<RevectorizeVerdict> {
  const key = machineKey();
  const no = (reason: string, speedup: number | null = null): RevectorizeVerdict => ({
    ...{ key, adopted: false, reason, speedup },
  });
  const plain: SelfTestOutcome[] = [];
  const wide: SelfTestOutcome[] = [];
  try {
    for (let turn = 0; turn < 2; turn++) {
      plain.push(await run(false, selfTestMilliseconds, revectorizeFlag));
      wide.push(await run(true, selfTestMilliseconds, revectorizeFlag));
    }
  } catch (error) {
    return no(`the self-test failed: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`);
  }
  const least = (results: readonly SelfTestOutcome[]): number =>
    Math.min(...results.map((result) => result.milliseconds));
  const speedup = Number((least(plain) / least(wide)).toFixed(2));
  const hashes = new Set([...plain, ...wide].map(({ hash }) => hash));
  if (hashes.size !== 1) return no('its results differ from those without it', speedup);
  if (!(speedup >= leastSpeedup)) return no(`it is ${speedup} times as fast, less than ${leastSpeedup}`, speedup);
  return { key, adopted: true, reason: `same bits, ${speedup} times as fast`, speedup };
}

/** From now on kernels are compiled for 256 bits: V8's flag for this process, the variable for threads started from here. */
function switchOn(): void {
  setFlagsFromString(revectorizeFlag);
  process.env[revectorizeVariable] = 'on';
}

export function isRevectorizeOn(): boolean {
  return process.env[revectorizeVariable] === 'on';
}

/**
 * Switches it on where the remembered verdict says so, at once; without one, and with a way to test, tests (some seconds, beside
 * everything else), remembers, and switches it on for what is compiled afterwards. Answers the verdict, null where there is none.
 */
export async function setUpRevectorize(home: string, run: RunSelfTest | null): Promise<RevectorizeVerdict | null> {
  if (process.env[revectorizeVariable] === 'off') return null;
  const known = rememberedVerdict(home);
  if (known?.adopted) switchOn();
  if (known || !run) return known;
  const verdict = await testRevectorize(home, run);
  if (verdict.adopted) switchOn();
  return verdict;
}

/** Tests anew, whatever is remembered, and remembers. */
export async function testRevectorize(home: string, run: RunSelfTest = selfTestProcess()): Promise<RevectorizeVerdict> {
  const verdict = await judge(run);
  replaceJson(fileOf(home), verdict);
  return verdict;
}
