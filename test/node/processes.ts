import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether there is a process of this number that has not ended. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // one that has ended and that nobody has asked about is still listed
  return process.platform !== 'linux' || !/^State:\s+Z/m.test(textOf(pid, 'status') ?? 'State: Z');
}

/** The children of a process that run a program whose path ends so. Linux only. */
export function childrenOf(parent: number, program: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const isChild = new RegExp(`^PPid:\\s+${parent}$`, 'm').test(textOf(pid, 'status') ?? '');
      return (
        isChild && isAlive(pid) && (textOf(pid, 'cmdline') ?? '').split('\0').some((word) => word.endsWith(program))
      );
    });
}

/** Waits as long as the test may take. */
export async function until(test: () => boolean): Promise<void> {
  while (!test()) await sleep(10);
}

function textOf(pid: number, file: 'status' | 'cmdline'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return undefined;
  }
}
