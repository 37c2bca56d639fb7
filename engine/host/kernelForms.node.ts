import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FormMemory, Forms } from '../webgpu/autotune.ts';

type Remembered = Readonly<Record<string, Forms>>;

/**
 * Measured forms of kernels in a small JSON file: { adapter, driver and kernel version: { class of an op: form } }. A file that
 * cannot be read counts as empty, and one that cannot be written is measured again next time.
 */
export function formFile(path: string): FormMemory {
  const all = (): Remembered => {
    try {
      const content = JSON.parse(readFileSync(path, 'utf8')) as unknown;
      return isRemembered(content) ? content : {};
    } catch {
      return {};
    }
  };
  return {
    read: (adapter) => Promise.resolve(all()[adapter] ?? {}),
    write: (adapter, forms) => {
      try {
        const known = all();
        // what another process has measured meanwhile stays: runs may have begun with it
        const next = { ...known, [adapter]: { ...forms, ...known[adapter] } };
        mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
        const temporary = `${path}.${process.pid}.tmp`;
        writeFileSync(temporary, `${JSON.stringify(next, null, 2)}\n`);
        renameSync(temporary, path);
      } catch {
        // no room or no right to write: nothing is lost but time
      }
      return Promise.resolve();
    },
  };
}

function isRemembered(content: unknown): content is Remembered {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  return (
    isObject(content) &&
    Object.values(content).every(
      (forms) => isObject(forms) && Object.values(forms).every((form) => typeof form === 'string'),
    )
  );
}
