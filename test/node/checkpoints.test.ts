import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCheckpointFiles, removeUnfinished } from '../../node/checkpoints.ts';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'ablate-checkpoints-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('checkpoint files', () => {
  it('come back as they were written, and leave no temporary file', async () => {
    const files = createCheckpointFiles(folder);
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251);
    await files.write('a-last-10.safetensors', bytes);
    expect(await files.read('a-last-10.safetensors')).toEqual(bytes);
    await files.write('a-last-10.safetensors', bytes.subarray(5, 50));
    expect(await files.read('a-last-10.safetensors')).toEqual(bytes.slice(5, 50));
    expect(readdirSync(folder)).toEqual(['a-last-10.safetensors']);
    await files.remove('a-last-10.safetensors');
    await files.remove('a-last-10.safetensors');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('list the checkpoints and nothing else that lies there', async () => {
    const files = createCheckpointFiles(folder);
    const own = ['a0123456xy-12.safetensors', 'r1-best-5-ab12cd34.safetensors', 'r1-last-10.safetensors'];
    for (const name of own) {
      await files.write(name, new Uint8Array(3));
    }
    for (const name of ['mine.safetensors', 'a-1.safetensors', 'r1-last-20.safetensors.77.part', 'notes.txt']) {
      writeFileSync(join(folder, name), '');
    }
    expect((await files.list()).sort()).toEqual(own);
  });

  it('say which file is missing', async () => {
    await expect(createCheckpointFiles(folder).read('gone.safetensors')).rejects.toMatchObject({
      code: 'checkpoint',
      message: expect.stringContaining(join(folder, 'gone.safetensors')) as string,
    });
  });

  it('refuse names that leave the folder', async () => {
    const files = createCheckpointFiles(folder);
    for (const name of ['../x', '/etc/passwd', 'a/b', '', '.hidden', 'a\u0000b', 'a\\b']) {
      await expect(files.read(name)).rejects.toMatchObject({ code: 'checkpoint' });
      await expect(files.write(name, new Uint8Array(1))).rejects.toMatchObject({ code: 'checkpoint' });
    }
  });

  // /dev/full answers every write with "no space left on device"
  it.runIf(process.platform === 'linux')('leave the old file and no new one when the disk is full', async () => {
    const files = createCheckpointFiles(folder);
    await files.write('run.safetensors', Uint8Array.of(1, 2, 3));
    symlinkSync('/dev/full', join(folder, `run.safetensors.${process.pid}.part`));
    await expect(files.write('run.safetensors', new Uint8Array(1000))).rejects.toMatchObject({
      code: 'disk',
      message: expect.stringMatching(/run\.safetensors\): the disk is full \(ENOSPC\)/) as string,
    });
    expect(await files.read('run.safetensors')).toEqual(Uint8Array.of(1, 2, 3));
    expect(readdirSync(folder)).toEqual(['run.safetensors']);
  });

  it('of a process that was killed while it wrote are cleared away, whole ones are not', () => {
    for (const name of ['a-last-1.safetensors', 'a-last-2.safetensors.123.part', 'b.part'])
      writeFileSync(join(folder, name), '');
    removeUnfinished(folder);
    expect(readdirSync(folder).sort()).toEqual(['a-last-1.safetensors', 'b.part']);
  });

  it('name the folder that cannot be written', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    await expect(createCheckpointFiles(file).write('x.safetensors', new Uint8Array(1))).rejects.toMatchObject({
      code: 'disk',
      message: expect.stringMatching(/a part of the path is a file/) as string,
    });
  });
});
