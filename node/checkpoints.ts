import { readdirSync, rmSync } from 'node:fs';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../lab/contract/errors.ts';
import type { CheckpointFiles } from '../lab/ports.ts';
import { diskError, errnoOf } from './diskError.ts';

/** Checkpoints of runs, weights that runs start from, and those of architectures by id and version. */
const own = /^(r\w+-(last|best)-\d.*|weights-[0-9a-f]{64}|a[0-9a-z]{9}-\d+)\.safetensors$/;

/**
 * Checkpoint files in one folder. A file is whole or not there: bytes go to a temporary name and are synced, then the
 * name is changed and the folder synced, so that a power cut at any moment leaves the old file or the new one.
 */
export function createCheckpointFiles(folder: string): CheckpointFiles {
  return {
    async write(name, bytes) {
      const path = pathOf(folder, name);
      const temporary = `${path}.${process.pid}.part`;
      try {
        const file = await open(temporary, 'w', 0o600);
        try {
          await file.writeFile(bytes);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path);
        await syncFolder(folder);
      } catch (error) {
        await rm(temporary, { force: true }).catch(() => undefined);
        throw diskError(error, path, `write ${kindOf(name)}`);
      }
    },

    async read(name) {
      const path = pathOf(folder, name);
      try {
        const bytes = await readFile(path);
        return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') {
          throw new LabError(
            'checkpoint',
            `The checkpoint file ${path} is missing. Put it back from a backup, or start the run anew from its spec.`,
          );
        }
        throw diskError(error, path, `read ${kindOf(name)}`);
      }
    },

    async remove(name) {
      const path = pathOf(folder, name);
      try {
        await rm(path, { force: true });
      } catch (error) {
        throw diskError(error, path, `remove ${kindOf(name)}`);
      }
    },

    // only names that this program gives: whatever else someone keeps in the folder is theirs
    list: async () => (await readdir(folder)).filter((name) => own.test(name)),
  };
}

/** Removes what a process left in a folder of its own that was killed while it wrote. For whoever holds the history alone. */
export function removeUnfinished(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/\.\d+\.part$/.test(name)) rmSync(join(folder, name), { force: true });
  }
}

/** What a file is to people. */
const kindOf = (name: string): string => (/-(last|best)-/.test(name) ? 'the checkpoint' : 'the weights');

/** Names come from the database; one that would leave the folder is refused all the same. */
function pathOf(folder: string, name: string): string {
  if (!/^[\w][\w.-]*$/.test(name)) {
    throw new LabError(
      'checkpoint',
      `"${name}" is no name of a checkpoint file: letters, digits, ".", "_" and "-" only.`,
    );
  }
  return join(folder, name);
}

/** Makes the rename itself durable. Windows cannot open folders and needs no such step. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
