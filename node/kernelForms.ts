import { readFileSync } from 'node:fs';
import type { FormsEvent, KnownForms } from '../engine/index.ts';
import type { EngineHost } from './engineWorker.ts';
import { replaceJson } from './smallFile.ts';

/** The memory of forms of kernels that the workers of all hosts share. */
export interface FormFile {
  all(): KnownForms;
  /** Adds to what is there. */
  add(measured: Pick<FormsEvent, 'adapter' | 'forms'>): void;
}

/**
 * Measured forms of kernels in a small JSON file: { adapter, driver and kernel version: { class of an op: form } }. A file that
 * cannot be read counts as empty, and one that cannot be written is measured again next time.
 */
export function formFile(path: string): FormFile {
  const all = (): KnownForms => {
    try {
      const content = JSON.parse(readFileSync(path, 'utf8')) as unknown;
      return isKnown(content) ? content : {};
    } catch {
      return {};
    }
  };
  return {
    all,
    add: ({ adapter, forms }) => {
      try {
        const known = all();
        // what another worker has measured meanwhile stays: runs may have begun with it
        const next = { ...known, [adapter]: { ...forms, ...known[adapter] } };
        if (!isKnown(next)) return;
        replaceJson(path, next);
      } catch {
        // no room or no right to write: nothing is lost but time
      }
    },
  };
}

/**
 * The same host, whose workers are told what is remembered before each run or job, and what they measure is kept. So a thread and the
 * hidden window's workers, which have no files, begin with the same forms.
 */
export function rememberForms(host: EngineHost, file: FormFile): EngineHost {
  return {
    start: (name, listener) => {
      const worker = host.start(name, {
        hear: (event) => (event.kind === 'forms' ? file.add(event) : listener.hear(event)),
        died: (reason) => listener.died(reason),
      });
      return {
        post: (command) => {
          if (command.kind === 'start' || command.kind === 'job') worker.post({ kind: 'forms', known: file.all() });
          worker.post(command);
        },
        end: () => worker.end(),
        hold: (on) => worker.hold(on),
      };
    },
  };
}

function isKnown(content: unknown): content is KnownForms {
  const isObject = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  return (
    isObject(content) &&
    Object.values(content).every(
      (forms) => isObject(forms) && Object.values(forms).every((form) => typeof form === 'string'),
    )
  );
}
