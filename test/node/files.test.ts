import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readWholeFile } from '../../node/cli/files.ts';
import { readSpecFile } from '../../node/cli/readSpec.ts';

const folder = mkdtempSync(join(tmpdir(), 'ablate-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a file that a command is given', () => {
  it('is read whole up to the limit, and refused above it', async () => {
    const path = join(folder, 'some');
    writeFileSync(path, Uint8Array.of(1, 2, 3));
    expect([...(await readWholeFile(path, 3))]).toEqual([1, 2, 3]);
    await expect(readWholeFile(path, 2)).rejects.toMatchObject({ code: 'invalid' });
    const spec = join(folder, 'spec.json');
    writeFileSync(spec, '\ufeff{"ablate": 1}');
    expect(await readSpecFile(spec, 'run')).toEqual({ ablate: 1 });
  });

  // a device without an end, whose size is told as 0
  it.runIf(process.platform === 'linux')('is not read without end', async () => {
    await expect(readWholeFile('/dev/zero', 2 ** 20)).rejects.toMatchObject({
      code: 'invalid',
      message: '/dev/zero is larger than 1 MiB, the most that is read.',
    });
    await expect(readSpecFile('/dev/zero', 'run')).rejects.toMatchObject({
      code: 'invalid',
      message: /^\/dev\/zero is larger than 16 MiB.*is it another file\?$/,
    });
  });
});
